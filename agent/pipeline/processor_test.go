package pipeline

import (
	"context"
	"math"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink/frame"
)

func TestProcessorStandsBetweenRingAndFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		m := r.processed(&mangler{each: func(dst []drivers.Sample, s drivers.Sample) []drivers.Sample {
			switch n := int(s.Value); {
			case n%10 == 3:
				return dst // withheld
			case n%10 == 7:
				s.Value += 1000
				return append(dst, s, s) // one more made
			}
			s.Value += 1000
			return append(dst, s)
		}})
		r.start()
		r.push(0, 600)
		wait(time.Second)
		r.push(600, 400)
		r.stopAll()
		var want []float64
		for i := range 1000 {
			if i%10 != 3 {
				want = append(want, float64(1000+i))
			}
			if i%10 == 7 {
				want = append(want, float64(1000+i))
			}
		}
		equal(t, "values", r.out.values(0), want)
		if a := r.Accounting(); a.Acquired != 1000 || a.Made != 100 || a.Withheld != 100 || a.Framed != 1000 {
			t.Errorf("accounting %+v", a)
		}
		if m.grown || m.finished != 1 || slices.Max(m.batches) > batchSize {
			t.Errorf("dst grew: %v; finished %d times; batches %v", m.grown, m.finished, m.batches)
		}
	})
}

func TestNoNumberReachesTheProcessor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.processed(&mangler{each: func(dst []drivers.Sample, s drivers.Sample) []drivers.Sample {
			if s.Value-s.Value != 0 {
				t.Errorf("%v reached the processor", s.Value)
			}
			return append(dst, s)
		}})
		r.start()
		r.in.normal.push([]drivers.Sample{{Stamp: boot, Value: 1}, {Stamp: boot, Value: math.NaN()}}, r.now())
		wait(2 * time.Second)
		r.stopAll()
		equal(t, "statuses", r.out.statuses(0), []string{"0 bad"})
	})
}

// The first sample after a rest is processed at once, those behind it within a
// tick, however long frames may wait: what raises an alarm must not wait for
// them.
func TestSamplesAreProcessedWithinATick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		var seen []int64
		r.processed(&mangler{each: func(dst []drivers.Sample, s drivers.Sample) []drivers.Sample {
			seen = append(seen, (r.now()-s.Stamp)/ms)
			return append(dst, s)
		}})
		r.out.reshape(4096, time.Minute)
		r.start()
		wait(time.Second)
		for i := range 20 {
			r.push(i, 1)
			wait(37 * time.Millisecond)
		}
		r.stopAll()
		if len(seen) != 20 || seen[0] != 0 || slices.Max(seen) > 100 {
			t.Errorf("processed %v ms after they were taken", seen)
		}
	})
}

func TestAdvanceAndFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		var at []int64
		m := r.processed(&mangler{due: boot + 1500*ms})
		m.advance = func(dst []drivers.Sample, now int64) []drivers.Sample {
			at = append(at, (now-boot)/ms)
			m.due += 60_000 * ms
			// A window's result can be dated long ago.
			return append(dst, drivers.Sample{Stamp: now - 50_000*ms, Channel: 1, Value: float64(len(at))})
		}
		m.finish = func(dst []drivers.Sample, now int64) []drivers.Sample {
			return append(dst, drivers.Sample{Stamp: now, Channel: 1, Value: -1})
		}
		r.start()
		wait(4 * time.Minute)
		if got := sizesOf(r.out.records()); !slices.Equal(got, []int{1, 1, 1, 1}) {
			t.Errorf("frames %v, want one for each result", got)
		}
		if rec := r.out.records()[1]; rec.at != 62_500 {
			t.Errorf("sealed at %d ms, want a second after it was made at 61.5 s, however old its stamp", rec.at)
		}
		r.push(0, 1)
		r.stopAll()
		equal(t, "advanced", at, []int64{1500, 61_500, 121_500, 181_500})
		equal(t, "made", r.out.values(1), []float64{1, 2, 3, 4, -1})
		if last := r.out.records()[4]; len(last.samples) != 2 || last.samples[1].Value != -1 {
			t.Errorf("last frame %+v, want what Finish gave behind the last sample", last)
		}
	})
}

// While the ring never is empty Advance is a second late, not starved.
func TestAdvanceIsNotStarved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		var late int64
		m := r.processed(&mangler{due: boot + 1000*ms})
		m.advance = func(dst []drivers.Sample, now int64) []drivers.Sample {
			late = now - m.due
			m.due = 0
			return dst
		}
		var ended atomic.Bool
		m.each = func(dst []drivers.Sample, s drivers.Sample) []drivers.Sample {
			if !ended.Load() { // each sample takes a while and brings a new one
				pass(time.Millisecond)
				r.push(1, 1)
			}
			return append(dst, s)
		}
		r.start()
		r.push(0, 1)
		wait(5 * time.Second)
		if late < lateAdvance || late > lateAdvance+100*ms {
			t.Errorf("%v late, want about a second", time.Duration(late))
		}
		ended.Store(true)
		r.stopAll()
	})
}

