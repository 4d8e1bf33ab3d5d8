package store

import (
	"testing"

	"github.com/telhub/telhub/uplink/frame"
)

// In an outage the sender copies frames of lane live into the store, against a
// power cut. When the room ends they are given up there, and sent from memory all
// the same: who counts them as lost takes as many others, which are still to be
// sent, for declared.
func TestCopiesOfFramesInMemoryAreNotCountedAsGivenUp(t *testing.T) {
	for _, lane := range []frame.Lane{frame.Live, frame.Alarm} {
		s, _ := mustOpen(t, testOptions(t.TempDir()))
		held, stored := lanePut{lane: lane}, lanePut{lane: frame.Backfill}
		held.fill(t, s, 10, 500, 10)
		put := stored.fill(t, s, 10, 500, 10)
		s.dropOldest()
		wantGiven(t, s, sumN(put), sumN(put))
		s.Release(lane, held.last)
		wantGiven(t, s, sumN(put), sumN(put))
		readAll(t, s, frame.Backfill)
		wantGiven(t, s, sumN(put), 0)
	}
}

// What memory held then may have to come from the store in the end: an alarm that
// memory has given back.
func TestCopiesThatAreAskedForCountAsGivenUp(t *testing.T) {
	s, _ := mustOpen(t, testOptions(t.TempDir()))
	l := lanePut{lane: frame.Alarm}
	put := l.fill(t, s, 10, 500, 10)
	s.dropOldest()
	wantGiven(t, s, 0, 0)
	readAll(t, s, frame.Alarm)
	wantGiven(t, s, sumN(put), 0)
}

// A segment is given up while frames of it are on their way: those are lost only
// if they are asked for again.
func TestFramesInFlightAreNotCountedAsGivenUp(t *testing.T) {
	for _, arrives := range []bool{true, false} {
		s, _ := mustOpen(t, testOptions(t.TempDir()))
		l := lanePut{lane: frame.Backfill}
		put := l.fill(t, s, 20, 500, 10)
		hand(t, s, frame.ID{}, put[7].ID)
		s.dropOldest()
		wantGiven(t, s, sumN(put[8:]), sumN(put[8:]))
		f, all := newFrame(), sumN(put)
		after := frame.ID{}
		if arrives {
			after, all = put[7].ID, sumN(put[8:])
		}
		if ok, err := s.Next(frame.Backfill, after, f); !ok || err != nil {
			t.Fatal(ok, err)
		}
		wantGap(t, f, all, put[19].ID)
		wantGiven(t, s, all, 0)
	}
}

// Alarms go from memory, and are kept here for the agent's own record of them: of
// those that are given up behind the last one that arrived the number is known.
func TestWhatIsGivenUpBehindAlarmsThatWereSentIsCounted(t *testing.T) {
	s, _ := mustOpen(t, testOptions(t.TempDir()))
	l := lanePut{lane: frame.Alarm}
	put := l.fill(t, s, 20, 500, 10)
	s.Sent(frame.Alarm, put[7].ID)
	s.dropOldest()
	f := newFrame()
	if ok, err := s.Next(frame.Alarm, put[7].ID, f); !ok || err != nil {
		t.Fatal(ok, err)
	}
	wantGap(t, f, sumN(put[8:]), put[19].ID)
	wantGiven(t, s, sumN(put[8:]), 0)
}

// More is given up while the gap record of what was before is on its way. When
// that has arrived, the rest still has its number and its beginning.
func TestWhatIsGivenUpBehindAGapRecordInFlightIsCounted(t *testing.T) {
	for _, c := range []struct {
		name string
		upTo int // frames that were handed out before the first segment was given up
	}{{"frames on their way, too", 10}, {"none but the record", 0}} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := mustOpen(t, testOptions(t.TempDir()))
			l := lanePut{lane: frame.Backfill}
			put := l.fill(t, s, 10, 500, 10)
			if err := s.seal(); err != nil {
				t.Fatal(err)
			}
			put = append(put, l.fill(t, s, 10, 500, 10)...)
			if c.upTo > 0 {
				hand(t, s, frame.ID{}, put[c.upTo-1].ID)
			}
			first := s.segs[0]
			s.giveUp(func(g *segment) bool { return g == first })
			if c.upTo == 0 {
				f := newFrame()
				if ok, err := s.Next(frame.Backfill, frame.ID{}, f); !ok || err != nil {
					t.Fatal(ok, err)
				}
				wantGap(t, f, sumN(put[:10]), put[9].ID)
			}
			s.dropOldest()
			f := newFrame()
			if ok, err := s.Next(frame.Backfill, put[9].ID, f); !ok || err != nil {
				t.Fatal(ok, err)
			}
			wantGap(t, f, sumN(put[10:]), put[19].ID)
		})
	}
}

// What thinning gives up is undeclared until its gap record is handed out, also
// if its segment is given up before.
func TestWhatThinningGivesUpIsUndeclaredUntilHandedOut(t *testing.T) {
	for _, gone := range []bool{false, true} {
		s, _ := mustOpen(t, testOptions(t.TempDir()))
		l := lanePut{lane: frame.Backfill}
		put := make([]*frame.Frame, 40)
		for i := range put {
			put[i] = l.next(s.Epoch(), 1000)
			if l.last = put[i].ID; i == 20 {
				put[i].Class = frame.High
			}
			if err := s.Put(put[i]); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Commit(); err != nil {
			t.Fatal(err)
		}
		s.dropOldest()
		want := sumN(put) - sumN(put[20:21])
		wantGiven(t, s, want, want)
		if gone {
			s.dropOldest()
			want = sumN(put)
			wantGiven(t, s, want, want)
		}
		readAll(t, s, frame.Backfill)
		wantGiven(t, s, want, 0)
	}
}

// hand reads lane backfill up to a frame.
func hand(t *testing.T, s *Store, after, upTo frame.ID) {
	t.Helper()
	for f := newFrame(); after != upTo; after = f.ID {
		if ok, err := s.Next(frame.Backfill, after, f); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
}

func wantGiven(t *testing.T, s *Store, dropped, undeclared int64) {
	t.Helper()
	if st := s.Stats(); int64(st.Dropped) != dropped || int64(st.Undeclared) != undeclared {
		t.Errorf("%d samples count as given up, %d of them as undeclared; want %d, %d", st.Dropped, st.Undeclared, dropped, undeclared)
	}
}

func wantGap(t *testing.T, f *frame.Frame, n int64, upTo frame.ID) {
	t.Helper()
	g, err := frame.ParseGapInfo(f.Payload)
	if err != nil || f.Kind != frame.Gap || g.N != n || !g.T0Known || f.ID != upTo {
		t.Errorf("a record of kind %v says %+v until %v, %v; want a gap of %d samples until %v", f.Kind, g, f.ID, err, n, upTo)
	}
}
