package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/agent/httpapi"
	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/drivers/sim"
	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

func TestStatusOfARunningAgent(t *testing.T) {
	srv := redistest.Start(t, "--requirepass", "geheim")
	cfg := rigConfig(t, "redis://:geheim@"+srv.Addr()+"/0", "[queue]\ncapacity = 1024\n[workers]\ncount = 3")
	r := newRig(t, cfg)
	stop := r.run(t)
	await(t, "samples in Redis", func() bool { return r.Summary().Delivered > 20 })
	s := r.Status()
	if s.State != httpapi.StateOK || len(s.Problems) != 0 {
		t.Errorf("state %s, problems %v, want ok", s.State, s.Problems)
	}
	if s.Device != "pi-01" || s.Version != "v1.2.3" || s.Board != "rig" || s.Epoch != 1 || s.Uptime <= 0 || len(s.Boot) != 36 {
		t.Errorf("status %+v", s)
	}
	up := s.Uplink
	if up.State != "connected" || up.Server != srv.Addr() || up.Encoding != "senml" || up.Durability != "memory" || up.Breaker != "closed" || up.LastError != "" {
		t.Errorf("uplink %+v", up)
	}
	live := up.Lanes[1]
	if live.Name != "live" || live.Accepted == 0 || live.Seq < live.Accepted || live.Durable != live.Accepted || live.Delivered == 0 {
		t.Errorf("lane %+v", live)
	}
	if s.Spool.State != "ok" || s.Spool.Path != cfg.Spool.Path || s.Spool.MaxBytes != 16e6 && s.Spool.MaxBytes != 16<<20 {
		t.Errorf("spool %+v", s.Spool)
	}
	if s.Queue.Capacity != 1024 || s.Workers.Count != 3 || s.Queue.Overruns != 0 {
		t.Errorf("queue %+v, workers %+v", s.Queue, s.Workers)
	}
	b, err := json.Marshal(s)
	if err != nil || strings.Contains(string(b), "geheim") {
		t.Errorf("status as JSON shows the password or fails: %v", err)
	}
	h := r.Health()
	if !h.Live || !h.Ready {
		t.Errorf("health %+v", h)
	}
	stop()
	wantBalance(t, r.Summary())
}

// wantBalance checks that every sample is somewhere.
func wantBalance(t *testing.T, s Summary) {
	t.Helper()
	if in, out := s.Carried+s.Received, s.Delivered+s.Stored+s.InFlight+s.DeclaredLost; in != out {
		t.Errorf("%d samples came, %d are accounted for: %s", in, out, s)
	}
}

func TestSensorsOfARunningAgent(t *testing.T) {
	r := newRig(t, rigConfig(t, redistest.Start(t).URL(), ""))
	r.run(t)
	await(t, "values", func() bool {
		s := r.Sensors()
		return len(s[0].Channels[0].Recent) > 0 && s[1].Channels[0].Value != nil
	})
	s := r.Sensors()
	if s[0].Name != "greenhouse" || s[0].Use != "bme280" || s[0].Bus != "i2c1" || !s[0].Up || s[0].Reads == 0 || len(s[0].Channels) != 3 {
		t.Errorf("sensor %+v", s[0])
	}
	c := s[1].Channels[0]
	if c.Name != "temperature" || c.Unit != "Cel" || c.Status != "ok" || *c.Value != 35 || c.AgeMS < 0 || c.AgeMS > patience.Milliseconds() {
		t.Errorf("channel %+v with value %v, want 35 Cel", c, *c.Value)
	}
}

