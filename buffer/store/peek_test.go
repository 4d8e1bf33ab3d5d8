package store

import (
	"testing"

	"github.com/telhub/telhub/uplink/frame"
)

// At its start the agent looks through the alarms of earlier runs. In an outage
// they lie in most segments: to look must not spare those from being given up
// before newer ones.
func TestWhatWasOnlyLookedAtIsGivenUpInItsTurn(t *testing.T) {
	o := testOptions(t.TempDir())
	o.MaxBytes = 1 << 20
	s, _ := mustOpen(t, o)
	l, alarms := lanePut{lane: frame.Backfill}, lanePut{lane: frame.Alarm}
	for range 5 {
		l.fill(t, s, 20, 3000, 20)
		alarms.fill(t, s, 1, 80, 1)
	}
	if n := s.Stats().Notes; n != 0 {
		t.Fatalf("%d notes: the store is full already", n)
	}
	f := newFrame()
	for after, ok := (frame.ID{}), true; ok; after = f.ID {
		var err error
		if ok, err = s.Peek(frame.Alarm, after, f); err != nil {
			t.Fatal(err)
		}
	}
	l.fill(t, s, 300, 3000, 20)
	got := readAll(t, s, frame.Backfill)
	if _, _, gaps := tally(t, got); gaps != 1 || got[0].Kind != frame.Gap {
		t.Errorf("%d gaps, the first frame is %v of kind %v; want one at the beginning", gaps, got[0].ID, got[0].Kind)
	}
}
