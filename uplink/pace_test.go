package uplink

import (
	"testing"
	"time"
)

// link plays a link on which a batch of backlog takes a time, timers are late,
// and other lanes may take it in between.
type link struct {
	p      pacer
	now    time.Time
	due    time.Time
	begin  time.Time
	busy   time.Duration // by backlog
	others time.Duration
	bytes  int
}

func newLink(rate int64) *link {
	l := &link{p: pacer{rate: rate}, now: time.Unix(1e9, 0)}
	l.begin = l.now
	return l
}

// batch sends one batch as soon as it may go, late by a timer's slack.
func (l *link) batch(took time.Duration, bytes int, late time.Duration) {
	if l.now.Before(l.due) {
		l.now = l.due.Add(late)
	}
	started := l.now
	l.now = l.now.Add(took)
	l.busy, l.bytes = l.busy+took, l.bytes+bytes
	l.due = l.p.after(started, l.now, bytes)
}

// other lets another lane have the link.
func (l *link) other(took time.Duration) {
	l.now, l.others = l.now.Add(took), l.others+took
	l.p.shared(took)
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if got < want*(1-tolerance) || got > want*(1+tolerance) {
		t.Errorf("%s: %.4g, want %.4g within %.0f %%", what, got, want, 100*tolerance)
	}
}

func TestBacklogKeepsItsRateHoweverLateTimersAre(t *testing.T) {
	for _, late := range []time.Duration{0, 300 * time.Microsecond, 40 * time.Millisecond} {
		l := newLink(100_000)
		for i := range 200 {
			l.batch(2*time.Millisecond, 25_000+i%7*100, late)
			if i%3 == 0 {
				l.other(5 * time.Millisecond)
			}
		}
		near(t, "bytes/s", float64(l.bytes)/l.due.Sub(l.begin).Seconds(), 100_000, .01)
	}
}

func TestBacklogOnALinkSlowerThanItsRateIsNotHeldBack(t *testing.T) {
	l := newLink(1_000_000)
	for range 20 {
		l.batch(time.Second, 10_000, time.Millisecond)
	}
	near(t, "busy", l.busy.Seconds(), l.now.Sub(l.begin).Seconds(), .001)
	l.now = l.now.Add(time.Hour) // what was not used then is not made up for later
	start, sent := l.now, l.bytes
	for range 100 {
		l.batch(time.Millisecond, 100_000, 0)
	}
	near(t, "bytes/s", float64(l.bytes-sent)/l.due.Sub(start).Seconds(), 1_000_000, .02)
}

func TestBacklogTakesFourFifthsOfWhatOthersLeave(t *testing.T) {
	for _, took := range []time.Duration{80 * time.Microsecond, 400 * time.Microsecond, 300 * time.Millisecond} {
		for _, other := range []time.Duration{0, took / 2} {
			l := newLink(0)
			for range 2000 {
				l.batch(took, 64<<10, 100*time.Microsecond)
				if other > 0 {
					l.other(other)
				}
			}
			free := l.due.Sub(l.begin) - l.others
			near(t, "share of "+took.String()+" batches", l.busy.Seconds()/free.Seconds(), .8, .01)
		}
	}
}

func TestABatchIsAQuarterOfASecondsWorth(t *testing.T) {
	for rate, want := range map[int64]int{0: batchBytes, 1: 1, 100_000: 25_000, 10_000_000: batchBytes} {
		if got := drainBytes(rate); got != want {
			t.Errorf("drainBytes(%d) = %d, want %d", rate, got, want)
		}
	}
}
