package bench

import (
	"os"
	"testing"
	"time"

	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// full reports whether the long form was asked for: make drain.
func full() bool { return os.Getenv("TELHUB_DRAIN") != "" }

// aside submits live frames every so often, and an alarm with every so manyth,
// while more says so.
func (l *lanes) aside(every time.Duration, alarm int, more func() bool) {
	enc := frame.NewEncoder(&stockSchema, 8)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for i := 1; more(); i++ {
		<-tick.C
		l.submit(enc, 5, frame.Normal)
		if i%alarm == 0 {
			l.submit(enc, 1, frame.Urgent)
		}
	}
}

// Backlog goes at the configured rate, counted by the server in bytes that it
// received, also while live frames and alarms, and the commits that those bring
// about, go beside it. A machine that is too busy to keep up is asked again;
// more than the rate is always wrong.
func TestBackfillKeepsItsRate(t *testing.T) {
	const rate = 100_000
	var got float64
	for range 4 {
		if got = shapedRate(t, rate); got > 1.05*rate {
			t.Fatalf("%.0f bytes/s at the server, more than 5 %% over %d", got, rate)
		}
		if got >= .95*rate {
			return
		}
	}
	t.Errorf("%.0f bytes/s at the server, more than 5 %% below %d", got, rate)
}

// shapedRate is the rate at which a backlog of half a megabyte arrives.
func shapedRate(t *testing.T, rate int64) float64 {
	t.Helper()
	l := newLanes(t, redistest.Start(t), 256, 500_000, rate)
	l.wire = true
	l.begin()
	l.aside(250*time.Millisecond, 1, func() bool { return !drained(l.up.Status()) })
	l.end()
	all := l.of(frame.Backfill)
	first, last := all[0], all[len(all)-1]
	var beside int64 // of other lanes
	for _, lane := range []frame.Lane{frame.Alarm, frame.Live} {
		for _, a := range l.of(lane) {
			if a.begin.After(first.begin) && a.begin.Before(last.begin) {
				beside += int64(a.wire)
			}
		}
	}
	took := last.begin.Sub(first.begin)
	got := float64(last.received-first.received-beside) / took.Seconds()
	t.Logf("%d batches in %.2f s: %.0f bytes/s at the server, of %d", len(all)-1, took.Seconds(), got, rate)
	return got
}

// Without a rate, backlog has the link for four fifths of the time that live
// frames leave. The link takes 5 ms for each batch, so that the time between
// batches is the uplink's decision and not the processor's.
func TestBackfillTakesFourFifthsOfWhatLiveLeaves(t *testing.T) {
	var got float64
	for range 4 {
		if got = freeShare(t); got > .87 {
			t.Fatalf("backlog has the link for %.3f of what live frames leave, want .8", got)
		}
		if got > .55 { // goroutines that wake late on a busy machine take from the backlog's part
			return
		}
	}
	t.Errorf("backlog has the link for %.3f of what live frames leave, want .8", got)
}

func freeShare(t *testing.T) float64 {
	t.Helper()
	l := newLanes(t, redistest.Start(t), 1024, 15<<20, 0)
	l.link = 5 * time.Millisecond
	l.begin()
	l.aside(20*time.Millisecond, 1e6, func() bool { return !drained(l.up.Status()) })
	l.end()
	all := l.of(frame.Backfill)
	first, last := all[0], all[len(all)-1]
	var busy, live time.Duration
	for _, a := range all[:len(all)-1] {
		busy += a.end.Sub(a.begin)
	}
	for _, a := range l.of(frame.Live) {
		if a.begin.After(first.begin) && a.begin.Before(last.begin) {
			live += a.end.Sub(a.begin)
		}
	}
	left := last.begin.Sub(first.begin) - live
	got := busy.Seconds() / left.Seconds()
	t.Logf("%d batches: the link is busy with backlog for %.3f s of %.3f s that %d live frames leave: %.3f",
		len(all), busy.Seconds(), left.Seconds(), len(l.took[frame.Live]), got)
	return got
}

// An alarm that is raised while a backlog drains goes behind one batch at most,
// from when it is on flash; all else is the commit's time. The batch that may
// begin at the same moment is not counted, and neither is the machine, which may
// stop the goroutine that has just committed: so nine of ten must keep to it.
func TestAnAlarmPassesTheBacklogBehindOneBatch(t *testing.T) {
	alarms := 20
	if full() {
		alarms = 200
	}
	l := newLanes(t, redistest.Start(t), 1024, int64(alarms)*5<<20/2, 0)
	l.link = 5 * time.Millisecond
	l.begin()
	l.wait("the connection", func(s uplink.Status) bool { return s.Connected })
	l.aside(26*time.Millisecond, 10, func() bool {
		s := l.up.Status()
		return s.Counters.Frames[frame.Alarm] < uint64(alarms) && s.Stored > 0
	})
	l.end()
	behind, waits := l.behind()
	if len(behind) < alarms*3/4 {
		t.Fatalf("only %d alarms while the backlog drained", len(behind))
	}
	late := 0
	for _, n := range behind {
		if n > 1 {
			late++
		}
	}
	var batches []time.Duration
	for _, a := range l.of(frame.Backfill) {
		batches = append(batches, a.end.Sub(a.begin))
	}
	t.Logf("alarm to accepted: %s", summary(l.took[frame.Alarm]))
	t.Logf("  from flash to the connection: %s", summary(waits))
	t.Logf("batches of backlog: %s; %d alarms had more than one before them", summary(batches), late)
	if late > len(behind)/10 {
		t.Errorf("%d of %d alarms waited for more than one batch: %v", late, len(behind), behind)
	}
}

// behind is, of each alarm that was raised while the backlog drained, how many
// batches of it began, and how much time passed, between the end of the commit
// that brought it to flash and its own append.
func (l *lanes) behind() (batches []int, waits []time.Duration) {
	backlog, alarms := l.of(frame.Backfill), l.of(frame.Alarm)
	end := backlog[len(backlog)-1].end
	i := 0
	for _, a := range alarms {
		for range a.samples { // one of each alarm
			if i == len(l.puts) || a.end.After(end) {
				return batches, waits
			}
			safe := a.begin
			for _, c := range l.commits {
				if !c.begin.Before(l.puts[i]) {
					safe = c.end
					break
				}
			}
			n := 0
			for _, b := range backlog {
				if b.begin.After(safe) && b.begin.Before(a.begin) {
					n++
				}
			}
			i, batches, waits = i+1, append(batches, n), append(waits, max(a.begin.Sub(safe), 0))
		}
	}
	return batches, waits
}

// Live frames and alarms with and without a backlog beside them, at 1,000
// samples a second, without anything between the uplink and Redis: figures.
// What is judged is that both go beside each other.
func TestLanesBesideADrain(t *testing.T) {
	size, idle := int64(20<<20), 500*time.Millisecond
	if full() {
		size, idle = 1<<30, 10*time.Second
	}
	l := newLanes(t, redistest.Start(t), 1024, size, 0)
	l.begin()
	l.wait("the connection", func(s uplink.Status) bool { return s.Connected })
	l.aside(5*time.Millisecond, 60, func() bool { return l.up.Status().Stored > 0 })
	during := l.turn()
	end := time.Now().Add(idle)
	l.aside(5*time.Millisecond, 60, func() bool { return time.Now().Before(end) })
	still := l.turn()
	l.end()
	t.Logf("live,  submitted to accepted: idle     %s", summary(still.took[frame.Live]))
	t.Logf("                              draining %s", summary(during.took[frame.Live]))
	t.Logf("alarm, submitted to accepted: idle     %s", summary(still.took[frame.Alarm]))
	t.Logf("                              draining %s", summary(during.took[frame.Alarm]))
	t.Logf("%.0f MB/s; batches of backlog %s", float64(during.payload)/1e6/during.length.Seconds(), summary(during.batches))
	if during.payload < size || len(during.took[frame.Live]) == 0 {
		t.Errorf("%d bytes of %d were drained beside %d live frames", during.payload, size, len(during.took[frame.Live]))
	}
}

// turn is what happened since the last one.
type turn struct {
	took    [frame.Lanes][]time.Duration
	batches []time.Duration
	payload int64
	length  time.Duration
}

func (l *lanes) turn() (r turn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.appends {
		if a.lane == frame.Backfill {
			r.batches = append(r.batches, a.end.Sub(a.begin))
			r.payload += a.payload
		}
	}
	if n := len(l.appends); n > 0 {
		r.length = l.appends[n-1].end.Sub(l.appends[0].begin)
	}
	r.took = l.took
	l.took, l.appends = [frame.Lanes][]time.Duration{}, nil
	return r
}