// What a device never gave is told from what it does not give any more.
func TestOutputsThatNeverCame(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "sys/class/hwmon/hwmon0")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"name": "sht3x", "temp1_input": "21500"} { // and no humidity1_input
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text := rigText(t, redistest.Start(t).URL(), "") + "[[sensor]]\nname = \"air\"\nuse = \"hwmon\"\nchip = \"sht3x\"\nevery = \"20ms\"\n"
	cfg, err := config.Parse("test", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	r := newRigWith(t, cfg, func(o *Options, _ *sim.I2CBus) { o.Openers.Root = root })
	r.run(t)
	air := func() []httpapi.Channel { return r.Sensors()[2].Channels }
	await(t, "the humidity to be missed", func() bool { return slices.ContainsFunc(air(), func(c httpapi.Channel) bool { return c.Missing }) })
	for _, c := range air() {
		if c.Missing != (c.Name == "humidity") || c.Missing != (c.Value == nil) {
			t.Errorf("channel %+v: want the humidity missing, nothing else", c)
		}
	}
	for _, c := range r.Sensors()[0].Channels {
		if c.Missing {
			t.Errorf("channel %+v is missing", c)
		}
	}
}

func TestTroubleOfASensor(t *testing.T) {
	r := newRig(t, rigConfig(t, redistest.Start(t).URL(), ""))
	r.run(t)
	await(t, "the sensors", func() bool { s := r.Sensors(); return s[0].Up && s[1].Up })
	r.bus.InjectAt(0x48, sim.Fault{Kind: sim.NACK})
	await(t, "the sensor's failure", func() bool { return r.Status().State == httpapi.StateDegraded })
	s := r.Status()
	if len(s.Problems) != 1 {
		t.Fatalf("problems %v, want one", s.Problems)
	}
	wantParts(t, s.Problems[0].What, "sensor board has not answered for ", "s: ")
	wantParts(t, s.Problems[0].Do, "wiring", "address 0x48 of bus i2c1")
	if h := r.Health(); !h.Ready || h.Checks[3].Detail != "1 of 2 answer" {
		t.Errorf("health %+v, want ready: one sensor answers", h)
	}
	await(t, "its counter", func() bool {
		_, values := scrape(r)
		return values[prefix+`sensor_up{sensor="board"}`] == "0" && r.Sensors()[1].Errors["nack"] > 0
	})
	r.bus.InjectAt(0x48, sim.Fault{})
	await(t, "its recovery", func() bool { return r.Status().State == httpapi.StateOK })
	wantParts(t, r.log.String(), `"does not answer; it is asked again, less often"`, `"answers"`)
}

func TestTroubleOfAServer(t *testing.T) {
	srv := redistest.Start(t)
	srv.Kill()
	r := newRig(t, rigConfig(t, srv.URL(), "[uplink.breaker]\nfailures = 2\nopen = \"1s\""))
	stop := r.run(t)
	await(t, "an open breaker", func() bool { return r.Status().Uplink.Breaker == "open" })
	s := r.Status()
	if s.Uplink.State != "disconnected" || s.State != httpapi.StateDegraded {
		t.Errorf("uplink %+v", s.Uplink)
	}
	wantParts(t, s.Problems[0].What, "Redis does not take frames", "connection refused")
	wantParts(t, s.Problems[0].Do, "redis.url", "next try in ", "samples are kept")
	if h := r.Health(); !h.Ready || h.Checks[1].OK {
		t.Errorf("health %+v, want ready because the spool keeps samples", h)
	}
	await(t, "the spool", func() bool { return r.Status().Spool.Frames > 0 })
	if s := r.Status().Spool; s.Bytes == 0 || s.Oldest < 0 || s.Oldest > patience.Seconds() {
		t.Errorf("spool %+v", s)
	}
	srv.Start()
	await(t, "delivery of the backlog", func() bool {
		s := r.Summary()
		return s.Stored == 0 && s.Delivered > 50
	})
	stop()
	wantBalance(t, r.Summary())
}

// A spool that cannot be opened is no reason to stop, but one to speak up.
func TestTroubleOfASpool(t *testing.T) {
	cfg := rigConfig(t, redistest.Start(t).URL(), "")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg.Spool.Path = filepath.Join(file, "spool") // below a file: root is refused, too
	r := newRig(t, cfg)
	r.run(t)
	await(t, "samples in Redis", func() bool { return r.Summary().Delivered > 5 })
	s := r.Status()
	if s.Spool.State != "off" || len(s.Problems) != 1 {
		t.Fatalf("spool %+v, problems %v", s.Spool, s.Problems)
	}
	wantParts(t, s.Problems[0].What, "there is no spool", file)
	wantParts(t, s.Problems[0].Do, "make "+cfg.Spool.Path+" writable")
	if h := r.Health(); !h.Ready || h.Checks[2].OK {
		t.Errorf("health %+v, want ready without a spool while Redis takes frames", h)
	}
}

// The rest is shown as if it had happened: each trouble has its sentence and
// its cure.
func TestTroubleTexts(t *testing.T) {
	cfg := rigConfig(t, "redis://127.0.0.1:1/0", "")
	cfg.Redis.Durability = "aof"
	r := newRig(t, cfg)
	r.run(t)()
	for _, c := range []struct {
		name     string
		up       uplink.Status
		status   httpapi.Status
		what, do string
	}{
		{"fenced", uplink.Status{Fenced: true}, httpapi.Status{},
			"another agent runs under the name pi-01", "another device name"},
		{"at once", uplink.Status{LastError: errors.New("no route to host")}, httpapi.Status{},
			"Redis does not take frames: no route to host", "tried again at once"},
		{"overdue", uplink.Status{LastError: errors.New("x"), Breaker: uplink.Open, NextTry: time.Now().Add(-time.Minute)}, httpapi.Status{},
			"Redis does not take frames: x", "next try in 0s"},
		{"failing disk", uplink.Status{Connected: true, Level: uplink.AOF, StoreErr: errors.New("input/output error")}, httpapi.Status{},
			"the spool does not take frames: input/output error", cfg.Spool.Path},
		{"disk full of other things", uplink.Status{Connected: true, Level: uplink.AOF, StoreErr: fmt.Errorf("%w: %w", store.ErrFull, syscall.ENOSPC)}, httpapi.Status{},
			"the spool does not take frames: store: full: no space left on device", cfg.Spool.Path},
		{"refused", uplink.Status{Connected: true, Level: uplink.AOF, StoreErr: uplink.ErrFull}, httpapi.Status{},
			"new samples are lost and declared", "spool.max_size"},
		{"full", uplink.Status{Connected: true, Level: uplink.AOF}, httpapi.Status{Spool: httpapi.Spool{State: "full", Dropped: 7}},
			"the spool is full: 7 samples were dropped and declared", "spool.max_size"},
		{"salvaged", uplink.Status{Connected: true, Level: uplink.AOF}, httpapi.Status{Spool: httpapi.Spool{Salvaged: 2}},
			"2 damaged spool files were set aside", ".bad-"},
		{"weaker", uplink.Status{Connected: true, Level: uplink.Memory}, httpapi.Status{},
			"durability is memory, not aof as configured", "appendonly"},
		{"old server", uplink.Status{Connected: true, Level: uplink.Age}, httpapi.Status{},
			"durability is age, not aof as configured", "Redis 8"},
		{"not confirmed", uplink.Status{Connected: true, Level: uplink.AOF}, httpapi.Status{Uplink: httpapi.Uplink{Unconfirmed: 41, UnconfirmedSeconds: 16}},
			"has confirmed none as safe for 16s: 41 frames wait", "aof_last_write_status"},
		{"overrun", uplink.Status{Connected: true, Level: uplink.AOF}, httpapi.Status{Queue: httpapi.Queue{Overruns: 9}},
			"9 samples were overwritten", "queue.capacity"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := r.troubles(&c.up, &c.status, "")
			if len(got) != 1 {
				t.Fatalf("troubles %v, want one", got)
			}
			wantParts(t, got[0].What, c.what)
			wantParts(t, got[0].Do, c.do)
		})
	}
}
