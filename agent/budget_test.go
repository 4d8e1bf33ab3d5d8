package agent

import (
	"testing"
	"time"

	"github.com/telhub/telhub/agent/config"
)

func cost(t *testing.T, cfg *config.Config) *Costs {
	t.Helper()
	c, err := Cost(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestMemoryIsTheSumOfItsParts(t *testing.T) {
	const url = "redis://127.0.0.1/0"
	for name, head := range map[string]string{
		"defaults": "", "many workers": "[workers]\ncount = 8", "a long queue": "[queue]\ncapacity = 100000",
	} {
		c := cost(t, rigConfig(t, url, head))
		parts := c.Pool.Bytes() + c.Pipeline + 2*c.Pending + c.Sender
		if c.Memory < parts+runtimeBytes+storeBytes || c.Rest() < runtimeBytes {
			t.Errorf("%s: memory %d is less than its parts %d with what Go and bbolt take", name, c.Memory, parts)
		}
	}
	small, large := cost(t, rigConfig(t, url, "")), cost(t, rigConfig(t, url, "[queue]\ncapacity = 100000"))
	if large.Memory <= small.Memory {
		t.Errorf("a queue of 100000 costs %d, one of 8192 %d", large.Memory, small.Memory)
	}
}

// What check prints is what the agent then has.
func TestAgentKeepsToTheCost(t *testing.T) {
	cfg := rigConfig(t, "redis://127.0.0.1:1/0", "")
	c := cost(t, cfg)
	r := newRig(t, cfg)
	r.run(t)()
	if r.budget != c.Budget {
		t.Errorf("the agent's budget is %+v, check says %+v", r.budget, c.Budget)
	}
	if c.Sensors != 2 || c.Channels != 4 {
		t.Errorf("%d sensors, %d channels, want 2 and 4", c.Sensors, c.Channels)
	}
	// 3 values 20 times a second, 1 value 5 times
	if c.SamplesPerSecond < 64.9 || c.SamplesPerSecond > 65.1 {
		t.Errorf("%v samples/s, want 65", c.SamplesPerSecond)
	}
}

// A buffered device counts with its scans, and says so when nothing tells how
// many there are.
func TestScansAreCounted(t *testing.T) {
	shaker := func(more string) *config.Config {
		cfg, err := config.Parse("t.toml", []byte("[[sensor]]\nname = \"shake\"\nuse = \"iio\"\nchip = \"adxl345\"\n"+
			"channels = [\"accel_x\", \"accel_y\", \"accel_z\"]\n"+more), nil)
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	fast := shaker("sampling_frequency = 1600")
	c := cost(t, fast)
	if c.SamplesPerSecond < 4799 || c.SamplesPerSecond > 4801 || len(c.Unknown(fast)) != 0 {
		t.Errorf("%v samples/s, %v; want 4800", c.SamplesPerSecond, c.Unknown(fast))
	}
	quiet := shaker("buffered = true")
	slow := cost(t, quiet)
	if slow.SamplesPerSecond != 3 || len(slow.Unknown(quiet)) != 1 {
		t.Errorf("%v samples/s, %v; want 3 and a warning", slow.SamplesPerSecond, slow.Unknown(quiet))
	}
	if c.FlashPerDay < 5*slow.FlashPerDay || c.Autonomy > slow.Autonomy/10 {
		t.Errorf("1600 scans a second: %v bytes a day for %v, one: %v for %v", c.FlashPerDay, c.Autonomy, slow.FlashPerDay, slow.Autonomy)
	}
	thinned := shaker("sampling_frequency = 1600\n[sensor.accel_x]\nfilter = \"throttle 1s\"\n")
	if c := cost(t, thinned); c.SamplesPerSecond < 3200 || c.SamplesPerSecond > 3202 {
		t.Errorf("one axis at a value a second: %v samples/s, want 3201", c.SamplesPerSecond)
	}
}

func TestFlashAndAutonomyFollowTheConfiguration(t *testing.T) {
	cfg := rigConfig(t, "redis://127.0.0.1/0", "")
	short := cost(t, cfg)
	cfg.Spool.MaxLoss = time.Minute
	long := cost(t, cfg)
	if long.FlashPerDay >= short.FlashPerDay || long.Autonomy <= short.Autonomy {
		t.Errorf("max_loss 1m: %v bytes a day, %v; 5s: %v, %v: a longer loss must cost less", long.FlashPerDay, long.Autonomy, short.FlashPerDay, short.Autonomy)
	}
	cfg.Spool.MaxSize *= 4
	if c := cost(t, cfg); c.Autonomy < 3*long.Autonomy {
		t.Errorf("four times the spool lasts %v instead of %v", c.Autonomy, long.Autonomy)
	}
	// A disk that outlasts everybody.
	huge := *cfg
	huge.Spool.MaxSize, huge.Spool.MaxLoss, huge.Sensors = 1<<50, time.Hour, nil
	if c := cost(t, &huge); c.Autonomy != century {
		t.Errorf("autonomy is %v, want it bounded by %v", c.Autonomy, century)
	}
	// No sensors at all: no division by nothing.
	cfg.Sensors = nil
	if c := cost(t, cfg); c.SamplesPerSecond != 0 || c.Memory <= 0 || c.Autonomy < 0 {
		t.Errorf("without sensors: %+v", c)
	}
}
