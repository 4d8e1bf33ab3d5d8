package observe

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/telhub/telhub/processing/queue"
)

// While Redis is away a look takes all of its time. Whoever asked meanwhile gets
// that answer: a scrape that waited for a look of its own, after those of others,
// would outlast its timeout.
func TestWhoWaitedForALookGetsItsAnswer(t *testing.T) {
	clock, away, asked := time.Unix(1_800_000_000, 0), errors.New("away"), 0
	ask := func(context.Context) (queue.Stats, error) {
		asked++
		clock = clock.Add(lookTime)
		return queue.Stats{}, away
	}
	w := NewWatch(ask, nil, time.Minute, NewMetrics("test"))
	w.now = func() time.Time { return clock }
	for range 3 {
		if l := w.Look(t.Context()); !errors.Is(l.Err, away) || l.Took != lookTime {
			t.Errorf("got %v after %v, want %v after %v", l.Err, l.Took, away, lookTime)
		}
	}
	if asked != 1 {
		t.Errorf("three who asked at once led to %d looks, want one", asked)
	}
	clock = clock.Add(lookAge)
	if w.Look(t.Context()); asked != 2 {
		t.Errorf("%d looks after another second, want 2", asked)
	}
}
