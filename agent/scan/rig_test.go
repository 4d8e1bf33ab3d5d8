package scan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"periph.io/x/conn/v3/physic"

	"github.com/telhub/telhub/agent"
	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/drivers/sim"
	"github.com/telhub/telhub/internal/treetest"
)

// grow makes a root directory of files; a value that begins with "->" is a link.
func grow(t *testing.T, files map[string]string) string {
	t.Helper()
	base := map[string]string{
		"etc/passwd": "root:x:0:0::/root:/bin/sh\n", "etc/group": "root:x:0:\ndialout:x:20:\ni2c:x:44:\n",
		"proc/device-tree/compatible": "raspberrypi,4-model-b\x00brcm,bcm2711\x00",
	}
	return treetest.Grow(t, base, files)
}

// header is the tree of a Raspberry Pi 4 with the header's bus.
func header(more map[string]string) map[string]string {
	files := map[string]string{
		"dev/i2c-1": "", "sys/bus/i2c/devices/i2c-1/name": "bcm2835 (i2c@7e804000)\n",
		"sys/bus/i2c/devices/i2c-1/of_node": "->../../../../firmware/devicetree/base/soc/i2c@7e804000",
	}
	for name, text := range more {
		files[name] = text
	}
	return files
}

// simulated is a bus of package sim as an adapter.
type simulated struct{ *sim.I2CBus }

func (simulated) Reopen() error                   { return nil }
func (simulated) Close() error                    { return nil }
func (simulated) SetSpeed(physic.Frequency) error { return errors.ErrUnsupported }

// opens opens simulated buses by their paths.
func opens(buses ...*sim.I2CBus) agent.Openers {
	return agent.Openers{I2C: func(path string, _ time.Duration) (agent.I2C, error) {
		for _, b := range buses {
			if b.String() == path {
				return simulated{b}, nil
			}
		}
		return nil, fmt.Errorf("%s: no such bus", path)
	}}
}

// chip is one that only acknowledges, and remembers what was written to it.
type chip struct {
	mu     sync.Mutex
	deaf   bool // it acknowledges no reads
	writes [][]byte
	regs   map[byte]byte
}

func (c *chip) PowerOn(time.Time) {}

func (c *chip) Tx(_ time.Time, w, r []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(w) > 0 {
		c.writes = append(c.writes, append([]byte(nil), w...))
	}
	for i := range r {
		r[i] = 0xFF
		if len(w) > 0 {
			if v, ok := c.regs[w[0]+byte(i)]; ok {
				r[i] = v
			}
		}
	}
	return len(r) == 0 || !c.deaf
}

// scan runs a scan and holds its configuration to what every one has to be.
func scan(t *testing.T, o Options) *Report {
	t.Helper()
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	parse(t, r)
	return r
}

// parse takes the configuration as `telhub check` does.
func parse(t *testing.T, r *Report) *config.Config {
	t.Helper()
	cfg, err := config.Parse("scan.toml", []byte(r.TOML), nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, r.TOML)
	}
	if _, err := agent.Cost(cfg); err != nil {
		t.Fatalf("%v\n%s", err, r.TOML)
	}
	if strings.Contains(r.TOML, "this does not work here") {
		t.Errorf("a sensor is refused:\n%s", r.TOML)
	}
	return cfg
}

// want fails unless the configuration has all of these parts.
func want(t *testing.T, r *Report, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(r.TOML, p) {
			t.Errorf("no %q in\n%s", p, r.TOML)
		}
	}
}

// wantNone fails if the configuration has one of these parts.
func wantNone(t *testing.T, r *Report, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if strings.Contains(r.TOML, p) {
			t.Errorf("%q is in\n%s", p, r.TOML)
		}
	}
}

// wantProblem fails unless a problem of a subject has all of these parts.
func wantProblem(t *testing.T, r *Report, subject string, parts ...string) {
	t.Helper()
	for i := range r.Problems {
		p := &r.Problems[i]
		all := p.Subject == subject
		for _, part := range parts {
			all = all && strings.Contains(p.String(), part)
		}
		if all {
			return
		}
	}
	t.Errorf("no problem of %s with %q: %+v", subject, parts, r.Problems)
}

// read takes one reading of a sensor of the configuration and returns an output.
func read(t *testing.T, cfg *config.Config, open agent.Openers, name, output string) float64 {
	t.Helper()
	values, err := agent.Read(t.Context(), cfg, name, 10*time.Second, open)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return math.NaN()
	}
	for _, v := range values {
		if v.Output == output && v.Status == agent.ReadOK {
			return v.Value
		}
	}
	t.Errorf("%s: no %s in %+v", name, output, values)
	return math.NaN()
}

// runs runs a real agent with the configuration until every sensor has a value.
func runs(t *testing.T, text string, open agent.Openers) {
	t.Helper()
	cfg, err := config.Parse("scan.toml", []byte("device = \"pi-01\"\n[http]\nlisten = \"\"\n[redis]\nurl = \"redis://127.0.0.1:1/0\"\n[spool]\npath = "+
		fmt.Sprintf("%q", t.TempDir())+"\nmax_size = \"16MB\"\n"+text), nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := agent.New(cfg, agent.Options{Openers: open, Log: agent.NewLog(cfg.Log, io.Discard)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		silent := []string{}
		for _, s := range a.Sensors() {
			if s.Reads == 0 {
				silent = append(silent, s.Name+": "+s.LastError)
			}
		}
		if len(silent) == 0 {
			break
		}
		select {
		case <-tick.C:
			continue
		case <-ctx.Done():
			t.Errorf("no reading of %v", silent)
		}
		break
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
