package uplink_test

import (
	"encoding/binary"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

// refusing gives a lab a small store that refuses what is new.
func (l *lab) refusing() {
	l.tweak = func(_ *uplink.Options, so *store.Options) {
		so.MaxBytes, so.SegmentBytes, so.PendingBytes, so.Drop = 1<<20, 64<<10, 32<<10, store.DropNewest
	}
}

// submitLarge is submit of a frame that takes a kilobyte.
func (l *lab) submitLarge(n uint64, c frame.Class) {
	l.t.Helper()
	f := l.pool.Get(1000)
	for i := 0; f == nil && i < 600; i++ {
		time.Sleep(100 * time.Millisecond)
		f = l.pool.Get(1000)
	}
	if f == nil {
		l.t.Fatalf("no frame is free: %+v", l.up.Status())
	}
	f.Payload = append(binary.BigEndian.AppendUint64(f.Payload, n), make([]byte, 990)...)
	l.last = l.milli()
	f.Class, f.N, f.T0, f.T1 = c, 1, l.last, l.last
	l.up.Submit(f)
	synctest.Wait()
	time.Sleep(20 * time.Millisecond)
}

// fill submits large frames from n on until the store refuses one, and returns
// the next number.
func (l *lab) fill(n uint64) uint64 {
	l.t.Helper()
	for ; n < 2000; n++ {
		l.submitLarge(n, frame.Normal)
		if s := l.up.Status(); s.Counters.LostTotal() > 0 {
			return n + 1
		}
	}
	l.t.Fatalf("the store never fills: %+v", l.up.Status())
	return n
}

// account fails unless each of the frames 0 to n-1, submitted at these times,
// is there or lies in a gap record. It returns how many samples records with a
// number declare.
func (l *lab) account(at []int64) (declared int64) {
	l.t.Helper()
	seen := map[uint64]bool{}
	var gaps []gap
	l.server.mu.Lock()
	defer l.server.mu.Unlock()
	for _, a := range l.server.got {
		if a.Encoding != "gap" {
			if seen[a.number()] {
				l.t.Errorf("%d is there twice", a.number())
			}
			seen[a.number()] = true
			continue
		}
		var g gap
		if err := json.Unmarshal(a.Data, &g); err != nil {
			l.t.Fatal(err)
		}
		if gaps = append(gaps, g); g.N != nil {
			declared += *g.N
		}
	}
	for n, stamp := range at {
		covered := seen[uint64(n)]
		for _, g := range gaps {
			covered = covered || (g.T0 == nil || *g.T0 <= stamp+1e12) && stamp+1e12 <= g.T1
		}
		if !covered {
			l.t.Errorf("%d of %d, taken at %d, is missing, and nothing says so", n, len(at), stamp+int64(1e12))
		}
	}
	if l.t.Failed() {
		for _, g := range gaps {
			l.t.Logf("gap %s %v from %v to %d", g.Cause, g.N, g.T0, g.T1)
		}
	}
	return declared
}

func TestWhatAFullStoreRefusedIsDeclaredAlthoughSomethingElseIsStoredLater(t *testing.T) {
	for _, end := range []string{"cut", "shutdown"} {
		t.Run(end, func(t *testing.T) {
			inLab(t, func(l *lab) {
				l.refusing()
				l.server.leave()
				l.start()
				l.wait("the breaker", func(s uplink.Status) bool { return s.Breaker != uplink.Closed })
				l.submit(0, frame.High)
				n := l.fill(1)
				at := make([]int64, n)
				refused := l.last // the others were stored before it
				for i := range at {
					at[i] = refused
				}
				for range 20 {
					time.Sleep(20 * time.Second)
					at = append(at, l.milli())
					l.submitLarge(n, frame.Normal)
					n++
				}
				for range 5 {
					time.Sleep(time.Minute)
					at = append(at, l.milli())
					l.submit(n, frame.High)
					n++
				}
				l.wait("the commit", func(s uplink.Status) bool { return s.Held == 0 && l.store.Stats().PendingFrames == 0 })
				if end == "cut" {
					l.kill()
				} else {
					l.server.leave()
					if !l.shutdown() {
						t.Error("the run ends unsafe, although there is room for what must be said")
					}
				}
				l.server.come(nil)
				l.start()
				l.quiet()
				l.shutdown()
				if lost := l.account(at); lost != 21 {
					t.Errorf("%d samples are declared with a number, want 21", lost)
				}
			})
		})
	}
}

// Frames that wait in memory, for which there is no room, are older than those
// of a higher class, for which there is.
func TestWhatWaitsInMemoryIsDeclaredAlthoughAHigherClassIsStoredLater(t *testing.T) {
	inLab(t, func(l *lab) {
		l.refusing()
		l.server.leave()
		l.start()
		l.wait("the breaker", func(s uplink.Status) bool { return s.Breaker != uplink.Closed })
		l.submit(0, frame.High)
		n := l.fill(1)
		l.wait("the commit", func(s uplink.Status) bool { return s.Held == 0 && l.store.Stats().PendingFrames == 0 })
		if !l.shutdown() {
			t.Error("the first run ends unsafe")
		}
		at := make([]int64, n)
		for i := range at {
			at[i] = l.milli()
		}
		l.start()
		for range 3 { // live, as the breaker is closed yet
			at = append(at, l.milli())
			l.submitLarge(n, frame.Normal)
			n++
		}
		l.wait("the breaker", func(s uplink.Status) bool { return s.Breaker != uplink.Closed })
		for range 5 {
			time.Sleep(time.Minute)
			at = append(at, l.milli())
			l.submit(n, frame.High)
			n++
		}
		l.wait("the commit", func(s uplink.Status) bool {
			return s.Counters.Spooled >= 5 && s.Held == 0 && l.store.Stats().PendingFrames == 0
		})
		l.kill()
		l.server.come(nil)
		l.start()
		l.quiet()
		l.shutdown()
		l.account(at)
	})
}
