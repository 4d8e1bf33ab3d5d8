package agent

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/board"
	"github.com/telhub/telhub/drivers/sim"
)

// patience bounds what a test waits for, however slow the machine is.
const patience = 60 * time.Second

// rigBus is what the tests' configurations call the simulated adapter.
const rigBus = "/dev/i2c-rig"

// rig is an agent on a simulated bus with a weather sensor at 0x76 and a
// thermometer at 0x48.
type rig struct {
	*Agent
	bus *sim.I2CBus
	log *logBuffer
}

// rigAdapter makes the bus an adapter.
type rigAdapter struct{ *sim.I2CBus }

func (rigAdapter) Reopen() error { return nil }
func (rigAdapter) Close() error  { return nil }

// logBuffer is a log that a test can read while the agent writes to it.
type logBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// rigConfig is a configuration with two sensors; head comes before them.
func rigConfig(t *testing.T, redisURL, head string) *config.Config {
	t.Helper()
	cfg, err := config.Parse("test", []byte(rigText(t, redisURL, head)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// rigText is rigConfig as it is written.
func rigText(t *testing.T, redisURL, head string) string {
	t.Helper()
	return fmt.Sprintf(`device = "pi-01"
%s
[redis]
url = %q
[spool]
path = %q
max_size = "16MB"
[uplink]
flush = "50ms"
[http]
listen = ""
[bus.i2c1]
path = %q
[[sensor]]
name = "greenhouse"
use = "bme280"
bus = "i2c1"
addr = 0x76
every = "50ms"
[[sensor]]
name = "board"
use = "tmp102"
bus = "i2c1"
addr = 0x48
every = "200ms"
`, head, redisURL, t.TempDir(), rigBus)
}

// newRig builds the agent; nothing runs.
func newRig(t *testing.T, cfg *config.Config) *rig {
	t.Helper()
	return newRigAt(t, cfg, "")
}

// newRigAt is newRig where the kernel tells of flash below root.
func newRigAt(t *testing.T, cfg *config.Config, root string) *rig {
	t.Helper()
	return newRigWith(t, cfg, func(o *Options, _ *sim.I2CBus) { o.Root = root })
}

// newRigWith is newRig with other options.
func newRigWith(t *testing.T, cfg *config.Config, adapt func(*Options, *sim.I2CBus)) *rig {
	t.Helper()
	r := &rig{bus: sim.NewI2CBus("i2c1"), log: &logBuffer{}}
	bme, tmp := sim.NewBME280(sim.BMxTypical()), sim.NewTMP102()
	bme.Set(21.5, 101325, 60)
	tmp.Set(35)
	r.bus.Attach(0x76, bme)
	r.bus.Attach(0x48, tmp)
	o := Options{
		Version: "v1.2.3", Board: &board.Board{Name: "rig"}, Log: NewLog(cfg.Log, r.log),
		Openers: Openers{I2C: func(path string, _ time.Duration) (I2C, error) {
			if path != rigBus {
				return nil, fmt.Errorf("no bus %s", path)
			}
			return rigAdapter{r.bus}, nil
		}},
	}
	adapt(&o, r.bus)
	a, err := New(cfg, o)
	if err != nil {
		t.Fatal(err)
	}
	r.Agent = a
	return r
}

// run starts the agent and returns what ends it, which the test's end does, too.
func (r *rig) run(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("run: %v", err)
			}
		case <-time.After(patience):
			t.Error("the agent does not end")
		}
	})
	t.Cleanup(stop)
	return stop
}

// await waits until the agent has come to where a test wants it.
func await(t *testing.T, what string, reached func() bool) {
	t.Helper()
	deadline := time.After(patience)
	for !reached() {
		select {
		case <-deadline:
			t.Fatalf("waited %v for %s", patience, what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// wantParts fails unless the text holds all of the parts.
func wantParts(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%q lacks %q", text, p)
		}
	}
}
