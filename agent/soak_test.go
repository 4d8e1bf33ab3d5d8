package agent

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/board"
	"github.com/telhub/telhub/drivers/sim"
	"github.com/telhub/telhub/uplink/frame"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// soakTime is how long the soak measures: 5 s, or what TELHUB_SOAK says
// (make soak: 60s).
func soakTime(t *testing.T) time.Duration {
	text := os.Getenv("TELHUB_SOAK")
	if text == "" {
		return 5 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal("TELHUB_SOAK:", err)
	}
	return d
}

// soakRig is a whole agent on simulated hardware: two I2C buses of 13 current
// sensors, a weather sensor and an address where nobody answers, and a serial
// device of eight values; 10,700 samples/s, polled 100 times a second.
type soakRig struct {
	buses map[string]*sim.I2CBus
	pty   *sim.PTY
	line  []byte
}

// simAdapter makes a simulated bus an adapter.
type simAdapter struct{ *sim.I2CBus }

func (simAdapter) Reopen() error { return nil }
func (simAdapter) Close() error  { return nil }

const (
	soakAdapters = 2
	soakMeters   = 13 // of a bus
	soakFields   = 8  // of the serial device
)

func newSoakRig(t *testing.T) *soakRig {
	t.Helper()
	r := &soakRig{buses: make(map[string]*sim.I2CBus)}
	for i := range soakAdapters {
		b := sim.NewI2CBus(fmt.Sprint("sim", i))
		for k := range soakMeters {
			chip := sim.NewINA219(0.1)
			chip.Set(12+0.1*float64(k), 0.2+0.05*float64(i))
			b.Attach(uint16(0x40+k), chip)
		}
		weather := sim.NewBME280(sim.BMxTypical())
		weather.Set(21.5, 101325, 45)
		b.Attach(0x76, weather)
		r.buses[fmt.Sprint("/dev/i2c-sim", i)] = b
	}
	var err error
	if r.pty, err = sim.NewPTY(t.TempDir(), "line"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.pty.Close() })
	fields := make([]string, soakFields)
	for i := range fields {
		fields[i] = fmt.Sprintf(`"v%d":%d.25`, i, 20+i)
	}
	r.line = []byte("{" + strings.Join(fields, ",") + "}\n")
	return r
}

func (r *soakRig) config(t *testing.T, url string) *config.Config {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "device = \"soak\"\n[log]\nlevel = \"error\"\n[uplink]\nencoding = \"compact\"\n[redis]\nurl = %q\n[spool]\npath = %q\n[http]\nlisten = \"\"\n",
		url, filepath.Join(t.TempDir(), "spool"))
	for i := range soakAdapters {
		fmt.Fprintf(&b, "[bus.i2c%d]\npath = \"/dev/i2c-sim%d\"\n", i, i)
	}
	for i := range soakAdapters {
		sensor := func(name, use string, addr int, every, more string) {
			fmt.Fprintf(&b, "[[sensor]]\nname = \"%s-%d\"\nuse = %q\nbus = \"i2c%d\"\naddr = %d\nevery = %q\n%s\n", name, i, use, i, addr, every, more)
		}
		for k := range soakMeters {
			sensor(fmt.Sprint("meter", k), "ina219", 0x40+k, "10ms", "shunt = 0.1")
		}
		sensor("weather", "bme280", 0x76, "100ms", "")
		sensor("missing", "ina219", 0x4f, "100ms", "shunt = 0.1")
	}
	fmt.Fprintf(&b, "[[sensor]]\nname = \"garden\"\nuse = \"line\"\nport = %q\nformat = \"json\"\n[sensor.out]\n", r.pty.Path())
	for i := range soakFields {
		fmt.Fprintf(&b, "v%d = { key = \"v%d\" }\n", i, i)
	}
	cfg, err := config.Parse("soak", []byte(b.String()), nil)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// speak lets the serial device send 50 lines a second, every tenth of them
// damaged, until ctx ends.
func (r *soakRig) speak(ctx context.Context) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	damaged := append([]byte("#"), r.line...)
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		line := r.line
		if n%10 == 9 {
			line = damaged
		}
		r.pty.Write(line)
	}
}

