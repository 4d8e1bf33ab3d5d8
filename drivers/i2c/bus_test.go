package i2c

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/telhub/telhub/drivers"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

// The layouts of linux/i2c.h and linux/i2c-dev.h for 4- and 8-byte pointers,
// as offsetof and sizeof give them.
func TestRequestLayout(t *testing.T) {
	for _, tt := range []struct {
		name         string
		got          uintptr
		want4, want8 uintptr
	}{
		{"i2c_msg.addr", unsafe.Offsetof(message{}.addr), 0, 0},
		{"i2c_msg.flags", unsafe.Offsetof(message{}.flags), 2, 2},
		{"i2c_msg.len", unsafe.Offsetof(message{}.len), 4, 4},
		{"i2c_msg.buf", unsafe.Offsetof(message{}.buf), 8, 8},
		{"i2c_msg", unsafe.Sizeof(message{}), 12, 16},
		{"i2c_rdwr_ioctl_data.msgs", unsafe.Offsetof(rdwrData{}.msgs), 0, 0},
		{"i2c_rdwr_ioctl_data.nmsgs", unsafe.Offsetof(rdwrData{}.nmsgs), 4, 8},
		{"i2c_rdwr_ioctl_data", unsafe.Sizeof(rdwrData{}), 8, 16},
		{"i2c_smbus_ioctl_data.read_write", unsafe.Offsetof(smbusData{}.readWrite), 0, 0},
		{"i2c_smbus_ioctl_data.command", unsafe.Offsetof(smbusData{}.command), 1, 1},
		{"i2c_smbus_ioctl_data.size", unsafe.Offsetof(smbusData{}.size), 4, 4},
		{"i2c_smbus_ioctl_data.data", unsafe.Offsetof(smbusData{}.data), 8, 8},
		{"i2c_smbus_ioctl_data", unsafe.Sizeof(smbusData{}), 12, 16},
		{"i2c_smbus_data", unsafe.Sizeof(Bus{}.block), 34, 34},
	} {
		want := tt.want8
		if unsafe.Sizeof(uintptr(0)) == 4 {
			want = tt.want4
		}
		if tt.got != want {
			t.Errorf("%s: %d, want %d", tt.name, tt.got, want)
		}
	}
}

func TestOpenSetsTimeoutAndRetries(t *testing.T) {
	for _, tt := range []struct {
		o              Options
		ticks, retries uintptr
	}{
		{Options{}, 10, 0},
		{Options{Timeout: time.Millisecond, Retries: 3}, 1, 3},
		{Options{Timeout: 251 * time.Millisecond}, 26, 0},
	} {
		k := newFake()
		mustOpen(t, k, tt.o)
		if k.values[ioctlTimeout] != tt.ticks || k.values[ioctlRetries] != tt.retries {
			t.Errorf("%+v: %d ticks, %d retries, want %d and %d", tt.o,
				k.values[ioctlTimeout], k.values[ioctlRetries], tt.ticks, tt.retries)
		}
	}
	for _, o := range []Options{{Timeout: -1}, {Timeout: time.Hour}, {Retries: -1}, {Retries: 11}} {
		if b, err := open("/dev/i2c-1", o, newFake().calls()); err == nil {
			t.Errorf("%+v accepted: %v", o, b)
		}
	}
}

func TestReopenAfterUnplug(t *testing.T) {
	k := newFake()
	k.chips[0x48] = new([256]byte)
	b := mustOpen(t, k, Options{})
	k.fail, k.failLeft = syscall.ENODEV, -1
	if err := b.Probe(0x48); !errors.Is(err, drivers.ErrUnplugged) {
		t.Fatalf("got %v, want %v", err, drivers.ErrUnplugged)
	}
	k.openErr = syscall.ENOENT
	if err := b.Reopen(); !errors.Is(err, drivers.ErrUnplugged) {
		t.Fatalf("reopen: got %v, want %v", err, drivers.ErrUnplugged)
	}
	if err := b.Probe(0x48); !errors.Is(err, drivers.ErrUnplugged) {
		t.Fatalf("closed: got %v, want %v", err, drivers.ErrUnplugged)
	}
	k.openErr, k.fail, k.slaves = 0, 0, 0
	if err := b.Reopen(); err != nil {
		t.Fatal(err)
	}
	if err := b.Probe(0x48); err != nil {
		t.Fatal(err)
	}
	if k.slaves != 1 {
		t.Errorf("ownership asked %d times after reopening, want 1", k.slaves)
	}
	if k.opens != 3 || k.closes != 1 {
		t.Errorf("%d opens, %d closes, want 3 and 1", k.opens, k.closes)
	}
}

