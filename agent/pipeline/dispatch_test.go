package pipeline

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink/frame"
)

// push hands in n samples as a bus owner does; their values go on counting
// from first.
func (r *rig) push(first, n int) {
	batch := make([]drivers.Sample, n)
	for i := range batch {
		batch[i] = drivers.Sample{Stamp: r.now(), Value: float64(first + i)}
	}
	r.in.normal.push(batch, r.now())
}

// counting checks that frames hold the values 0, 1, 2, … in order, but for
// what gap records between them declare, and returns how many were missing.
func (r *rig) counting() (missing int64) {
	r.t.Helper()
	next := int64(0)
	for _, rec := range r.out.records() {
		if rec.gap != nil {
			next += rec.gap.N
			missing += rec.gap.N
		}
		for _, s := range rec.samples {
			if int64(s.Value) != next {
				r.t.Fatalf("value %v where %d is next", s.Value, next)
			}
			next++
		}
	}
	return missing
}

func sizesOf(records []record) (n []int) {
	for _, r := range records {
		n = append(n, len(r.samples))
	}
	return n
}

func TestFramesAreSealedWhenFullOrOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.start()
		wait(10 * time.Second)
		r.push(0, 3)
		wait(500 * time.Millisecond)
		r.push(3, 1)
		wait(499 * time.Millisecond)
		equal(t, "before its age", sizesOf(r.out.records()), nil)
		wait(time.Millisecond)
		equal(t, "at its age", sizesOf(r.out.records()), []int{4})
		r.push(4, 600)
		wait(100 * time.Millisecond)
		equal(t, "full, a tick later", sizesOf(r.out.records()), []int{4, 256, 256})
		wait(900 * time.Millisecond)
		equal(t, "the rest at its age", sizesOf(r.out.records()), []int{4, 256, 256, 88})
		r.stopAll()
		r.counting()
	})
}

func TestShapeChangesTakeEffect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.opts.Pool = frame.NewPool(frame.PoolSize{Small: 64, SmallBytes: 16 << 10, Large: 2, LargeBytes: 256 << 10})
		r.out.reshape(4096, time.Minute)
		r.start()
		r.push(0, 3000)
		wait(10 * time.Second)
		equal(t, "while large frames are wanted", sizesOf(r.out.records()), nil)
		r.out.reshape(256, time.Second)
		r.Wake()
		wait(0)
		got := sizesOf(r.out.records())
		if len(got) != 12 || got[0] != 256 || got[11] != 3000-11*256 {
			t.Errorf("after Wake: %v, want 11 frames of 256 and the rest", got)
		}
		r.out.reshape(4096, time.Minute)
		r.push(3000, 10)
		wait(10 * time.Second)
		r.out.reshape(256, time.Second)
		wait(time.Second) // without Wake
		if got := sizesOf(r.out.records()); len(got) != 13 {
			t.Errorf("without Wake: %v, want a frame within a second", got)
		}
		r.stopAll()
		r.counting()
	})
}

// slowEncoder takes a random time, so that workers overtake each other.
type slowEncoder struct{ rawEncoder }

func (e slowEncoder) Encode(f *frame.Frame, samples []drivers.Sample) error {
	pass(time.Duration(rand.IntN(20)) * time.Millisecond)
	return e.rawEncoder.Encode(f, samples)
}

func TestOrderSurvivesManyWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.opts.Workers = 8
		r.out.reshape(7, time.Second)
		r.build()
		for i := range r.encoders {
			r.encoders[i] = slowEncoder{}
		}
		r.Start()
		for i := range 1000 {
			r.push(i*5, 5)
			wait(time.Duration(i%11) * time.Millisecond)
		}
		r.stopAll()
		if missing := r.counting(); missing != 0 {
			t.Errorf("%d missing", missing)
		}
	})
}

func TestOverrunIsDeclaredInItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.opts.Capacity = 1000
		r.opts.Pool = frame.NewPool(frame.PoolSize{Small: 4, SmallBytes: 16 << 10})
		r.start()
		r.out.hold()
		for i := range 300 { // 3000 samples while 4 frames are free
			r.push(i*10, 10)
			wait(10 * time.Millisecond)
		}
		if got := sizesOf(r.out.records()); len(got) != 4 {
			t.Fatalf("frames %v, want the four of the pool", got)
		}
		if _, overdue := r.Progress(); overdue < 500*time.Millisecond {
			t.Errorf("overdue %v, want to be noticed", overdue)
		}
		r.out.release()
		wait(time.Second)
		if _, overdue := r.Progress(); overdue != 0 {
			t.Errorf("overdue %v after the release", overdue)
		}
		r.push(3000, 10)
		wait(2 * time.Second)
		r.stopAll()
		missing := r.counting()
		if want := int64(3000 - 4*256 - 256 - 1000); missing != want {
			t.Errorf("%d missing, want %d", missing, want)
		}
		gaps := 0
		for _, rec := range r.out.records() {
			if g := rec.gap; g != nil {
				gaps++
				if g.Cause != frame.RingOverrun || !g.T0Known || g.T1-g.T0 != missing/10*10-10 {
					t.Errorf("gap %+v over %d samples at 1 a millisecond", g, missing)
				}
			}
		}
		if s := r.Stats(); gaps != 1 || s.Gaps != 1 || s.RingLost != uint64(missing) {
			t.Errorf("%d gap records, stats %+v", gaps, s)
		}
	})
}

