//go:build hil

package rig

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/uplink/redis"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// world is the board, what surrounds it, and what has come of it.
type world struct {
	*board
	*streams
	counter counter
	gnss    net.Conn // the receiver's end of ttyAMA0
	plugged net.Conn // the far end of ttyUSB0
	boots   []string // boot ids, one an epoch
	pid     string   // of the agent in this boot
	journal string   // command that prints the agent's log of this boot, if guest/rig-start does not run it
}

// What guest/telhub.toml says, as far as the test relies on it.
const (
	maxLoss    = 2 * time.Second
	flush      = 500 * time.Millisecond
	thermoStep = 500 * time.Millisecond
)

// ashore is where the thermometer behind the kernel's driver lies.
const ashore = 33.5

// TestBoard lives through a board's life; each step needs those before it.
func TestBoard(t *testing.T) {
	server := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "everysec")
	w := &world{board: newBoard(t, "board", server.Port(), "guest/telhub.toml", "guest/rig-start")}
	w.streams = follow(t, server)
	compile(t, "arm64", filepath.Join(w.overlay, "root/rebind.test"), "test", "-c", "-tags=hil", "../../board/rebind")
	t.Cleanup(w.unplug)

	steps := []struct {
		name string
		step func(*testing.T)
	}{
		{"first boot has no date", w.firstBoot},
		{"temperature follows the world", w.temperatures},
		{"absent and owned chips are told apart", w.absentAndOwned},
		{"captures arrive as gpsd decodes them", w.captures},
		{"UBX gives nothing", w.binary},
		{"samples are dated once the date is set", w.dateSet},
		{"an I2C bus heals", w.busHeals},
		{"a controller's driver is bound anew", w.rebinds},
		{"a USB adapter comes back", w.adapterComesBack},
		{"network outage", w.outage},
		{"power cut while live", w.powerCutWhileLive},
		{"power cut in an outage", w.powerCutInOutage},
		{"ordered end", w.orderedEnd},
		{"the streams as a whole", w.whole},
	}
	for _, s := range steps {
		if !t.Run(s.name, s.step) {
			w.showLog(t)
			t.FailNow()
		}
	}
}

// follow reads the streams of a server from their start.
func follow(t *testing.T, server *redistest.Server) *streams {
	t.Helper()
	s := &streams{reader: redis.NewReader(redis.Options{
		Server: redis.Address{Network: "tcp", Addrs: []string{server.Addr()}}, Stream: "telhub", Device: "rig", Shards: 1,
	}, false)}
	t.Cleanup(func() { s.reader.Close() })
	return s
}

// logged is the command that prints what the agent said in this boot.
func (w *world) logged() string {
	if w.journal != "" {
		return w.journal
	}
	return "cat /var/log/rig-start.log"
}

// showLog prints what the agent said in this boot.
func (w *world) showLog(t *testing.T) {
	t.Helper()
	if out, status := w.try(t, 30*time.Second, w.logged()+" | tail -n 60"); status == 0 {
		t.Logf("the agent's log:\n%s", out)
	}
}

// checkLog wants no error in what the agent said in this boot.
func (w *world) checkLog(t *testing.T) {
	t.Helper()
	if out, status := w.try(t, 30*time.Second, w.logged()+` | grep '"level":"error"'`); status != 1 {
		t.Errorf("the agent's log has errors:\n%s", out)
	}
}

// boot switches the board on and waits for its first live samples.
func (w *world) boot(t *testing.T, words ...string) {
	t.Helper()
	w.up(t, nil, words...)
	w.temperature(t, "th1", ashore*1000)
	w.arrived(t, 90*time.Second)
	w.awaitPort(t, "ttyUSB0")
	w.awaitPort(t, "ttyAMA0")
	w.unplug()
	w.gnss = w.plug(t, "uart")
	w.plugged = w.plug(t, "usb")
	w.counter.start(w.plugged)
	w.awaitCounter(t, w.counter.last()+1)
}

// arrived waits for the first live samples of a new epoch.
func (w *world) arrived(t *testing.T, limit time.Duration) {
	t.Helper()
	epoch := uint64(len(w.boots) + 1)
	await(t, limit, "a temperature in the new epoch", func() bool {
		w.read(t)
		got := w.since(0, "thermo/temperature")
		return len(got) > 0 && got[len(got)-1].in.ID.Epoch == epoch
	})
	w.boots = append(w.boots, strings.TrimSpace(w.run(t, "cat /proc/sys/kernel/random/boot_id")))
	w.pid = w.run(t, "pidof telhub")
}

// unplug closes the serial lines of the last boot.
func (w *world) unplug() {
	for _, c := range []net.Conn{w.gnss, w.plugged} {
		if c != nil {
			c.Close()
		}
	}
}

// awaitPort waits until the agent has a serial port open.
func (w *world) awaitPort(t *testing.T, name string) {
	t.Helper()
	await(t, time.Minute, name+" open", func() bool {
		_, status := w.try(t, 30*time.Second, "ls -l /proc/$(pidof telhub)/fd | grep -q "+name)
		return status == 0
	})
}

// awaitCounter waits for a number of the counter's.
func (w *world) awaitCounter(t *testing.T, n int) {
	t.Helper()
	await(t, time.Minute, fmt.Sprintf("counter %d", n), func() bool {
		w.read(t)
		for _, v := range values(w.since(0, "counter/n")) {
			if int(v) >= n {
				return true
			}
		}
		return false
	})
}

// checkCounter wants each number from one that the agent heard to last once.
func (w *world) checkCounter(t *testing.T, epoch uint64, last int) {
	t.Helper()
	times := make(map[int]int)
	first := 0
	for _, s := range w.since(0, "counter/n") {
		if s.in.ID.Epoch != epoch {
			continue
		}
		n := int(s.Value)
		times[n]++
		if first == 0 || n < first {
			first = n
		}
	}
	for n := first; n <= last; n++ {
		if times[n] != 1 {
			t.Errorf("counter %d came %d times", n, times[n])
		}
	}
	t.Logf("counter: %d to %d of epoch %d, each once", first, last, epoch)
}

// checkPid wants the agent to be the process that began with the boot.
func (w *world) checkPid(t *testing.T) {
	t.Helper()
	if pid := w.run(t, "pidof telhub"); pid != w.pid {
		t.Errorf("the agent is process %q, was %q", pid, w.pid)
	}
}

// capture reads a capture of drivers/nmea.
func capture(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("../../drivers/nmea/testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
