package agent

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/drivers/sim"
)

// cutter records what a supply's line was told.
type cutter struct {
	bus *sim.I2CBus
	mu  sync.Mutex // guards set
	set []bool
}

func (c *cutter) Set(cut bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.set = append(c.set, cut)
	if !cut {
		c.bus.PowerCycle()
		c.bus.Inject(sim.Fault{})
	}
	return nil
}

func (c *cutter) Close() error { return nil }

func (c *cutter) told() []bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.set)
}

// A stuck bus whose supply can be switched recovers by that, from the
// configuration to metrics, log and status.
func TestAStuckBusRecoversByItsSupply(t *testing.T) {
	text := rigText(t, "redis://127.0.0.1:1", "")
	text = strings.Replace(text, fmt.Sprintf("path = %q", rigBus), fmt.Sprintf("path = %q\npower = { chip = \"gpiochip0\", line = 17, off = \"20ms\", settle = \"20ms\" }", rigBus), 1)
	cfg, err := config.Parse("test", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	var line *cutter
	refused := errors.New("the line is busy")
	tries := 0
	r := newRigWith(t, cfg, func(o *Options, bus *sim.I2CBus) {
		line = &cutter{bus: bus}
		o.Openers.Cut = func(p config.Power) (Lamp, error) {
			if p.Chip != "gpiochip0" || p.Line != 17 || p.Active != "high" {
				t.Errorf("asked for %+v", p)
			}
			if tries++; tries == 1 {
				return nil, refused
			}
			return line, nil
		}
	})
	stop := r.run(t)
	await(t, "both sensors", func() bool { return r.up("greenhouse") && r.up("board") })
	r.bus.Inject(sim.Fault{Kind: sim.Stuck})
	await(t, "the recovery", func() bool {
		return r.pipeline.Bus(0).Recoveries == 1 && r.up("greenhouse") && r.up("board")
	})
	if got := line.told(); !slices.Equal(got, []bool{true, false}) {
		t.Errorf("the line was told %v, want to cut and to give back", got)
	}
	_, values := scrape(r)
	for series, want := range map[string]string{
		`bus_recoveries_total{bus="i2c1",step="power"}`: "1", `bus_recoveries_total{bus="i2c1",step="reopen"}`: "0",
		`bus_recovery_steps_total{bus="i2c1",step="power"}`: "1", `bus_broken{bus="i2c1"}`: "0",
	} {
		if got := values[prefix+series]; got != want {
			t.Errorf("%s is %q, want %s", series, got, want)
		}
	}
	stop()
	wantParts(t, r.log.String(), "cannot be switched", refused.Error(), "opening it anew did not help", `"step":"power"`, "works again")
}
