package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/telhub/telhub/agent"
	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/board"
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/catalog"
	transport "github.com/telhub/telhub/drivers/i2c"
)

// i2c looks at each configured I2C bus and the sensors on it.
func (x *exam) i2c(context.Context) {
	for i := range x.cfg.Buses {
		b := &x.cfg.Buses[i]
		if b.Kind != catalog.I2C || b.Path == "" {
			continue
		}
		if adapter := x.adapter(b); adapter >= 0 {
			x.stretching(b, adapter)
			x.tooFast(b, adapter)
			x.chips(b, adapter)
		}
	}
}

// adapter looks at a bus itself and returns the number of its adapter, -1 when
// it cannot be used.
func (x *exam) adapter(b *config.Bus) int {
	device, err := x.tree.resolve(b.Path)
	if err != nil {
		x.fail(b.Name, fmt.Sprintf("%s: %v%s", b.Path, reason(err), x.present()), x.busCure())
		return -1
	}
	n, err := strconv.Atoi(strings.TrimPrefix(lastOf(device), "i2c-"))
	if err != nil {
		x.fail(b.Name, b.Path+" is not an I2C adapter (/dev/i2c-N)", "telhub scan lists the buses there are")
		return -1
	}
	if ok, seen, cure := x.mayOpen(b.Path); !ok {
		x.fail(b.Name, b.Path+": "+seen, cure)
		return -1
	}
	seen := b.Path
	if a := x.boardBus(n); a != nil {
		if a.Driver != "" {
			seen += ", " + a.Driver
		}
		if a.Label != "" {
			seen += ", " + a.Label
		}
	}
	if hz := board.BusClock(x.o.Root, n); hz > 0 {
		seen += fmt.Sprintf(", %d kHz", hz/1000)
	}
	x.ok(b.Name, seen)
	return n
}

func (x *exam) boardBus(n int) *board.I2C {
	for i := range x.board.I2C {
		if x.board.I2C[i].Number == n {
			return &x.board.I2C[i]
		}
	}
	return nil
}

// present names the adapters there are.
func (x *exam) present() string {
	var list []string
	for i := range x.board.I2C {
		if a := &x.board.I2C[i]; a.Device {
			list = append(list, a.Path)
		}
	}
	if len(list) == 0 {
		return "; there is no I2C bus at all"
	}
	return "; there are " + strings.Join(list, ", ")
}

// busCure says how a bus that is missing comes to be.
func (x *exam) busCure() string {
	for _, id := range []string{"i2c-off", "i2c-dev"} {
		for _, w := range x.board.WatchOuts {
			if w.ID == id {
				return w.Do
			}
		}
	}
	return "check the path; telhub scan lists the buses there are"
}

// stretching warns of chips that stretch the clock on a controller that cannot
// bear it: it returns wrong bytes without an error.
func (x *exam) stretching(b *config.Bus, n int) {
	a := x.boardBus(n)
	if a == nil || !strings.HasPrefix(a.Driver, "bcm2835 (") {
		return
	}
	for i := range x.cfg.Sensors {
		s := &x.cfg.Sensors[i]
		if s.Bus == b.Name && s.Engine.Stretches && board.BusClock(x.o.Root, n) != 10_000 {
			x.warn(s.Name, s.Use+" stretches the clock, and this controller (bcm2835) then returns wrong bytes without an error",
				"put dtparam=i2c_arm_baudrate=10000 into config.txt, or move it to a bus of the overlay i2c-gpio")
		}
	}
}

// tooFast warns of chips that do not bear the bus's clock.
func (x *exam) tooFast(b *config.Bus, n int) {
	hz := board.BusClock(x.o.Root, n)
	for i := range x.cfg.Sensors {
		s := &x.cfg.Sensors[i]
		if most := s.Engine.MaxSpeed; s.Bus == b.Name && most > 0 && hz > most {
			x.warn(s.Name, fmt.Sprintf("%s bears a bus clock of %d kHz at most, and this bus runs at %d kHz: values are wrong or missing now and then", s.Use, most/1000, hz/1000),
				config.SlowerBus(most))
		}
	}
}

// abilities is what an adapter of the kernel says of itself.
type abilities interface{ Functions() transport.Functions }