func TestOpenClosesWhatIsNoAdapter(t *testing.T) {
	k := newFake()
	k.funcsErr = syscall.ENOTTY
	if b, err := open("/dev/i2c-1", Options{}, k.calls()); err == nil || k.closes != 1 {
		t.Errorf("got %v, %v and %d closes, want an error and one close", b, err, k.closes)
	}
}

// These ask the real kernel: what is there without any I2C hardware.
func TestOpenRealFiles(t *testing.T) {
	_, err := Open(filepath.Join(t.TempDir(), "i2c-9"), Options{})
	if !errors.Is(err, drivers.ErrUnplugged) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing node: got %v, want %v", err, drivers.ErrUnplugged)
	}
	if _, err := Open("/dev/null", Options{}); !errors.Is(err, syscall.ENOTTY) || !strings.Contains(err.Error(), "not an I2C adapter") {
		t.Errorf("/dev/null: got %v", err)
	}
}

// FIONREAD stores an int through its pointer: the real system call with a
// pointer to the heap, without I2C.
func TestObjectReachesTheRealKernel(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if _, err := w.WriteString("seven b"); err != nil {
		t.Fatal(err)
	}
	const fionread = 0x541b
	n := new(int32)
	if _, errno := ioctlObject(int(r.Fd()), fionread, unsafe.Pointer(n)); errno != 0 || *n != 7 {
		t.Errorf("FIONREAD: %d, %v, want 7", *n, errno)
	}
	if _, errno := ioctlObject(-1, fionread, unsafe.Pointer(n)); errno != syscall.EBADF {
		t.Errorf("bad descriptor: %v, want EBADF", errno)
	}
	if errno := ioctlValue(int(r.Fd()), ioctlSlave, 0x48); errno != syscall.ENOTTY {
		t.Errorf("I2C_SLAVE on a pipe: %v, want ENOTTY", errno)
	}
}

func TestNameAndKernelOwned(t *testing.T) {
	sys, dev := t.TempDir(), t.TempDir()
	put(t, filepath.Join(sys, "class/i2c-dev/i2c-1/name"), "bcm2835 (i2c@7e804000)\n")
	put(t, filepath.Join(sys, "bus/i2c/drivers/lm75/bind"), "")
	device := filepath.Join(sys, "bus/i2c/devices/1-0049")
	put(t, filepath.Join(device, "name"), "lm75\n")
	if err := os.Symlink("../../drivers/lm75", filepath.Join(device, "driver")); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dev, "i2c-1"), "")
	link := filepath.Join(dev, "header")
	if err := os.Symlink("i2c-1", link); err != nil {
		t.Fatal(err)
	}
	b, err := open(link, Options{Sysfs: sys}, newFake().calls())
	if err != nil {
		t.Fatal(err)
	}
	if name, err := b.Name(); name != "bcm2835 (i2c@7e804000)" || err != nil {
		t.Errorf("name %q, %v", name, err)
	}
	put(t, filepath.Join(sys, "class/i2c-adapter/i2c-1/name"), "other\n")
	if name, err := b.Name(); name != "other" || err != nil {
		t.Errorf("name by i2c-adapter %q, %v", name, err)
	}
	if driver, ok := b.KernelOwned(0x49); driver != "lm75" || !ok {
		t.Errorf("0x49: %q, %v, want lm75", driver, ok)
	}
	if driver, ok := b.KernelOwned(0x48); ok {
		t.Errorf("0x48 owned by %q", driver)
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestNumberlessPath(t *testing.T) {
	b, err := open("/dev/somewhere", Options{}, newFake().calls())
	if err != nil {
		t.Fatal(err)
	}
	if name, err := b.Name(); err == nil {
		t.Errorf("name %q of a path without number", name)
	}
	if driver, ok := b.KernelOwned(0x48); ok {
		t.Errorf("owned by %q on a path without number", driver)
	}
}

func TestPeriphDevSpeaksThroughBus(t *testing.T) {
	k := newFake()
	k.chips[0x48] = &[256]byte{9: 0x77}
	b := mustOpen(t, k, Options{})
	var r [1]byte
	if err := (&i2c.Dev{Bus: b, Addr: 0x48}).Tx([]byte{9}, r[:]); err != nil || r[0] != 0x77 {
		t.Errorf("got %#x, %v, want 0x77", r[0], err)
	}
	if err := b.SetSpeed(physic.KiloHertz); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("set speed: got %v, want %v", err, errors.ErrUnsupported)
	}
	if got := b.String(); got != "/dev/i2c-1" {
		t.Errorf("string %q", got)
	}
}

func TestFunctionsString(t *testing.T) {
	if got, want := (FuncI2C | FuncReadBlock | 0x8).String(), "i2c read-i2c-block 0x8"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
