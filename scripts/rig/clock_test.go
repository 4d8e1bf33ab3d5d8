//go:build hil

package rig

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

// TestClock sets a board's clock back by an hour and forward by a year, while
// samples flow and while they are spooled; first with a date that nobody has
// confirmed, then with one that was. The real `telhub audit` has the last word.
// `make chaos` runs it, too, and takes the report from the file RIG_AUDIT.
func TestClock(t *testing.T) {
	server := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "everysec")
	w := &history{world: &world{board: newBoard(t, "clock", server.Port(), "guest/time.toml", "guest/time-start")}}
	w.streams = follow(t, server)
	t.Cleanup(w.unplug)
	compile(t, "arm64", filepath.Join(w.overlay, "usr/bin/clockset"), "build", "./guest/clockset")
	steps := []struct {
		name string
		step func(*testing.T)
	}{
		{"boot", func(t *testing.T) {
			w.powerOn(t, true, cool)
			w.run(t, fmt.Sprintf("date -s @%d", time.Now().Unix()))
		}},
		{"a date that nobody has confirmed", func(t *testing.T) { w.setForthAndBack(t) }},
		{"a date that is synchronised", func(t *testing.T) {
			from := len(w.all)
			w.synchronise(t, w.zero[0].mid())
			w.awaitQuality(t, from, "ntp")
			w.setForthAndBack(t)
		}},
		{"the audit", func(t *testing.T) {
			last := w.counter.pause()
			await(t, 3*time.Minute, "all numbers", func() bool {
				w.read(t)
				return w.complete(last)
			})
			w.checkCounter(t, 1, last)
			w.checkOrder(t)
			w.checkLog(t)
			report := newAuditor(t, server.URL()).audit(t)
			if path := os.Getenv("RIG_AUDIT"); path != "" {
				if err := os.WriteFile(path, report, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}},
	}
	for _, s := range steps {
		if !t.Run(s.name, s.step) {
			w.showLog(t)
			t.FailNow()
		}
	}
}

// setForthAndBack sets the clock an hour back and then a year forward, with the
// network and without it, and wants each number of the counter in the streams
// once.
func (w *history) setForthAndBack(t *testing.T) {
	t.Helper()
	w.awaitNumber(t, 1, w.counter.last())
	for _, plugged := range []bool{true, false} {
		w.link(t, plugged)
		wait(t, 4*time.Second) // the agent finds out
		for _, by := range []time.Duration{-time.Hour, year} {
			jumps := w.status(t).Clock.Jumps
			w.run(t, fmt.Sprintf("date -s @$(($(date +%%s) + %d))", int(by.Seconds())))
			await(t, 60*time.Second, "the step", func() bool { return w.status(t).Clock.Jumps > jumps })
			wait(t, 6*time.Second)
			s := w.status(t)
			t.Logf("set by %v, network %v: %+v, spool %+v", by, plugged, s.Clock, s.Spool)
			if !plugged && s.Spool.Frames == 0 {
				t.Error("nothing is spooled: this shows nothing")
			}
		}
	}
	spoken := w.counter.last()
	w.link(t, true)
	await(t, 3*time.Minute, fmt.Sprintf("all numbers up to %d", spoken), func() bool {
		w.read(t)
		return w.complete(spoken)
	})
	w.checkCounter(t, 1, spoken)
	w.checkPid(t)
}

// complete reports whether all numbers from the first that came to last are there.
func (w *history) complete(last int) bool {
	there := make(map[int]bool)
	first := last
	for _, s := range w.since(0, "counter/n") {
		there[int(s.Value)] = true
		first = min(first, int(s.Value))
	}
	for n := first; n <= last; n++ {
		if !there[n] {
			return false
		}
	}
	return true
}
