package bmx280_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/bmx280"
	"github.com/telhub/telhub/drivers/sim"
)

// handClock is a time that only the test moves, so that counting allocations
// does not count timers.
type handClock struct{ now time.Time }

func (c *handClock) Now() time.Time        { return c.now }
func (c *handClock) Sleep(d time.Duration) { c.now = c.now.Add(d) }

// handRig is a rig on a hand-moved clock, and one complete measurement on it.
func handRig(t testing.TB, opts bmx280.Opts) (bus *sim.I2CBus, chip *sim.BMx280, dev *bmx280.Dev, read func() error) {
	clock := &handClock{now: time.Unix(1e9, 0)}
	bus, chip = sim.NewI2CBus("i2c1"), sim.NewBME280(sim.BMxTypical())
	bus.SetClock(clock.Now, clock.Sleep)
	bus.Attach(opts.Addr, chip)
	dev, err := bmx280.New(bus, opts)
	if err != nil {
		t.Fatal(err)
	}
	clock.Sleep(time.Second)
	var dst drivers.Reading
	return bus, chip, dev, func() error {
		dst.Reset()
		for {
			wait, err := dev.Read(&dst)
			if err != nil || wait == 0 {
				return err
			}
			clock.Sleep(wait)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	var dst drivers.Reading
	dev := mustNew(t, newRecorded(), bmx280.DefaultOpts(bmx280.BME280))
	mustInit(t, dev)
	n := testing.AllocsPerRun(200, func() {
		dst.Reset()
		dev.Read(&dst)
		if _, err := dev.Read(&dst); err != nil || !dst.Has(2) {
			t.Fatalf("error %v, humidity %v", err, dst.Has(2))
		}
	})
	if n != 0 {
		t.Errorf("a measurement: %v allocations, want 0", n)
	}
}

func TestNoAllocationsOnErrors(t *testing.T) {
	bus, chip, dev, read := handRig(t, bmx280.DefaultOpts(bmx280.BME280))
	for _, kind := range []sim.FaultKind{sim.NACK, sim.Stuck, sim.Arbitration, sim.Short, sim.Unplugged} {
		bus.Inject(sim.Fault{Kind: kind})
		if n := testing.AllocsPerRun(100, func() {
			if read() == nil {
				t.Fatal("no error")
			}
		}); n != 0 {
			t.Errorf("read with fault %d: %v allocations, want 0", kind, n)
		}
		if n := testing.AllocsPerRun(100, func() {
			if dev.Init() == nil {
				t.Fatal("no error")
			}
		}); n != 0 {
			t.Errorf("init with fault %d: %v allocations, want 0", kind, n)
		}
	}
	bus.Inject(sim.Fault{})
	if n := testing.AllocsPerRun(100, func() {
		chip.BrownOut()
		if read() == nil {
			t.Fatal("no error")
		}
	}); n != 0 {
		t.Errorf("brown-out: %v allocations, want 0", n)
	}
	wrong := mustNew(t, bus, bmx280.DefaultOpts(bmx280.BMP280))
	if n := testing.AllocsPerRun(100, func() {
		if wrong.Init() == nil {
			t.Fatal("no error")
		}
	}); n != 0 {
		t.Errorf("wrong chip: %v allocations, want 0", n)
	}
}

// Init sleeps; its clock is the bubble's.
func TestNoAllocationsInInit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, sim.NewBME280(sim.BMxTypical()), bmx280.DefaultOpts(bmx280.BME280))
		if n := testing.AllocsPerRun(100, func() { mustInit(t, r.dev) }); n != 0 {
			t.Errorf("init: %v allocations, want 0", n)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	dev, err := bmx280.New(newRecorded(), bmx280.DefaultOpts(bmx280.BME280))
	if err != nil {
		b.Fatal(err)
	}
	if err := dev.Init(); err != nil {
		b.Fatal(err)
	}
	var dst drivers.Reading
	b.ReportAllocs()
	for b.Loop() {
		dst.Reset()
		dev.Read(&dst)
		dev.Read(&dst)
	}
}
