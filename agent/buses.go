package agent

import (
	"fmt"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/drivers"
	transport "github.com/telhub/telhub/drivers/i2c"
	"github.com/telhub/telhub/drivers/serial"
)

// I2C is an adapter that can be opened anew.
type I2C interface {
	i2c.Bus
	Reopen() error
	Close() error
}

// Openers open buses. The zero value opens the kernel's; the demo opens
// simulated ones.
type Openers struct {
	I2C func(path string, timeout time.Duration) (I2C, error)
	// Root is where /sys, /proc and /dev of sensors on no bus are; "" is /.
	Root string
}

func (o *Openers) i2c(path string, timeout time.Duration) (I2C, error) {
	if o.I2C != nil {
		return o.I2C(path, timeout)
	}
	return transport.Open(path, transport.Options{Timeout: timeout})
}

// adapter is an I2C bus that need not be there when the agent starts: until
// Reopen succeeds it is unplugged. The bus's owner goroutine uses it.
type adapter struct {
	path string
	open func() (I2C, error)
	bus  I2C // nil while it was never open
}

var _ I2C = (*adapter)(nil)

func (a *adapter) String() string { return a.path }

// Tx implements i2c.Bus.
func (a *adapter) Tx(addr uint16, w, r []byte) error {
	if a.bus == nil {
		return drivers.ErrUnplugged
	}
	return a.bus.Tx(addr, w, r)
}

// SetSpeed implements i2c.Bus; the kernel fixes an adapter's clock.
func (a *adapter) SetSpeed(f physic.Frequency) error {
	if a.bus == nil {
		return drivers.ErrUnplugged
	}
	return a.bus.SetSpeed(f)
}

// Reopen opens the adapter, again if it was open.
func (a *adapter) Reopen() error {
	if a.bus != nil {
		return a.bus.Reopen()
	}
	bus, err := a.open()
	if err != nil {
		return err
	}
	a.bus = bus
	return nil
}

func (a *adapter) Close() error {
	if a.bus == nil {
		return nil
	}
	return a.bus.Close()
}

// line is a serial port that need not be there when the agent starts. The
// stream's owner goroutine uses it.
type line struct {
	path string
	opts serial.Options
	port *serial.Port // nil while it was never open
	err  error        // why it could not be opened
}

// readTimeout is how long a read of a serial port waits: less than the silence
// by which receivers end an epoch. Stop waits for it.
const readTimeout = 100 * time.Millisecond

func newLine(b *config.Bus) (*line, error) {
	mode, err := serial.ParseMode(b.Mode)
	if err != nil {
		return nil, fmt.Errorf("bus %s: %w", b.Name, err)
	}
	return &line{path: b.Port, opts: serial.Options{Mode: mode, Timeout: readTimeout, RS485: rs485(b)}}, nil
}

// Read implements pipeline.Port.
func (l *line) Read(p []byte) (int, error) {
	if l.port == nil {
		return 0, l.absent()
	}
	return l.port.Read(p)
}

// absent says why the port was never open.
func (l *line) absent() error {
	if l.err != nil {
		return l.err
	}
	return drivers.ErrUnplugged
}

// Reopen implements pipeline.Port.
func (l *line) Reopen() error {
	if l.port != nil {
		return l.port.Reopen()
	}
	l.port, l.err = serial.Open(l.path, l.opts)
	return l.err
}

func (l *line) Close() error {
	if l.port == nil {
		return nil
	}
	return l.port.Close()
}
