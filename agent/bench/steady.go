package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/telhub/telhub/agent/pipeline"
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/redis"
)

// The steady load: 5 sensors of 40 values, each asked 50 times a second. Few
// large readings, because waking up for a reading costs more than its values,
// and what sensors cost anyway would hide what the uplink adds.
const (
	steadyRate    = 10000 // samples/s
	steadySensors = 5
	steadySets    = 10 // of fields in a reading
	steadyEvery   = 20 * time.Millisecond
)

// probe is a sensor that is asked, without a bus.
type probe struct {
	table   *table
	outputs []drivers.Output
	next    int
}

// Outputs implements drivers.Sensor.
func (p *probe) Outputs() []drivers.Output { return p.outputs }

// Init implements drivers.Sensor.
func (p *probe) Init() error { return nil }

// Read implements drivers.Sensor.
func (p *probe) Read(dst *drivers.Reading) (time.Duration, error) {
	for i := range p.outputs {
		row := &p.table.values[(p.next+i*31)%tableRows]
		dst.Set(i, row[i%len(fields)])
	}
	p.next++
	return 0, nil
}

// steadyPlan is the load on one bus.
func steadyPlan(t *table) *plan {
	p := &plan{buses: []pipeline.BusPlan{{Name: "steady"}}}
	for i := range steadySensors {
		s := &probe{table: t, next: i * 97}
		for set := range steadySets {
			for _, f := range fields {
				o := f.output
				o.Name = fmt.Sprintf("%s%d", o.Name, set)
				s.outputs = append(s.outputs, o)
			}
		}
		name := fmt.Sprintf("sensor%02d", i)
		p.buses[0].Sensors = append(p.buses[0].Sensors, pipeline.Polled{
			Name: name, Use: "bench", Sensor: s, Every: steadyEvery, Channels: p.channels(name, i, s.outputs),
		})
	}
	return p
}

// steady measures the agent's processor time for a second of the steady load,
// over d after a second of warming up. Frames are the defaults': 256 samples.
// Where a busy machine made sensors skip a few readings, the time is scaled.
func (m *machine) steady(ctx context.Context, d time.Duration, sink uplink.Sink) (perSecond time.Duration, err error) {
	r, err := newRig(steadyPlan(m.table), m.device, 256, time.Second, sink, nil)
	if err != nil {
		return 0, err
	}
	err = r.run(func() error {
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
		before, err := ownCPU()
		if err != nil {
			return err
		}
		start, acquired := time.Now(), r.pipeline.Accounting().Acquired
		if err := pause(ctx, d); err != nil {
			return err
		}
		after, err := ownCPU()
		took := time.Since(start)
		n := float64(r.pipeline.Accounting().Acquired - acquired)
		if rate := n / took.Seconds(); rate < steadyRate*0.8 {
			return fmt.Errorf("the machine is too busy: %.0f samples/s instead of %d", rate, steadyRate)
		}
		perSecond = time.Duration(float64(after-before) / n * steadyRate)
		return err
	})
	return perSecond, err
}

// steadySinks measures one round of the steady load: without an uplink,
// without a server, with both.
func (m *machine) steadySinks(ctx context.Context, d time.Duration, round *Round) error {
	var err error
	if round.BareCPU, err = m.steady(ctx, d, nil); err != nil {
		return err
	}
	if round.NullCPU, err = m.steady(ctx, d, nowhere{}); err != nil {
		return err
	}
	sink, err := redis.New(m.server.options(m.device))
	if err != nil {
		return err
	}
	defer sink.Close()
	defer m.server.forget(context.WithoutCancel(ctx), m.device)
	round.SteadyCPU, err = m.steady(ctx, d, sink)
	return err
}

// pause waits for d.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
