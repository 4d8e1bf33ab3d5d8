package pipeline

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink/frame"
)

// pushTo hands in n samples of a channel, whose values go on counting from
// first.
func (r *rig) pushTo(f *feed, channel uint16, first, n int) {
	batch := make([]drivers.Sample, n)
	for i := range batch {
		batch[i] = drivers.Sample{Stamp: r.now(), Channel: channel, Value: float64(first + i)}
	}
	f.push(batch, r.now())
}

// prioritized is a rig with a sensor of normal priority, channel 0, and one of
// high, channel 1, which are asked once.
func prioritized(t *testing.T) *rig {
	r := newRig(t, 2)
	high := r.device().polled("high", 24*time.Hour)
	high.High = true
	r.bus(nil, r.device().polled("normal", 24*time.Hour), high)
	return r
}

func TestAlarmsAreSealedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.opts.Alarms = true
		r.processed(&mangler{each: func(dst []drivers.Sample, s drivers.Sample) []drivers.Sample {
			if s.Value == 5 {
				return append(dst, s, drivers.Sample{Stamp: s.Stamp, Kind: drivers.KindAlarm, Alarm: drivers.AlarmLow})
			}
			return append(dst, s)
		}})
		r.out.reshape(256, time.Minute)
		r.start()
		wait(time.Second)
		r.push(0, 10)
		wait(0)
		got := r.out.records()
		if len(got) != 1 || got[0].at != 1000 || got[0].class != frame.Urgent || len(got[0].samples) != 1 ||
			got[0].samples[0].Alarm != drivers.AlarmLow {
			t.Fatalf("records %+v, want the alarm alone, at once", got)
		}
		r.stopAll()
		if got := r.out.records(); len(got) != 2 || len(got[1].samples) != 10 || got[1].class != frame.Normal {
			t.Errorf("records %+v, want the ten values behind the alarm", got)
		}
	})
}

func TestHighSamplesGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prioritized(t)
		r.start()
		wait(2 * time.Second)
		r.out.reshape(100, time.Minute)
		r.pushTo(&r.in.normal, 0, 1, 1)
		wait(0)
		r.pushTo(&r.in.normal, 0, 2, 299) // while the dispatcher rests
		r.pushTo(r.in.high, 1, 1, 150)
		wait(200 * time.Millisecond)
		var got []string
		for _, rec := range r.out.records()[2:] {
			got = append(got, fmt.Sprintf("%d of class %d", len(rec.samples), rec.class))
		}
		equal(t, "frames", got, []string{"100 of class 1", "100 of class 0", "100 of class 0", "100 of class 0"})
		r.stopAll()
		for ch := range uint16(2) {
			for i, v := range r.out.values(ch) {
				if v != float64(i) {
					t.Fatalf("channel %d: value %d is %v", ch, i, v)
				}
			}
		}
		r.checkClasses()
	})
}

// Each ring has a share of its own, overflows by itself and declares it in its
// own class.
func TestRingsOverflowSeparately(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prioritized(t)
		r.opts.Capacity = 2000
		r.opts.Pool = frame.NewPool(frame.PoolSize{Small: 2, SmallBytes: 16 << 10})
		r.start()
		wait(2 * time.Second)
		r.out.hold()
		r.pushTo(&r.in.normal, 0, 1, 2*256+256)
		wait(time.Second)
		r.pushTo(&r.in.normal, 0, 769, 2000+70)
		r.pushTo(r.in.high, 1, 1, 500)
		wait(time.Second)
		s := r.Stats()
		if s.RingCap != 2000 || s.RingLen != 2000 || s.RingLost != 70 || s.High.RingCap != 500 || s.High.RingLen != 500 {
			t.Errorf("stats %+v", s)
		}
		r.pushTo(r.in.high, 1, 501, 30)
		wait(time.Second)
		r.out.release()
		r.stopAll()
		next, lost := [2]float64{}, map[frame.Class]int64{}
		for _, rec := range r.out.records() {
			if rec.gap != nil {
				lost[rec.class] += rec.gap.N
				next[rec.class] += float64(rec.gap.N)
			}
			for _, x := range rec.samples {
				if x.Value != next[x.Channel] {
					t.Fatalf("channel %d: value %v where %v is next", x.Channel, x.Value, next[x.Channel])
				}
				next[x.Channel]++
			}
		}
		if lost[frame.Normal] != 70 || lost[frame.High] != 30 {
			t.Errorf("declared %v, want 70 of normal and 30 of high priority", lost)
		}
	})
}

func TestPressureLeavesHighSensorsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		r.opts.Capacity = 1200
		r.opts.Pool = frame.NewPool(frame.PoolSize{Small: 1, SmallBytes: 16 << 10})
		high := r.device().polled("high", 250*time.Millisecond)
		high.High = true
		r.bus(nil, r.device().polled("normal", 10*time.Millisecond), high)
		r.start()
		r.out.hold()
		wait(30 * time.Second)
		if s := r.Stats(); s.Stretch != 8 || s.High.Stretch != 1 {
			t.Errorf("stretched ×%d, high ×%d, want 8 and 1", s.Stretch, s.High.Stretch)
		}
		n := r.sensor(1).Readings
		wait(10 * time.Second)
		if got := r.sensor(1).Readings - n; got != 40 {
			t.Errorf("%d readings of high priority in 10 s, want 40", got)
		}
		wait(time.Minute) // its own ring of 300 fills
		if s := r.Stats(); s.High.Stretch == 1 {
			t.Errorf("not stretched with %d of %d in its own ring", s.High.RingLen, s.High.RingCap)
		}
		r.out.release()
		r.stopAll()
	})
}

// Without sensors of high priority and alarms there is nothing of theirs.
func TestClassesCostNothingUnlessUsed(t *testing.T) {
	plain := newRig(t, 2).build()
	if d := plain.dispatcher; plain.in.high != nil || d.builders[frame.High] != nil || d.urgent != nil {
		t.Error("rings or builders that nobody needs")
	}
	r := prioritized(t).build()
	if n := r.in.high.ring.Cap(); n != 8192/4 {
		t.Errorf("the ring of high priority holds %d, want a quarter", n)
	}
	if got, want := r.opts.Bytes()-plain.opts.Bytes(), (8192/4+4096)*24; got != want {
		t.Errorf("it costs %d bytes by Bytes, want %d: its ring and one job", got, want)
	}
	r = prioritized(t)
	r.opts.Capacity = 100
	if n := r.build().in.high.ring.Cap(); n != 256 {
		t.Errorf("the ring of high priority holds %d, want at least 256", n)
	}
}
