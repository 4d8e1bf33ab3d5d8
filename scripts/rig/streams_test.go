//go:build hil

package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/uplink/frame"
	"github.com/telhub/telhub/uplink/redis"
)

// arrival is an entry of a stream with what it holds.
type arrival struct {
	redis.Entry
	lane    frame.Lane
	at      time.Time // when Redis took it
	samples []redis.Sample
	gap     *gap
}

// gap is a gap record (docs/wire.md, section 4).
type gap struct {
	Cause string `json:"cause"`
	N     *int64 `json:"n"`
	T0    *int64 `json:"t0"`
	T1    int64  `json:"t1"`
}

// streams is all that has arrived so far, as a consumer sees it.
type streams struct {
	reader *redis.Reader
	dec    frame.Decoder
	all    []arrival
}

// read takes in what is new.
func (s *streams) read(t *testing.T) {
	t.Helper()
	for some := true; some; {
		var err error
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		some, err = s.reader.Next(ctx, time.Millisecond, s.take)
		cancel()
		if err != nil {
			t.Fatalf("streams: %v", err)
		}
	}
}

func (s *streams) take(lane frame.Lane, id string, e redis.Entry) error {
	ms, _, _ := strings.Cut(id, "-")
	unix, err := strconv.ParseInt(ms, 10, 64)
	if err != nil {
		return err
	}
	a := arrival{Entry: e, lane: lane, at: time.UnixMilli(unix)}
	if e.Encoding == "gap" {
		a.gap = &gap{}
		err = json.Unmarshal(e.Data, a.gap)
	} else {
		a.samples, err = e.Samples(&s.dec)
	}
	s.all = append(s.all, a)
	return err
}

// sample is a sample with the entry that it came in.
type sample struct {
	redis.Sample
	in *arrival
}

// since returns what arrived of a channel after the first from entries, in the
// order of arrival. A channel's status is a channel called <name>/status.
func (s *streams) since(from int, name string) []sample {
	var out []sample
	for i := from; i < len(s.all); i++ {
		for _, x := range s.all[i].samples {
			if x.Name == name {
				out = append(out, sample{x, &s.all[i]})
			}
		}
	}
	return out
}

// values returns the numbers of samples.
func values(samples []sample) []float64 {
	out := make([]float64, len(samples))
	for i := range samples {
		out[i] = samples[i].Value
	}
	return out
}

// whole holds everything that has come to what must be true of it.
func (w *world) whole(t *testing.T) {
	w.checkOrder(t)
	encodings := make(map[string]int)
	type key struct {
		epoch  uint64
		name   string
		millis int64
		dated  bool
	}
	seen := make(map[key]string)
	samples := 0
	for i := range w.all {
		a := &w.all[i]
		encodings[a.Encoding]++
		if want := w.boots[a.ID.Epoch-1]; a.Boot != want {
			t.Errorf("%v/%v is of boot %s, want %s", a.lane, a.ID, a.Boot, want)
		}
		if a.gap != nil && a.gap.Cause != "power_cut" {
			t.Errorf("%v/%v: %s", a.lane, a.ID, a.Data)
		}
		for _, x := range a.samples {
			samples++
			k := key{a.ID.Epoch, x.Name, x.Millis, a.Quality != "unset"}
			here := fmt.Sprintf("%v/%v", a.lane, a.ID)
			if there, twice := seen[k]; twice && strings.HasPrefix(x.Name, "thermo/") {
				t.Errorf("%s of %d is in %s and in %s", x.Name, x.Millis, there, here)
			}
			seen[k] = here
		}
	}
	if encodings["senml"] == 0 || encodings["compact"] == 0 || encodings["gap"] != 2 {
		t.Errorf("entries %v; want senml and compact, and a gap record a power cut", encodings)
	}
	t.Logf("%d entries of %v, %d samples", len(w.all), encodings, samples)
}

// checkOrder holds every lane to docs/wire.md, section 2: each identity once,
// in order, without a hole that no gap record covers. And an entry must be what
// its fields say.
func (s *streams) checkOrder(t *testing.T) {
	t.Helper()
	var last [frame.Lanes]frame.ID
	for i := range s.all {
		a := &s.all[i]
		id := a.ID
		if !last[a.lane].Less(id) {
			t.Errorf("lane %v: %v after %v", a.lane, id, last[a.lane])
		}
		if a.gap == nil && !id.Follows(last[a.lane]) {
			t.Errorf("lane %v: %v after %v, and no gap record", a.lane, id, last[a.lane])
		}
		last[a.lane] = id
		if a.gap == nil && len(a.samples) != int(a.N) {
			t.Errorf("%v/%v: %d samples, n = %d", a.lane, id, len(a.samples), a.N)
		}
		for _, x := range a.samples {
			if x.Millis < a.T0 || x.Millis > a.T1 {
				t.Errorf("%v/%v: %s is of %d, outside %d to %d", a.lane, id, x.Name, x.Millis, a.T0, a.T1)
			}
		}
	}
}
