//go:build hil

package rig

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/uplink/frame"
)

// kept identifies a frame of the spool.
type kept struct {
	lane string
	id   frame.ID
}

// stored is what `telhub spool export` says of a frame. Of one that is unset
// t0 and t1 are on the board's own clock, which is what its stream entry is
// held to, whatever the emulator's speed.
type stored struct {
	t0, t1  int64
	quality string
}

// copySpool copies the board's spool at one instant, as near as one can beside
// the agent, and exports what of the copy is whole: what the agent writes over
// while an export looks for it would be missing.
const copySpool = "rm -rf /tmp/spool && cp -r /var/lib/telhub /tmp/spool && " +
	"{ telhub spool export --dir /tmp/spool >/tmp/export; gzip -c /tmp/export | base64 -w 0; echo; }"

// export reads the board's spool beside the agent and returns the frames that
// the test has not seen yet.
func (w *history) export(t *testing.T) map[kept]stored {
	t.Helper()
	fresh := make(map[kept]stored)
	packed, err := base64.StdEncoding.DecodeString(strings.TrimSpace(w.run(t, copySpool)))
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	for dec := json.NewDecoder(z); dec.More(); {
		var x struct {
			Lane    string
			Ep, Seq uint64
			T0, T1  int64
			Q       string
			Gap     json.RawMessage
		}
		if err := dec.Decode(&x); err != nil {
			t.Fatal(err)
		}
		k := kept{x.Lane, frame.ID{Epoch: x.Ep, Seq: x.Seq}}
		if _, known := w.stored[k]; !known && x.Gap == nil {
			fresh[k] = stored{x.T0, x.T1, x.Q}
			w.stored[k] = fresh[k]
		}
	}
	first, last := int64(0), int64(0)
	for _, s := range fresh {
		if first == 0 || s.t0 < first {
			first = s.t0
		}
		last = max(last, s.t1)
	}
	t.Logf("%d more frames in the spool, stamps %d to %d ms", len(fresh), first, last)
	return fresh
}

// checkShift holds the stream's entries of an epoch to what stood in the spool
// undated: each there once, and later by exactly what the kernel's wall clock
// was ahead of its CLOCK_BOOTTIME, 0 for those that stay undated.
func (w *history) checkShift(t *testing.T, epoch uint64, offset int64, quality string) {
	t.Helper()
	came := make(map[kept][]*arrival)
	for i := range w.all {
		a := &w.all[i]
		k := kept{a.lane.String(), a.ID}
		came[k] = append(came[k], a)
	}
	n, worst := 0, int64(0)
	for k, s := range w.stored {
		if k.id.Epoch != epoch || s.quality != "unset" {
			continue
		}
		if len(came[k]) != 1 {
			t.Errorf("%v/%v of the spool came %d times", k.lane, k.id, len(came[k]))
			continue
		}
		a := came[k][0]
		n++
		for _, d := range []int64{a.T0 - s.t0, a.T1 - s.t1} {
			off := max(d-offset/1e6, offset/1e6-d)
			worst = max(worst, off)
			if off > 10 || a.Quality != quality {
				t.Errorf("%v/%v, q %s: off by %d ms; want q %s and at most 10", k.lane, k.id, a.Quality, off, quality)
			}
		}
	}
	if n < 5 {
		t.Errorf("%d frames of epoch %d stood in the spool undated; want more to compare", n, epoch)
	}
	t.Logf("epoch %d: %d frames of the spool, each came once with q %s, off by at most %d ms", epoch, n, quality, worst)
}

// checkSteps wants time to go one way from entry to entry of each lane, after
// the first from entries, and from sample to sample of the thermometer.
func (w *history) checkSteps(t *testing.T, from int) {
	t.Helper()
	var t0 [frame.Lanes]int64
	for i := from; i < len(w.all); i++ {
		a := &w.all[i]
		if a.T0 < t0[a.lane] || a.T1 < a.T0 {
			t.Errorf("%v/%v: %d to %d after an entry that began at %d", a.lane, a.ID, a.T0, a.T1, t0[a.lane])
		}
		t0[a.lane] = a.T0
	}
	samples := w.since(from, "thermo/temperature")
	shortest := int64(1 << 62)
	for i := 1; i < len(samples); i++ {
		shortest = min(shortest, samples[i].Millis-samples[i-1].Millis)
	}
	if len(samples) < 2 || shortest <= 0 {
		t.Errorf("%d temperatures, shortest interval %d ms", len(samples), shortest)
	}
}

// checkArrival holds an entry's last stamp to when it arrived. The board's clock
// was set by this machine's, on which date(1) and a busy emulator come late.
func checkArrival(t *testing.T, a *arrival, ahead time.Duration) {
	t.Helper()
	if late := a.at.Add(ahead).Sub(time.UnixMilli(a.T1)); late < -2*time.Second || late > 6*time.Second {
		t.Errorf("%v/%v, q %s: its last sample is of %v, it arrived %v later",
			a.lane, a.ID, a.Quality, time.UnixMilli(a.T1).UTC(), late)
	}
}
