package process

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/telhub/telhub/agent/process/alarm"
	"github.com/telhub/telhub/drivers"
)

// randomPlan makes the same plan, with chains and programs of its own, each
// time it is called with the same seed.
func randomPlan(t *testing.T, seed uint64) Plan {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 5))
	measured := r.IntN(6) + 1
	var channels []Channel
	for i := range measured {
		channels = append(channels, Channel{Sensor: i / (r.IntN(3) + 1)})
	}
	for range r.IntN(8) {
		if r.IntN(2) == 0 {
			src := []string{"a + b", "a / b", "integral(a) - b", "sqrt(a)", "total(a) * b", "max(a, b)"}[r.IntN(6)]
			c := Channel{Sensor: r.IntN(3), Value: compile(t, src)}
			for range c.Value.Refs() {
				c.Inputs = append(c.Inputs, r.IntN(len(channels)))
			}
			channels = append(channels, c)
			continue
		}
		of := r.IntN(len(channels))
		window := time.Duration(r.IntN(4)+1) * time.Duration(r.IntN(4)+1) * time.Second
		for _, s := range Statistics()[r.IntN(6):] {
			channels[of].Aggregates = append(channels[of].Aggregates, Aggregate{Of: s, Window: window, Channel: len(channels)})
			channels = append(channels, Channel{})
		}
	}
	for i := range channels {
		decorate(t, r, &channels[i])
		channels[i].Name = fmt.Sprintf("c%d", i)
	}
	return Plan{Channels: channels}
}

func decorate(t *testing.T, r *rand.Rand, c *Channel) {
	t.Helper()
	switch r.IntN(6) {
	case 0:
		c.Chain = filter(t, "median 3", "throttle 2s")
	case 1:
		c.Chain = filter(t, "mean 3s")
	case 2:
		c.Chain = filter(t, "outlier 3", "max 2")
	}
	switch r.IntN(5) {
	case 0:
		c.Send = Send{Never: true}
	case 1:
		c.Send = Send{Change: 2}
	case 2:
		c.Send = Send{Change: 3, Every: 5 * time.Second}
	}
	if r.IntN(2) == 0 {
		c.Alarm = &alarm.Options{
			High: ptr(float64(r.IntN(5) + 5)), For: time.Duration(r.IntN(2)) * time.Second,
			Stale: r.IntN(2) == 0,
		}
		if c.Alarm.Stale {
			c.Alarm.StaleAfter = time.Duration(r.IntN(3)) * time.Second
		}
	}
}

// call is one call of an Engine.
type call struct {
	raw     []drivers.Sample
	advance int64 // if raw is nil
}

// randomCalls makes input as a hostile driver would. With tame set, stamps lie
// shortly before the clock's time.
func randomCalls(r *rand.Rand, channels int, tame bool) (calls []call) {
	now := int64(0)
	stamp := now
	for range 150 {
		now += r.Int64N(sec)
		if r.IntN(4) == 0 {
			calls = append(calls, call{advance: now})
			continue
		}
		var raw []drivers.Sample
		for range r.IntN(8) + 1 {
			if r.IntN(3) == 0 {
				stamp = now - r.Int64N(sec/10)
			}
			if !tame && r.IntN(30) == 0 {
				stamp = []int64{0, -5, now + 3600*sec, math.MaxInt64, math.MinInt64, now - 100*sec}[r.IntN(6)]
			}
			s := drivers.Sample{Stamp: stamp, Channel: uint16(r.IntN(channels)), Value: float64(r.IntN(12))}
			switch r.IntN(12) {
			case 0:
				s.Kind, s.Quality = drivers.KindStatus, drivers.Quality(r.IntN(4))
			case 1:
				s.Value = []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64, 5e-324}[r.IntN(6)]
			case 2:
				if !tame {
					s.Kind, s.Quality = drivers.Kind(r.IntN(4)), drivers.Quality(r.IntN(256))
				}
			}
			raw = append(raw, s)
		}
		calls = append(calls, call{raw: raw})
	}
	return calls
}

// run plays calls and checks that there is always room.
func run(t *testing.T, e *Engine, calls []call) (out []drivers.Sample) {
	t.Helper()
	for _, c := range calls {
		room := e.MaxOut(len(c.raw))
		buf := make([]drivers.Sample, 0, room)
		if c.raw == nil {
			buf = e.Advance(buf, c.advance)
		} else {
			buf = e.Process(buf, c.raw)
		}
		if len(buf) > room {
			t.Fatalf("%d samples made %d, MaxOut is %d", len(c.raw), len(buf), room)
		}
		out = append(out, buf...)
	}
	room := e.MaxOut(0)
	buf := e.Finish(make([]drivers.Sample, 0, room), 200*sec)
	if len(buf) > room {
		t.Fatalf("Finish made %d, MaxOut is %d", len(buf), room)
	}
	return append(out, buf...)
}