// Samples acquired before a loss are submitted before its record even when
// they wait in the frame under construction.
func TestLossBehindAPartialFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.opts.Capacity = 100
		r.start()
		r.push(0, 10)
		wait(time.Millisecond) // the 10 are in the frame under construction
		r.push(10, 250)        // 150 are overwritten before anybody looks
		wait(2 * time.Second)
		r.stopAll()
		got := r.out.records()
		if len(got) != 3 || len(got[0].samples) != 10 || got[1].gap == nil || len(got[2].samples) != 100 {
			t.Fatalf("records %+v", got)
		}
		if missing := r.counting(); missing != 150 {
			t.Errorf("%d missing, want 150", missing)
		}
	})
}

func TestSmallerFramesServeWhenLargeOnesAreOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.opts.Pool = frame.NewPool(frame.PoolSize{Small: 64, SmallBytes: 16 << 10, Large: 1, LargeBytes: 256 << 10})
		r.out.reshape(4096, time.Second)
		r.start()
		r.out.hold()
		r.push(0, 4096)
		r.push(4096, 4000)
		wait(10 * time.Second)
		got := sizesOf(r.out.records())
		if len(got) < 4 || got[0] != 4096 || got[1] >= 2048 {
			t.Errorf("frames %v, want one large and then small ones", got)
		}
		r.out.release()
		r.stopAll()
		if missing := r.counting(); missing != 0 {
			t.Errorf("%d missing", missing)
		}
	})
}

var errRefused = errors.New("refused")

type refusingEncoder struct{ rawEncoder }

func (e refusingEncoder) Encode(f *frame.Frame, samples []drivers.Sample) error {
	if samples[0].Value == 10 {
		return errRefused
	}
	return e.rawEncoder.Encode(f, samples)
}

func TestWhatCannotBeEncodedIsDeclared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.out.reshape(5, time.Second)
		r.build()
		for i := range r.encoders {
			r.encoders[i] = refusingEncoder{}
		}
		r.Start()
		r.push(0, 20)
		wait(time.Second)
		r.stopAll()
		if missing := r.counting(); missing != 5 {
			t.Errorf("%d missing, want 5", missing)
		}
		if g := r.out.records()[2].gap; g == nil || g.Cause != frame.NotEncoded {
			t.Errorf("third record %+v", r.out.records()[2])
		}
	})
}

func TestNoNumberBecomesAStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.start()
		r.in.normal.push([]drivers.Sample{
			{Stamp: boot, Value: 1}, {Stamp: boot, Value: math.NaN()}, {Stamp: boot, Value: math.Inf(-1)},
		}, r.now())
		wait(2 * time.Second)
		r.stopAll()
		equal(t, "values", r.out.values(0), []float64{1})
		equal(t, "statuses", r.out.statuses(0), []string{"0 bad", "0 bad"})
		if got := r.Stats().Repaired; got != 2 {
			t.Errorf("%d repaired, want 2", got)
		}
	})
}

func TestPressureStretchesPeriodsAndLetsGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.opts.Capacity = 1000
		r.opts.Pool = frame.NewPool(frame.PoolSize{Small: 1, SmallBytes: 16 << 10})
		d := r.device()
		r.bus(nil, d.polled("a", 10*time.Millisecond))
		r.start()
		r.out.hold()
		wait(30 * time.Second)
		s := r.Stats()
		if s.Stretch != 8 || s.PressureEvents != 3 {
			t.Errorf("stretched ×%d in %d events, want ×8 in 3", s.Stretch, s.PressureEvents)
		}
		n, spared := r.sensor(0).Readings, r.sensor(0).Spared
		wait(8 * time.Second)
		if got := r.sensor(0).Spared - spared; got != 700 {
			t.Errorf("%d measurements count as spared in 8 s, want 700", got)
		}
		if got := r.sensor(0).Readings - n; got != 100 {
			t.Errorf("%d readings in 8 s, want 100 at an eighth of the rate", got)
		}
		if skipped := r.sensor(0).Skipped; skipped != 0 {
			t.Errorf("%d slots count as skipped", skipped)
		}
		r.out.release()
		wait(10 * time.Second)
		if s := r.Stats(); s.Stretch != 1 {
			t.Errorf("stretched ×%d after the relief", s.Stretch)
		}
		r.stopAll()
	})
}

// A steady flow costs one wake-up a tick, an idle pipeline none.
func TestDispatcherWakesRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.start()
		before := r.Stats().Wakeups
		for i := range 1000 {
			r.push(i*100, 100)
			wait(10 * time.Millisecond)
		}
		if got := r.Stats().Wakeups - before; got > 120 {
			t.Errorf("%d wake-ups in 10 s at 10,000 samples/s, want about one a tick", got)
		}
		before = r.Stats().Wakeups
		wait(time.Hour)
		if got := r.Stats().Wakeups - before; got > 4 {
			t.Errorf("%d wake-ups in an idle hour", got)
		}
		r.stopAll()
		if missing := r.counting(); missing != 0 {
			t.Errorf("%d missing", missing)
		}
	})
}

func TestSilentSensorsAreNoHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.start()
		wait(time.Hour)
		r.push(0, 1)
		wait(500 * time.Millisecond)
		if moved, overdue := r.Progress(); moved != 0 || overdue != 0 {
			t.Errorf("moved %d, overdue %v, want 0, 0", moved, overdue)
		}
		wait(time.Second)
		if moved, overdue := r.Progress(); moved != 1 || overdue != 0 {
			t.Errorf("moved %d, overdue %v, want 1, 0", moved, overdue)
		}
		r.stopAll()
	})
}