// chips asks each configured address whether somebody is there.
func (x *exam) chips(b *config.Bus, n int) {
	if x.agent != nil {
		x.asRead(b)
		return
	}
	bus, err := x.open(b)
	if err != nil {
		x.fail(b.Name, err.Error(), "check that it is an I2C adapter, and the kernel's log (dmesg)")
		return
	}
	defer bus.Close()
	if f, ok := bus.(abilities); ok && f.Functions()&transport.FuncI2C == 0 {
		x.warn(b.Name, "the adapter knows SMBus commands only: "+f.Functions().String(),
			"chips that need longer or plain I2C transactions do not work on it")
	}
	for i := range x.cfg.Sensors {
		if s := &x.cfg.Sensors[i]; s.Bus == b.Name {
			x.chip(bus, n, s)
		}
	}
}

func (x *exam) open(b *config.Bus) (agent.I2C, error) {
	if x.o.Openers.I2C != nil {
		return x.o.Openers.I2C(b.Path, b.Timeout)
	}
	return transport.Open(b.Path, transport.Options{Timeout: b.Timeout})
}

// verify lets a chip's profile verify the identity, if it knows one.
func verify(bus agent.I2C, s *config.Sensor, err error) error {
	c := &counter{I2C: bus}
	dev, makeErr := catalog.OpenSensor(c, s.Spec())
	id, ok := dev.(identifier)
	if makeErr != nil || !ok {
		return err
	}
	if got := id.Identify(); c.n > 0 {
		return got
	}
	return err
}

// counter counts transactions: a profile without an identity makes none.
type counter struct {
	agent.I2C
	n int
}

func (c *counter) Tx(addr uint16, w, r []byte) error {
	c.n++
	return c.I2C.Tx(addr, w, r)
}

// identifier is a device that can verify what it is without changing it.
type identifier interface{ Identify() error }

// chip looks for one sensor: by the read of a byte, which no chip takes for a
// command, and where that is not acknowledged, by the identity that its profile
// knows (some chips answer no read before they have data).
func (x *exam) chip(bus agent.I2C, n int, s *config.Sensor) {
	at := fmt.Sprintf("%s at 0x%02x", s.Use, s.Addr)
	if driver := x.kernelDriver(n, s.Addr); driver != "" {
		x.fail(s.Name, fmt.Sprintf("%s: the kernel's driver %s owns this address", at, driver),
			fmt.Sprintf("read it through the kernel (use = \"iio\" or \"hwmon\"), or remove its overlay; until the next boot: echo %d-%04x > /sys/bus/i2c/drivers/%s/unbind", n, s.Addr, driver))
		return
	}
	err := bus.Tx(s.Addr, nil, make([]byte, 1))
	if err == nil || errors.Is(err, drivers.ErrNACK) {
		err = verify(bus, s, err)
	}
	switch {
	case err == nil:
		x.ok(s.Name, at+" answers")
	case errors.Is(err, drivers.ErrNACK):
		x.fail(s.Name, at+" does not answer", "check power, SDA and SCL, and its address pin; telhub scan lists what answers on this bus")
	case errors.Is(err, drivers.ErrIdentity):
		x.fail(s.Name, at+": another chip answers there: "+err.Error(), "telhub scan tells what it is; correct use or addr")
	case errors.Is(err, drivers.ErrTimeout), errors.Is(err, drivers.ErrBus):
		x.fail(s.Name, at+": "+err.Error(), "a line is held low or lacks its pull-up: unplug chips one by one; power-cycle them")
	default:
		x.fail(s.Name, at+": "+err.Error(), "check its wiring; telhub read "+s.Name+" tries a measurement")
	}
}

// kernelDriver names the driver that is bound to an address; "" if none is.
func (x *exam) kernelDriver(n int, addr uint16) string {
	to, err := os.Readlink(x.tree.path(fmt.Sprintf("/sys/bus/i2c/devices/%d-%04x/driver", n, addr)))
	if err != nil {
		return ""
	}
	return lastOf(to)
}

// asRead takes the running agent's word for its sensors.
func (x *exam) asRead(b *config.Bus) {
	for i := range x.cfg.Sensors {
		if s := &x.cfg.Sensors[i]; s.Bus == b.Name {
			x.ok(s.Name, fmt.Sprintf("%s at 0x%02x: not asked, because the agent runs and holds the bus; what it finds stands under agent", s.Use, s.Addr))
		}
	}
}

// reason is the innermost text of an error with a path in front.
func reason(err error) string {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}
