package drivertest

import (
	"errors"
	"math"
	"testing"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/sim"
)

// Device describes what is tested.
type Device struct {
	Addr uint16
	// Chip makes the chip, in the state of the world that Want is about.
	Chip func() sim.Chip
	// Open makes the driver, as a catalogue does.
	Open func(bus i2c.Bus) (drivers.Sensor, error)
	// Want is what a reading must give, by output; others may be there.
	Want map[string]Near
	// Settle is how long the chip needs after power-on before it measures.
	Settle time.Duration
	// CannotTell lets a reading after a dip of the supply be old or wrong: of
	// chips whose registers say nothing of it. Init must bring it back all the same.
	CannotTell bool
}

// Near is a value and how far a reading may be off: the chip's own resolution.
type Near [2]float64

const (
	longestWait = time.Minute // of one Read
	mostReads   = 200         // of one measurement
	mostSteps   = 200         // transactions of Init and one measurement
)

// rig is a device on a bus of its own. Its clock is the real one and what the
// driver was told to wait, so that nobody waits.
type rig struct {
	d       *Device
	bus     *sim.I2CBus
	counted counter
	sensor  drivers.Sensor
	ahead   time.Duration
	r       drivers.Reading
}

// counter fails one transaction, counted from its begin.
type counter struct {
	*sim.I2CBus
	n, failAt int
	err       error
}

func (c *counter) Tx(addr uint16, w, r []byte) error {
	c.n++
	if c.n == c.failAt {
		return c.err
	}
	return c.I2CBus.Tx(addr, w, r)
}

func (c *counter) SetSpeed(f physic.Frequency) error { return c.I2CBus.SetSpeed(f) }

func newRig(t *testing.T, d *Device) *rig {
	t.Helper()
	g := &rig{d: d, bus: sim.NewI2CBus("bus")}
	g.bus.SetClock(func() time.Time { return time.Now().Add(g.ahead) }, func(p time.Duration) { g.ahead += p })
	g.bus.Attach(d.Addr, d.Chip())
	g.ahead += d.Settle
	g.counted.I2CBus = g.bus
	var err error
	if g.sensor, err = d.Open(&g.counted); err != nil {
		t.Fatalf("Open: %v", err)
	}
	return g
}

// measure takes one reading.
func (g *rig) measure() error {
	g.r.Reset()
	for range mostReads {
		wait, err := g.sensor.Read(&g.r)
		switch {
		case errors.Is(err, drivers.ErrNotReady):
			g.r.Reset()
			wait = max(wait, 10*time.Millisecond)
		case err != nil:
			return err
		case wait == 0:
			return nil
		case wait > longestWait:
			return errTooLong
		}
		g.ahead += wait
	}
	return errEndless
}

var (
	errTooLong = errors.New("asks to wait for more than a minute")
	errEndless = errors.New("a measurement does not end")
)

// wrong names an output whose value is another than the truth; "" if none is.
// What is missing or bad is wrong only where all must be there.
func (g *rig) wrong(all bool) string {
	found := 0
	for i, o := range g.sensor.Outputs() {
		want, ok := g.d.Want[o.Name]
		if !ok {
			continue
		}
		switch {
		case g.r.Has(i) && math.Abs(g.r.Values[i]-want[0]) > want[1]:
			return o.Name
		case g.r.Has(i):
			found++
		case all:
			return o.Name + ", which has no value"
		}
	}
	if all && found != len(g.d.Want) {
		return "an output that does not exist"
	}
	return ""
}

// truth fails unless Init and Read give what they should.
func (g *rig) truth(t *testing.T, when string) {
	t.Helper()
	if err := g.sensor.Init(); err != nil {
		t.Fatalf("%s: Init: %v", when, err)
	}
	for range 2 { // the first may be what was measured before
		if err := g.measure(); err != nil {
			t.Fatalf("%s: Read: %v", when, err)
		}
	}
	if what := g.wrong(true); what != "" {
		t.Errorf("%s: wrong %s: %v, want %v", when, what, g.values(), g.d.Want)
	}
}

func (g *rig) values() map[string]float64 {
	m := map[string]float64{}
	for i, o := range g.sensor.Outputs() {
		if g.r.Has(i) {
			m[o.Name] = g.r.Values[i]
		}
	}
	return m
}
