package i2c

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

// MaxTransfer is the most bytes that one direction of a transaction can carry:
// the limit of the kernel's i2c-dev.
const MaxTransfer = 8192

// Defaults and bounds of Options.
const (
	DefaultTimeout = 100 * time.Millisecond
	maxTimeout     = 60 * time.Second
	maxRetries     = 10
	maxInterrupts  = 3 // times that an interrupted request is made again
)

// Options adjust a Bus. The zero value means the defaults.
type Options struct {
	// Timeout of one transaction; 0 is DefaultTimeout. The kernel counts it in
	// steps of 10 ms, rounded up here. Its own default is a second, which one
	// hung chip would take from all its neighbours. Long transfers and chips
	// that stretch the clock need more: a kilobyte takes 93 ms at 100 kHz.
	//
	// Timeout and Retries belong to the adapter, not to this Bus: kernel
	// drivers on the same bus get them too, and they outlast Close.
	Timeout time.Duration
	// Retries is how often the kernel repeats a transaction that lost
	// arbitration to another master.
	Retries int
	// Sysfs is where sysfs is mounted; "" is /sys.
	Sysfs string
}

func (o Options) complete() (Options, error) {
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Timeout < 0 || o.Timeout > maxTimeout {
		return o, fmt.Errorf("timeout %v: want more than 0 and at most %v", o.Timeout, maxTimeout)
	}
	if o.Retries < 0 || o.Retries > maxRetries {
		return o, fmt.Errorf("retries %d: want 0 to %d", o.Retries, maxRetries)
	}
	if o.Sysfs == "" {
		o.Sysfs = "/sys"
	}
	return o, nil
}

// Bus is an open I2C adapter. One goroutine owns it.
type Bus struct {
	path string
	opts Options
	sys  calls

	fd     int // -1 when closed
	number int // N of i2c-N, or -1 when the path does not tell
	funcs  Functions
	slave  int       // address set with ioctlSlave, or -1
	free   [2]uint64 // 7-bit addresses that no kernel driver owned when asked

	// The request that the kernel reads. All of it lives here, in the heap:
	// a stack can move between filling a request and the system call.
	msgs     [2]message
	rdwr     rdwrData
	smbus    smbusData
	block    [34]byte // union i2c_smbus_data
	funcMask uintptr  // unsigned long
	out, in  [MaxTransfer]byte

	err Error // the one error that Tx returns
}

var _ i2c.BusCloser = (*Bus)(nil)

// Open opens the adapter at path, such as /dev/i2c-1, and asks what it can do.
func Open(path string, o Options) (*Bus, error) { return open(path, o, linux()) }

func open(path string, o Options, sys calls) (*Bus, error) {
	o, err := o.complete()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	b := &Bus{path: path, opts: o, sys: sys, fd: -1, number: -1}
	if err := b.Reopen(); err != nil {
		return nil, err
	}
	return b, nil
}

// Reopen closes the adapter, if it is open, and opens it anew: after an
// unplugged adapter came back or its kernel driver was bound again. On error
// the bus stays closed and Reopen may be called again.
//
// A kernel driver cannot be unbound while its adapter is open: the kernel
// waits for the last descriptor. Close first.
func (b *Bus) Reopen() error {
	_ = b.Close()
	fd, errno := b.sys.open(b.path)
	if errno != 0 {
		return &Error{Bus: b.path, Op: opOpen, Errno: errno}
	}
	b.fd, b.slave, b.free = fd, -1, [2]uint64{}
	b.number = adapterNumber(b.path)
	if errno := b.setUp(); errno != 0 {
		_ = b.Close()
		return &Error{Bus: b.path, Op: opOpen, Errno: errno}
	}
	return nil
}

// setUp asks for the adapter's abilities and sets its limits.
func (b *Bus) setUp() syscall.Errno {
	if _, errno := b.object(ioctlFuncs, unsafe.Pointer(&b.funcMask)); errno != 0 {
		return errno
	}
	b.funcs = Functions(b.funcMask)
	ticks := (b.opts.Timeout + 10*time.Millisecond - 1) / (10 * time.Millisecond)
	if errno := b.sys.value(b.fd, ioctlTimeout, uintptr(ticks)); errno != 0 {
		return errno
	}
	return b.sys.value(b.fd, ioctlRetries, uintptr(b.opts.Retries))
}

// Close closes the adapter. Transactions then give drivers.ErrUnplugged until
// Reopen. Closing twice is no error.
func (b *Bus) Close() error {
	if b.fd >= 0 {
		b.sys.close(b.fd)
		b.fd = -1
	}
	return nil
}

// String gives the path that the bus was opened with.
func (b *Bus) String() string { return b.path }

// Functions says what the adapter can do.
func (b *Bus) Functions() Functions { return b.funcs }

// SetSpeed always fails: Linux fixes an adapter's clock before user space runs.
func (b *Bus) SetSpeed(physic.Frequency) error {
	return fmt.Errorf("%s: set speed: %w; set clock-frequency in the device tree (Raspberry Pi: dtparam=i2c_arm_baudrate)",
		b.path, errors.ErrUnsupported)
}

// adapterNumber finds N behind a path like /dev/i2c-N or a link to it.
func adapterNumber(path string) int {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	digits, ok := strings.CutPrefix(filepath.Base(path), "i2c-")
	n, err := strconv.Atoi(digits)
	if !ok || err != nil || n < 0 {
		return -1
	}
	return n
}
