package bench

import (
	"context"
	"testing"
	"time"

	"github.com/telhub/telhub/agent/pipeline"
	processing "github.com/telhub/telhub/agent/process"
	"github.com/telhub/telhub/agent/process/alarm"
	"github.com/telhub/telhub/agent/process/chain"
)

// fiveSteps are what somebody does with a sensor that is not trusted.
func fiveSteps() []chain.Spec {
	return []chain.Spec{
		{Op: chain.Offset, Args: []float64{-0.4}},
		{Op: chain.Calibrate, Args: []float64{-1e6, -1e6, 10.9, 11.3, 77.0, 75.3, 1e6, 1e6}},
		{Op: chain.Valid, Args: []float64{-1e9, 1e9}},
		{Op: chain.Median, Count: 5},
		{Op: chain.Mean, Window: 100 * time.Millisecond},
	}
}

// loud is the steady load, ten times as fast: 100,000 samples a second.
func loud(t *testing.T) *plan {
	t.Helper()
	p := steadyPlan(newTable())
	for i := range p.buses[0].Sensors {
		p.buses[0].Sensors[i].Every = steadyEvery / 10
	}
	return p
}

// engine processes every channel of a plan by five steps, a deadband and an alarm.
func engine(t *testing.T, p *plan) *processing.Engine {
	t.Helper()
	high := 1e8
	var pp processing.Plan
	for i := range p.schema.Channels {
		c, err := chain.Compile(fiveSteps(), chain.Info{Every: steadyEvery / 10, Resolution: p.schema.Channels[i].Resolution})
		if err != nil {
			t.Fatal(err)
		}
		pp.Channels = append(pp.Channels, processing.Channel{
			Name: p.schema.Channels[i].Name, Sensor: int(p.schema.Channels[i].Group), Chain: c,
			Alarm: &alarm.Options{High: &high},
		})
	}
	e, err := processing.New(pp)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// load measures the pipeline's processor time for a second's 100,000 samples.
func load(t *testing.T, p *plan, e *processing.Engine) time.Duration {
	t.Helper()
	r, err := newRigWith(p, "bench", 256, time.Second, nil, nil, func(o *pipeline.Options) {
		if e != nil {
			o.Processor, o.Alarms = e, true
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	var perSecond time.Duration
	err = r.run(func() error {
		if err := pause(t.Context(), time.Second); err != nil {
			return err
		}
		before, err := ownCPU()
		if err != nil {
			return err
		}
		start, acquired := time.Now(), r.pipeline.Accounting().Acquired
		if err := pause(context.Background(), 2*time.Second); err != nil {
			return err
		}
		after, err := ownCPU()
		n := float64(r.pipeline.Accounting().Acquired - acquired)
		t.Logf("%.0f samples/s", n/time.Since(start).Seconds())
		perSecond = time.Duration(float64(after-before) / n * 10 * steadyRate)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return perSecond
}

// 100,000 samples a second from sensor to sealed frame, through five steps and
// an alarm each, take less than half a core. What is measured is processor
// time a sample, so that a busy machine does not matter much.
func TestProcessingAgainstHalfACore(t *testing.T) {
	if raceEnabled {
		t.Log("the race detector's cost is not ours; make test runs this test again without it")
		return
	}
	p := loud(t)
	plain := load(t, p, nil)
	processed := time.Hour
	for range 3 { // neighbours on a shared core cost this one time, too
		q := loud(t)
		if processed = min(processed, load(t, q, engine(t, q))); processed <= 500*time.Millisecond {
			break
		}
	}
	t.Logf("100,000 samples/s: %.1f %% of a core without processing, %.1f %% through five steps and an alarm",
		100*plain.Seconds(), 100*processed.Seconds())
	if processed > 500*time.Millisecond {
		t.Errorf("100,000 samples/s through five steps take %v of processor time a second, want less than half", processed)
	}
}