// A loss stands between the results of what came before and after it, and a
// pool without frames keeps samples in the ring.
func TestOverrunIsDeclaredBetweenResults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		r.opts.Capacity = 1000
		r.opts.Pool = frame.NewPool(frame.PoolSize{Small: 4, SmallBytes: 16 << 10})
		r.processed(&mangler{each: func(dst []drivers.Sample, s drivers.Sample) []drivers.Sample {
			derived := s
			derived.Channel = 1
			return append(dst, s, derived)
		}})
		r.start()
		r.out.hold()
		for i := range 300 {
			r.push(i*10, 10)
			wait(10 * time.Millisecond)
		}
		if s := r.Stats(); s.RingLen != 1000 || len(r.out.records()) != 4 {
			t.Errorf("%d in the ring, %d frames, want all of 1000 and 4", s.RingLen, len(r.out.records()))
		}
		r.out.release()
		wait(time.Second)
		r.push(3000, 10)
		wait(2 * time.Second)
		r.stopAll()
		next, gaps := 0.0, 0
		for _, rec := range r.out.records() {
			if rec.gap != nil {
				next += float64(rec.gap.N)
				gaps++
			}
			for i, s := range rec.samples {
				if s.Channel == 0 && s.Value != next || s.Channel == 1 && s.Value != next-1 {
					t.Fatalf("%+v at %d where %v is next", s, i, next)
				}
				if s.Channel == 0 {
					next++
				}
			}
		}
		if next != 3010 || gaps != 1 {
			t.Errorf("%v samples seen or declared in %d gaps, want 3010 in 1", next, gaps)
		}
	})
}

func TestStopDeclaresWhatWasProcessed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.opts.Capacity = 500
		r.opts.Pool = frame.NewPool(frame.PoolSize{Small: 1, SmallBytes: 16 << 10})
		m := r.processed(&mangler{each: func(dst []drivers.Sample, s drivers.Sample) []drivers.Sample {
			return append(dst, s, s)
		}})
		r.start()
		r.out.hold()
		r.push(0, 400)
		wait(time.Second)
		r.push(400, 600)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if err := r.Stop(ctx); err == nil {
			t.Error("Stop says nothing of what it gave up")
		}
		r.balance()
		a := r.Accounting()
		if a.Acquired != 1000 || a.Framed != 256 || a.Lost != 1000+a.Made-256 || a.Abandoned != a.Lost || m.finished != 0 {
			t.Errorf("accounting %+v, finished %d times", a, m.finished)
		}
	})
}

func TestRawAndProcessedValuesAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		r.opts.Latest = NewLatest(2, int64(time.Second))
		r.processed(&mangler{latest: r.opts.Latest, each: func(dst []drivers.Sample, s drivers.Sample) []drivers.Sample {
			if s.Kind == drivers.KindValue {
				s.Value *= 2
			}
			return append(dst, s, drivers.Sample{Stamp: s.Stamp, Channel: 1, Kind: drivers.KindAlarm, Alarm: drivers.AlarmHigh})
		}})
		d := r.script(nil, nil, drivers.ErrTimeout)
		p := d.polled("a", time.Second)
		p.Channels = []int{0}
		r.opts.Buses = []BusPlan{{Name: "b", Sensors: []Polled{p}}}
		r.start()
		wait(1500 * time.Millisecond)
		l := r.Latest()
		if got, want := l.Raw(0), (Value{Value: 1, Stamp: boot + 1000*ms, Known: true}); got != want {
			t.Errorf("raw %+v, want %+v", got, want)
		}
		if got, want := l.Get(0), (Value{Value: 2, Stamp: boot + 1000*ms, Known: true}); got != want {
			t.Errorf("processed %+v, want %+v", got, want)
		}
		if got, want := l.Get(1), (Value{Alarm: drivers.AlarmHigh, AlarmSince: boot + 1000*ms}); got != want {
			t.Errorf("alarm %+v, want %+v", got, want)
		}
		if l.Raw(1).Known {
			t.Error("a raw value of a channel that nobody measures")
		}
		wait(time.Second)
		if l.Raw(0).Quality != drivers.Lost || l.Get(0).Quality != drivers.Lost {
			t.Errorf("raw is %v, processed is %v, want lost", l.Raw(0).Quality, l.Get(0).Quality)
		}
		points := l.AppendHistory(nil, 0)
		if len(points) != 2 || points[1].Value != 2 {
			t.Errorf("history %v, want the processed values", points)
		}
		r.stopAll()
	})
}

// Sensors whose values do not change are no hang.
func TestWithheldSamplesAreMovement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.processed(&mangler{each: func(dst []drivers.Sample, s drivers.Sample) []drivers.Sample { return dst }})
		r.bus(nil, r.device().polled("a", 100*time.Millisecond))
		r.start()
		before := uint64(0)
		for range 100 {
			wait(777 * time.Millisecond)
			moved, overdue := r.Progress()
			if moved <= before || overdue != 0 {
				t.Fatalf("moved %d after %d, overdue %v", moved, before, overdue)
			}
			before = moved
		}
		r.stopAll()
		if len(r.out.records()) != 0 {
			t.Error("something was sent")
		}
	})
}
