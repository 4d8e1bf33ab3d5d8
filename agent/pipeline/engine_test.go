package pipeline

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/telhub/telhub/agent/process"
	palarm "github.com/telhub/telhub/agent/process/alarm"
	"github.com/telhub/telhub/agent/process/chain"
	"github.com/telhub/telhub/agent/process/expr"
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink/frame"
)

var _ Processor = (*process.Engine)(nil)

// The engine as the agent uses it: a deadband, a derived channel, means of ten
// seconds, and an alarm, from the driver to the outlet.
func TestEngineInThePipeline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 3) // 0 measured, 1 derived, 2 the mean
		steps, err := chain.Compile([]chain.Spec{{Op: chain.Offset, Args: []float64{100}}}, chain.Info{Every: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		double, err := expr.Compile("x * 2")
		if err != nil {
			t.Fatal(err)
		}
		limit := 130.0
		engine, err := process.New(process.Plan{Channels: []process.Channel{
			{
				Name: "s/c0", Chain: steps, Send: process.Send{Change: 10, Every: time.Hour},
				Alarm:      &palarm.Options{High: &limit},
				Aggregates: []process.Aggregate{{Of: process.Mean, Window: 10 * time.Second, Channel: 2}},
			},
			{Name: "s/c1", Value: double, Inputs: []int{0}},
			{Name: "s/c2", Sensor: 1},
		}})
		if err != nil {
			t.Fatal(err)
		}
		r.opts.Processor, r.opts.Alarms = engine, true
		p := r.device().polled("s", time.Second)
		p.Channels = []int{0}
		r.opts.Buses = []BusPlan{{Name: "b", Sensors: []Polled{p}}}
		r.start()
		wait(59_500 * time.Millisecond)
		if got := r.Latest().Raw(0).Value; got != 59 {
			t.Errorf("raw value %v, want 59", got)
		}
		r.stopAll()

		// A value that changes the alarm is sent with it.
		equal(t, "deadband", r.out.values(0), []float64{100, 110, 120, 130, 140, 150})
		derived := r.out.values(1)
		if len(derived) != 60 || derived[59] != 318 {
			t.Errorf("derived %v, want 60 up to 318", derived)
		}
		if means := r.out.values(2); len(means) < 6 || means[0] != 104 && means[0] != 104.5 {
			t.Errorf("means %v, want one for each ten seconds", means)
		}
		alarms := 0
		for _, rec := range r.out.records() {
			if rec.class == frame.Urgent {
				alarms += len(rec.samples)
				if rec.at < 30_000 || rec.at > 30_100 {
					t.Errorf("the alarm was sealed at %d ms, want within a tick of 30 s", rec.at)
				}
				if s := rec.samples[0]; s.Kind != drivers.KindAlarm || s.Alarm != drivers.AlarmHigh || s.Stamp != boot+30_000*ms {
					t.Errorf("alarm %+v", s)
				}
			}
		}
		if alarms != 1 {
			t.Errorf("%d alarms, want 1", alarms)
		}
		if a := r.Accounting(); a.Acquired != 60 || a.Withheld != 54 || a.Lost != 0 {
			t.Errorf("accounting %+v", a)
		}
	})
}