func (r *soakRig) open(path string, _ time.Duration) (I2C, error) {
	if b := r.buses[path]; b != nil {
		return simAdapter{b}, nil
	}
	return nil, fmt.Errorf("%s: %w", path, os.ErrNotExist)
}

// start runs the agent until the test ends.
func (r *soakRig) start(t *testing.T, url string) *Agent {
	t.Helper()
	cfg := r.config(t, url)
	a, err := New(cfg, Options{
		Version: "soak", Board: &board.Board{Name: "simulated"}, Openers: Openers{I2C: r.open}, Log: NewLog(cfg.Log, io.Discard),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	go r.speak(ctx)
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if s := a.Summary(); s.Received != s.Delivered+s.Stored || s.DeclaredLost > 0 {
			t.Error("books do not balance:", s)
		}
	})
	return a
}

// soaked is what happened while the soak measured.
type soaked struct {
	mallocs, bytes  uint64
	collections     uint32
	samples, frames uint64
	seconds         float64
}

func soak(t *testing.T, a *Agent, settle, d time.Duration) soaked {
	t.Helper()
	var before, after runtime.MemStats
	<-time.After(settle) // connect, identify, grow what grows once
	s0, start := a.uplink.Status(), time.Now()
	runtime.ReadMemStats(&before)
	<-time.After(d)
	runtime.ReadMemStats(&after)
	s1 := a.uplink.Status()
	return soaked{
		mallocs: after.Mallocs - before.Mallocs, bytes: after.TotalAlloc - before.TotalAlloc,
		collections: after.NumGC - before.NumGC,
		samples:     s1.Counters.Delivered[frame.Live] - s0.Counters.Delivered[frame.Live],
		frames:      s1.Counters.Frames[frame.Live] - s0.Counters.Frames[frame.Live],
		seconds:     time.Since(start).Seconds(),
	}
}

// From the sensors' registers to Redis' acknowledgement nothing is allocated,
// with a device that does not answer and a damaged line in ten under way.
func TestSoakAllocatesNothingFromSensorToRedis(t *testing.T) {
	if raceEnabled {
		t.Log("the race detector allocates; make test runs this test again without it")
		return
	}
	srv := redistest.Start(t)
	got := soak(t, newSoakRig(t).start(t, srv.URL()), 2*time.Second, soakTime(t))
	got.check(t)
	// What is left is the runtime's and the test's own, and the text of the
	// missing device's error every ten seconds, and once a minute the question
	// what the server can confirm.
	if limit := 20 + uint64(2*got.seconds) + questionAllocs*uint64((got.seconds+2)/60); got.mallocs > limit {
		t.Errorf("%d allocations over %d frames, want at most %d whatever the number of frames", got.mallocs, got.frames, limit)
	}
}

// A server that writes a log is asked twice a second how far it is durable.
// Those questions allocate, whatever the number of samples.
func TestSoakDurabilityQuestionsAllocateLittle(t *testing.T) {
	if raceEnabled {
		t.Log("the race detector allocates; make test runs this test again without it")
		return
	}
	srv := redistest.Start(t, "--appendonly", "yes")
	got := soak(t, newSoakRig(t).start(t, srv.URL()), 7*time.Second, soakTime(t))
	got.check(t)
	if limit := 20 + uint64(questionAllocs*2*got.seconds); got.mallocs > limit {
		t.Errorf("%d allocations in %.0f s, want at most %d", got.mallocs, got.seconds, limit)
	}
}

// questionAllocs is the most that one question may allocate: three scripts
// that read and write the lanes' marks on a connection of its own.
const questionAllocs = 100

func (got *soaked) check(t *testing.T) {
	t.Helper()
	t.Logf("%+v", *got)
	want := 10000.0
	if os.Getenv("TELHUB_SOAK") == "" {
		want = 5000 // beside other tests; what it counts is allocations
	}
	if rate := float64(got.samples) / got.seconds; rate < want {
		t.Errorf("%.0f samples/s reached Redis, want %.0f", rate, want)
	}
	if got.collections > 1 {
		t.Errorf("%d garbage collections, want at most 1", got.collections)
	}
}