func engine(t *testing.T, p Plan) *Engine {
	t.Helper()
	e, err := New(p)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestInvariantsOfAnyPlan(t *testing.T) {
	for seed := range uint64(600) {
		p := randomPlan(t, seed)
		e := engine(t, p)
		calls := randomCalls(rand.New(rand.NewPCG(seed, 6)), len(p.Channels)+1, false)
		out := run(t, e, calls)
		raw := 0
		for _, c := range calls {
			raw += len(c.raw)
		}
		if made, withheld := e.Counts(); raw+int(made) != len(out)+int(withheld) {
			t.Fatalf("seed %d: raw %d + made %d != out %d + withheld %d", seed, raw, made, len(out), withheld)
		}
		for i := range p.Channels {
			checkChannel(t, seed, &p.Channels[i], slices.Collect(of(out, i)))
		}
		for _, a := range e.AppendAlarms(nil) {
			last := drivers.AlarmClear
			for s := range of(out, a.Channel) {
				if s.Kind == drivers.KindAlarm {
					last = s.Alarm
				}
			}
			if a.State != last {
				t.Fatalf("seed %d: channel %d is %v, its last event says %v", seed, a.Channel, a.State, last)
			}
		}
	}
}

// of yields the samples of one channel.
func of(out []drivers.Sample, channel int) func(yield func(drivers.Sample) bool) {
	return func(yield func(drivers.Sample) bool) {
		for _, s := range out {
			if int(s.Channel) == channel && !yield(s) {
				return
			}
		}
	}
}

// checkChannel checks what any consumer of a channel relies on.
func checkChannel(t *testing.T, seed uint64, c *Channel, out []drivers.Sample) {
	t.Helper()
	status, state := unknown, drivers.AlarmClear
	for i, s := range out {
		switch s.Kind {
		case drivers.KindValue:
			if s.Value-s.Value != 0 || s.Quality != drivers.OK {
				t.Fatalf("seed %d, %s: sample %d is %+v", seed, c.Name, i, s)
			}
			if status != unknown && status != drivers.OK {
				t.Fatalf("seed %d, %s: a value while the status is %v", seed, c.Name, status)
			}
			if c.Send.Never {
				t.Fatalf("seed %d, %s: a value of a channel that is never sent", seed, c.Name)
			}
			status = drivers.OK
		case drivers.KindStatus:
			if s.Quality == status && !(status == drivers.OK && i == 0) {
				t.Fatalf("seed %d, %s: status %v twice", seed, c.Name, status)
			}
			status = s.Quality
		case drivers.KindAlarm:
			if s.Alarm == state || c.Alarm == nil {
				t.Fatalf("seed %d, %s: alarm %v after %v", seed, c.Name, s.Alarm, state)
			}
			state = s.Alarm
		}
	}
}

// However the same samples are cut into calls, the same comes out.
func TestSplitsDoNotMatter(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 7))
		channels := len(randomPlan(t, seed).Channels)
		calls := randomCalls(r, channels+1, false)
		want := run(t, engine(t, randomPlan(t, seed)), calls)
		var joined, cut []call
		for _, c := range calls {
			if n := len(joined); c.raw != nil && n > 0 && joined[n-1].raw != nil {
				joined[n-1].raw = slices.Concat(joined[n-1].raw, c.raw)
			} else {
				joined = append(joined, c)
			}
		}
		for _, c := range joined {
			for len(c.raw) > 1 && r.IntN(5) > 0 {
				n := r.IntN(len(c.raw)-1) + 1
				cut = append(cut, call{raw: c.raw[:n]})
				c.raw = c.raw[n:]
			}
			cut = append(cut, c)
		}
		for _, other := range [][]call{joined, cut} {
			if got := run(t, engine(t, randomPlan(t, seed)), other); !slices.Equal(got, want) {
				t.Fatalf("seed %d: %d samples of %d calls, %d of %d", seed, len(got), len(other), len(want), len(calls))
			}
		}
	}
}

// An Advance that Next did not ask for changes nothing.
func TestNextIsNeverLate(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 8))
		p := randomPlan(t, seed)
		often, asked := engine(t, p), engine(t, randomPlan(t, seed))
		var a, b []drivers.Sample
		calls := randomCalls(r, len(p.Channels), true)
		skipped := 0
		for _, c := range calls {
			if c.raw != nil {
				a, b = often.Process(a, c.raw), asked.Process(b, c.raw)
				continue
			}
			a = often.Advance(a, c.advance)
			if asked.Next() <= c.advance {
				b = asked.Advance(b, c.advance)
			} else {
				skipped++
			}
			if !slices.Equal(a, b) {
				t.Fatalf("seed %d, at %d: %d samples with Advance each time, %d when asked for", seed, c.advance, len(a), len(b))
			}
		}
		if seed == 0 && len(calls) == skipped {
			t.Error("no Advance was asked for")
		}
	}
}

// MaxOut is near what can really come.
func TestMaxOutIsReached(t *testing.T) {
	channels := []Channel{{Name: "a"}}
	for range 10 {
		channels = append(channels, Channel{Value: compile(t, "a * 2"), Inputs: []int{0}})
	}
	e := engine(t, Plan{Channels: channels})
	var raw []drivers.Sample
	for i := range 1000 {
		v := []float64{1, math.NaN()}[i%2]
		raw = append(raw, drivers.Sample{Stamp: int64(i), Value: v})
	}
	got, most := len(e.Process(nil, raw)), e.MaxOut(len(raw))
	if got > most || got < most/3 {
		t.Errorf("%d samples of %d, MaxOut is %d", got, len(raw), most)
	}
}
