package system_test

import (
	"fmt"
	"math"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/telhub/telhub/drivers/system"
)

// plug makes a network interface of the kernel's own, which vanishes with the
// closing of the file.
func plug(t *testing.T, name string) (unplug func()) {
	t.Helper()
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Logf("no interface can be made: %v", err)
		return nil
	}
	req, err := unix.NewIfreq(name)
	if err != nil {
		t.Fatal(err)
	}
	req.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err != nil {
		t.Logf("no interface can be made: %v", err)
		_ = unix.Close(fd)
		return nil
	}
	return func() { _ = unix.Close(fd) }
}

// A real adapter that is pulled while its file is open, and plugged in again:
// the kernel itself says that the device has gone, and telhub finds the next.
func TestRealInterfaceComesAndGoes(t *testing.T) {
	name := fmt.Sprintf("th%d", os.Getpid()%1000000)
	s := open(t, system.Options{Mounts: []string{}, Interfaces: []string{name}, Only: []string{"network_" + name + "_rx", "uptime"}})
	rx := func() float64 { return read(t, s, nil)["network_"+name+"_rx"] }
	if v := rx(); !math.IsNaN(v) {
		t.Errorf("before it is there: got %v", v)
	}
	for range 3 {
		unplug := plug(t, name)
		if unplug == nil {
			return
		}
		if v := rx(); v != 0 {
			t.Errorf("plugged in: got %v, want 0 bytes", v)
		}
		unplug()
		if v := rx(); !math.IsNaN(v) {
			t.Errorf("pulled: got %v", v)
		}
	}
}
