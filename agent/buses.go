package agent

import (
	"cmp"
	"fmt"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/board/rebind"
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
	// Cut takes the line that switches a supply; lit means cut.
	Cut func(config.Power) (Lamp, error)
	// Root is where /sys, /proc and /dev of sensors on no bus are; "" is /.
	Root string

	trace *Trace // of the one reading that is taken; nil is none
	dry   bool   // files that options name stay unread
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
	root string // "" is /
	open func() (I2C, error)
	bus  I2C   // nil while it was never open
	err  error // why it is not; nil while nobody tried

	controller *rebind.Controller // found when it was bound anew first
}

var _ I2C = (*adapter)(nil)

func newAdapter(b *config.Bus, o Openers) *adapter {
	return &adapter{path: b.Path, root: o.Root, err: drivers.ErrUnplugged, open: func() (I2C, error) { return o.i2c(b.Path, b.Timeout) }}
}

func (a *adapter) String() string { return a.path }

// Tx implements i2c.Bus.
func (a *adapter) Tx(addr uint16, w, r []byte) error {
	if a.bus == nil {
		return a.err
	}
	return a.bus.Tx(addr, w, r)
}

// SetSpeed implements i2c.Bus; the kernel fixes an adapter's clock.
func (a *adapter) SetSpeed(f physic.Frequency) error {
	if a.bus == nil {
		return a.err
	}
	return a.bus.SetSpeed(f)
}

// Reopen opens the adapter, again if it was open. A driver that rebind could
// not give back is given back first.
func (a *adapter) Reopen() error {
	if a.controller != nil {
		if err := a.controller.Mend(); err != nil {
			return err
		}
	}
	if a.bus != nil {
		return a.bus.Reopen()
	}
	bus, err := a.open()
	if err != nil {
		a.err = absent(err)
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

// rebind is the step of recovery that resets the controller. The kernel waits
// for our descriptor, too, so it is closed.
func (a *adapter) rebind(<-chan struct{}) error {
	if a.controller == nil {
		c, err := rebind.Find(cmp.Or(a.root, "/"), a.path)
		if err != nil {
			return err
		}
		a.controller = c
	}
	if err := a.Close(); err != nil {
		return err
	}
	return a.controller.Cycle()
}

// line is a serial port that need not be there when the agent starts. The
// stream's owner goroutine uses it.
type line struct {
	path string
	opts serial.Options
	port *serial.Port // nil while it was never open
	err  error        // why it is not
}

// readTimeout is how long a read of a serial port waits: less than the silence
// by which receivers end an epoch. Stop waits for it.
const readTimeout = 100 * time.Millisecond

func newLine(b *config.Bus) (*line, error) {
	mode, err := serial.ParseMode(b.Mode)
	if err != nil {
		return nil, fmt.Errorf("bus %s: %w", b.Name, err)
	}
	return &line{path: b.Port, err: drivers.ErrUnplugged, opts: serial.Options{Mode: mode, Timeout: readTimeout, RS485: rs485(b)}}, nil
}

// Read implements pipeline.Port.
func (l *line) Read(p []byte) (int, error) {
	if l.port == nil {
		return 0, l.err
	}
	return l.port.Read(p)
}

// Reopen implements pipeline.Port.
func (l *line) Reopen() error {
	if l.port != nil {
		return l.port.Reopen()
	}
	port, err := serial.Open(l.path, l.opts)
	if err != nil {
		l.err = absent(err)
		return err
	}
	l.port = port
	return nil
}

func (l *line) Close() error {
	if l.port == nil {
		return nil
	}
	return l.port.Close()
}
