package pipeline

import (
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink/frame"
)

// mangler is a Processor whose rules a test gives.
type mangler struct {
	each    func(dst []drivers.Sample, s drivers.Sample) []drivers.Sample // at most two samples; nil: as it came
	due     int64                                                         // Next; 0 = never
	advance func(dst []drivers.Sample, now int64) []drivers.Sample        // at most 16 samples; sets due
	finish  func(dst []drivers.Sample, now int64) []drivers.Sample        // at most 16 samples
	latest  *Latest                                                       // observes all that each gives

	made, withheld uint64
	grown          bool // dst was too small
	batches        []int
	finished       int
}

func (m *mangler) Process(dst, raw []drivers.Sample) []drivers.Sample {
	room := cap(dst)
	m.batches = append(m.batches, len(raw))
	for _, s := range raw {
		before := len(dst)
		if m.each == nil {
			dst = append(dst, s)
		} else {
			dst = m.each(dst, s)
		}
		m.account(len(dst) - before - 1)
		if m.latest != nil {
			for i := before; i < len(dst); i++ {
				m.latest.Observe(&dst[i])
			}
		}
	}
	m.grown = m.grown || cap(dst) != room
	return dst
}

func (m *mangler) account(surplus int) {
	if surplus < 0 {
		m.withheld++
	} else {
		m.made += uint64(surplus)
	}
}

func (m *mangler) Advance(dst []drivers.Sample, now int64) []drivers.Sample {
	dst = m.advance(dst, now)
	m.made += uint64(len(dst))
	return dst
}

func (m *mangler) Finish(dst []drivers.Sample, now int64) []drivers.Sample {
	m.finished++
	if m.finish != nil {
		dst = m.finish(dst, now)
		m.made += uint64(len(dst))
	}
	return dst
}

func (m *mangler) Next() int64 {
	if m.due == 0 {
		return math.MaxInt64
	}
	return m.due
}

func (m *mangler) MaxOut(n int) int         { return max(2*n, 16) }
func (m *mangler) Counts() (uint64, uint64) { return m.made, m.withheld }

// processed gives the rig a mangler.
func (r *rig) processed(m *mangler) *mangler {
	r.opts.Processor = m
	return m
}

// Random processing, shapes and shortage: per channel and class what arrives
// is what was processed, in order, but for what is declared.
func TestRandomProcessingBalances(t *testing.T) {
	for seed := range uint64(8) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			r := newRig(t, 4)
			r.opts.Capacity, r.opts.MaxSamples = 64+rnd.IntN(1000), 16+rnd.IntN(300)
			r.opts.Alarms = true
			r.opts.Classes = []frame.Class{frame.Normal, frame.Normal, frame.High, frame.High}
			p := r.device().polled("high", time.Hour)
			p.Channels, p.High = []int{3}, true
			r.opts.Buses = []BusPlan{{Name: "b", Sensors: []Polled{p}}}
			r.opts.Pool = frame.NewPool(frame.PoolSize{Small: 3 + rnd.IntN(8), SmallBytes: 16 << 10})
			var want [4][]float64 // by channel, as processed
			m := r.processed(&mangler{})
			fate := rand.New(rand.NewPCG(seed, 2)) // the dispatcher's
			m.each = func(dst []drivers.Sample, s drivers.Sample) []drivers.Sample {
				switch s.Value = float64(len(want[s.Channel])); fate.IntN(6) {
				case 0:
					return dst
				case 1:
					dst = append(dst, drivers.Sample{Stamp: s.Stamp, Channel: s.Channel, Kind: drivers.KindAlarm, Alarm: drivers.AlarmHigh})
				case 2:
					dst = append(dst, s)
					want[s.Channel] = append(want[s.Channel], s.Value)
					s.Value++
				}
				want[s.Channel] = append(want[s.Channel], s.Value)
				return append(dst, s)
			}
			r.start()
			for range 300 {
				r.out.reshape(1+rnd.IntN(300), time.Duration(rnd.IntN(1000))*time.Millisecond)
				if rnd.IntN(20) == 0 {
					r.out.hold()
				} else if rnd.IntN(4) == 0 {
					r.out.release()
				}
				for _, f := range []*feed{&r.in.normal, r.in.high} {
					samples := make([]drivers.Sample, rnd.IntN(100))
					for i := range samples {
						samples[i] = drivers.Sample{Stamp: r.now(), Channel: uint16(rnd.IntN(2))}
						if f.class == frame.High {
							samples[i].Channel += 2
						}
					}
					f.push(samples, r.now())
				}
				wait(time.Duration(rnd.IntN(200)) * time.Millisecond)
				a := r.Accounting()
				if a.Acquired+a.Made != a.Framed+a.Lost+a.Withheld+a.Waiting {
					t.Fatalf("seed %d: accounting %+v", seed, a)
				}
			}
			r.out.release()
			r.stopAll()
			if m.grown {
				t.Errorf("seed %d: MaxOut was not enough", seed)
			}
			for ch := range want {
				equal(t, "channel", r.out.values(uint16(ch)), want[ch])
			}
			r.checkClasses()
			if a := r.Accounting(); a.Made == 0 || a.Withheld == 0 {
				t.Errorf("seed %d: accounting %+v shows nothing", seed, a)
			}
		})
	}
}

// checkClasses checks that frames hold samples of their class only.
func (r *rig) checkClasses() {
	r.t.Helper()
	classes := r.opts.Classes
	if classes == nil {
		classes = r.opts.classesOf()
	}
	for _, rec := range r.out.records() {
		for _, s := range rec.samples {
			want := classes[s.Channel]
			if s.Kind == drivers.KindAlarm {
				want = frame.Urgent
			}
			if rec.class != want {
				r.t.Fatalf("%+v in a frame of class %d, want %d", s, rec.class, want)
			}
		}
	}
}
