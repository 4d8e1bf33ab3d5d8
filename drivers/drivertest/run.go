package drivertest

import (
	"errors"
	"testing"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/sim"
)

// Run tests a driver. Each of its parts is a subtest with a chip of its own.
func Run(t *testing.T, d Device) {
	for _, part := range []struct {
		name string
		run  func(*testing.T, *rig)
	}{
		{"construction", construction},
		{"truth", func(t *testing.T, g *rig) { g.truth(t, "at first"); g.truth(t, "again") }},
		{"faults", faults},
		{"each step", eachStep},
		{"supply", supply},
		{"allocations", allocations},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(t, newRig(t, &d)) })
	}
}

// construction looks at what is there before the first transaction.
func construction(t *testing.T, g *rig) {
	if n := g.bus.Transactions(); n > 0 {
		t.Errorf("Open made %d transactions; Init is the first to touch the bus", n)
	}
	outputs := g.sensor.Outputs()
	if len(outputs) == 0 || len(outputs) > drivers.MaxOutputs {
		t.Fatalf("%d outputs", len(outputs))
	}
	seen := map[string]bool{}
	for _, o := range outputs {
		if o.Name == "" || seen[o.Name] {
			t.Errorf("output %q has no name, or another's", o.Name)
		}
		seen[o.Name] = true
	}
	for name := range g.d.Want {
		if !seen[name] {
			t.Errorf("there is no output %s", name)
		}
	}
}

// faults plays each kind of fault until it is over.
func faults(t *testing.T, g *rig) {
	for _, f := range []struct {
		name string
		kind sim.FaultKind
		want error
	}{
		{"nobody acknowledges", sim.NACK, drivers.ErrNACK},
		{"the bus is stuck", sim.Stuck, drivers.ErrTimeout},
		{"arbitration is lost", sim.Arbitration, drivers.ErrBus},
		{"the adapter is gone", sim.Unplugged, drivers.ErrUnplugged},
	} {
		g.truth(t, "before "+f.name)
		g.bus.Inject(sim.Fault{Kind: f.kind})
		for range 3 {
			if err := g.measure(); !errors.Is(err, f.want) {
				t.Errorf("%s: Read gives %v, want %v", f.name, err, f.want)
			}
		}
		for range 3 { // from here on Read may ask for a successful Init first
			if err := g.sensor.Init(); !errors.Is(err, f.want) {
				t.Errorf("%s: Init gives %v, want %v", f.name, err, f.want)
			}
		}
		g.bus.Inject(sim.Fault{})
		g.ahead += g.d.Settle
		g.truth(t, "after "+f.name)
	}
}

// eachStep lets one transaction after the other fail.
func eachStep(t *testing.T, g *rig) {
	for step := 1; step <= mostSteps; step++ {
		c := &g.counted
		c.n, c.failAt, c.err = 0, step, drivers.ErrNACK
		err := g.sensor.Init()
		for i := 0; i < 2 && err == nil; i++ {
			if err = g.measure(); err == nil {
				if what := g.wrong(false); what != "" {
					t.Errorf("transaction %d failed: wrong %s: %v", step, what, g.values())
				}
			}
		}
		reached := c.n >= step
		c.failAt = 0
		if !reached {
			return // no measurement has so many
		}
		g.truth(t, "after a transaction failed")
	}
	t.Errorf("more than %d transactions a measurement", mostSteps)
}

// supply takes the supply away for a moment.
func supply(t *testing.T, g *rig) {
	g.truth(t, "before")
	g.bus.PowerCycle()
	for range 3 {
		if err := g.measure(); err == nil && !g.d.CannotTell {
			if what := g.wrong(false); what != "" {
				t.Errorf("after a dip of the supply: wrong %s: %v, want %v, bad, or an error", what, g.values(), g.d.Want)
			}
		}
	}
	g.ahead += g.d.Settle
	g.truth(t, "after a dip of the supply")
}

// allocations measures what Read allocates.
func allocations(t *testing.T, g *rig) {
	g.truth(t, "before")
	if n := testing.AllocsPerRun(50, func() { _ = g.measure() }); n != 0 {
		t.Errorf("a reading makes %v allocations", n)
	}
	for _, kind := range []sim.FaultKind{sim.NACK, sim.Stuck, sim.Short} {
		g.bus.Inject(sim.Fault{Kind: kind})
		if n := testing.AllocsPerRun(50, func() { _ = g.measure() }); n != 0 {
			t.Errorf("a reading that fails (%d) makes %v allocations", kind, n)
		}
		if n := testing.AllocsPerRun(20, func() { _ = g.sensor.Init() }); n != 0 {
			t.Errorf("an Init that fails (%d) makes %v allocations", kind, n)
		}
		g.bus.Inject(sim.Fault{})
		g.truth(t, "after errors")
	}
}
