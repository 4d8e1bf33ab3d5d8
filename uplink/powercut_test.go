package uplink_test

import (
	"sync"
	"testing"
	"time"

	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// The next start declares what was lost from where the store ends. A hole before
// that would be lost without a word: an older frame that waits in memory while a
// newer one is stored, or the gap record of the cut before this run.
func TestASecondPowerCutDoesNotHideWhatTheFirstTook(t *testing.T) {
	r := newRig(t, nobody(t))
	r.tweak = func(o *uplink.Options, _ *store.Options) {
		o.MaxLoss = time.Minute // nothing is stored for its age
		o.PowerCut = &frame.GapInfo{Cause: frame.PowerCut, N: -1, T0: 1, T0Known: true, T1: 2}
	}
	var mu sync.Mutex
	var kinds []frame.Kind
	var stamps []int64
	r.put = func(f *frame.Frame) {
		mu.Lock()
		defer mu.Unlock()
		kinds, stamps = append(kinds, f.Kind), append(stamps, f.T0)
	}
	r.start()
	r.feed(3) // live, as long as the breaker is closed
	r.wait("the breaker to open", func(s uplink.Status) bool { return s.Trips > 0 })
	r.feed(3)
	r.wait("frames in the store", func(s uplink.Status) bool { return s.Counters.Spooled == 3*perFrame })
	r.shutdown()
	mu.Lock()
	defer mu.Unlock()
	if len(kinds) < 7 || kinds[0] != frame.Gap {
		t.Fatalf("the store got %v (1 is a gap record), want the gap record and then all six frames", kinds)
	}
	for i := 2; i < 7; i++ {
		if stamps[i] < stamps[i-1] {
			t.Errorf("the store got a frame of %d after one of %d", stamps[i], stamps[i-1])
		}
	}
}

// nobody is an address at which no server listens.
func nobody(t *testing.T) string {
	s := redistest.Start(t)
	s.Kill()
	return s.Addr()
}
