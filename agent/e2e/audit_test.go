package e2e

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/uplink/frame"
	"github.com/telhub/telhub/uplink/redis"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// device is the name of every node's device.
const device = "e2e"

// gapRecord is a gap record as docs/wire.md, section 4, describes it.
type gapRecord struct {
	Lane  frame.Lane `json:"-"`
	Cause string     `json:"cause"`
	N     *int64     `json:"n"`
	T0    *int64     `json:"t0"`
	T1    int64      `json:"t1"`
}

func (g gapRecord) String() string {
	text := func(p *int64) string {
		if p == nil {
			return "?"
		}
		return strconv.FormatInt(*p, 10)
	}
	return fmt.Sprintf("%s in %v: n %s, %s to %d", g.Cause, g.Lane, text(g.N), text(g.T0), g.T1)
}

// entry is what the audit remembers of a frame.
type entry struct {
	lane frame.Lane
	id   frame.ID
	at   int64 // when Redis took it, Unix ms: the entry's id
	t1   int64 // its last stamp
	n    uint32
}

// audit is what the three streams of the device hold, read from their beginning.
type audit struct {
	t       *testing.T
	dec     frame.Decoder
	last    [frame.Lanes]frame.ID
	entries []entry
	gaps    []gapRecord
	samples int64                      // values and changes of status
	cells   map[string]map[int64]int64 // feeder's channel → value → stamp
	values  map[string][]redis.Sample  // other channels, in the order of the streams
	texts   map[string][]redis.Sample  // statuses and alarms of other channels, by name with suffix
	faults  []string                   // what contradicts the promises
}

// readStreams audits the streams of srv.
func readStreams(t *testing.T, srv *redistest.Server) *audit {
	t.Helper()
	a := &audit{t: t, cells: map[string]map[int64]int64{}, values: map[string][]redis.Sample{}, texts: map[string][]redis.Sample{}}
	r := redis.NewReader(redis.Options{
		Server: redis.Address{Network: "tcp", Addrs: []string{srv.Addr()}}, Device: device, Stream: "telhub", Shards: 1,
	}, false)
	defer r.Close()
	for {
		some, err := r.Next(t.Context(), 100*time.Millisecond, a.add)
		if err != nil {
			t.Fatalf("read the streams: %v", err)
		}
		if !some {
			break
		}
	}
	for i, f := range a.faults {
		if i == 20 {
			t.Errorf("… and %d more", len(a.faults)-i)
			break
		}
		t.Error(f)
	}
	return a
}

func (a *audit) fault(format string, args ...any) {
	a.faults = append(a.faults, fmt.Sprintf(format, args...))
}

// add checks an entry against its predecessors (docs/wire.md, section 2) and
// takes its samples.
func (a *audit) add(lane frame.Lane, streamID string, e redis.Entry) error {
	last := a.last[lane]
	gap := e.Encoding == "gap"
	switch {
	case !last.Less(e.ID):
		a.fault("lane %v: frame %v comes after %v: twice or out of order", lane, e.ID, last)
	case !gap && !e.ID.Follows(last):
		a.fault("lane %v: frame %v comes after %v, and no gap record covers what is between", lane, e.ID, last)
	}
	a.last[lane] = e.ID
	ms, _, _ := strings.Cut(streamID, "-")
	at, err := strconv.ParseInt(ms, 10, 64)
	if err != nil {
		return err
	}
	a.entries = append(a.entries, entry{lane, e.ID, at, e.T1, e.N})
	if gap {
		g := gapRecord{Lane: lane}
		if err := json.Unmarshal(e.Data, &g); err != nil {
			return fmt.Errorf("gap record %v/%v: %w", lane, e.ID, err)
		}
		a.gaps = append(a.gaps, g)
		return nil
	}
	samples, err := e.Samples(&a.dec)
	if err != nil {
		return fmt.Errorf("frame %v/%v: %w", lane, e.ID, err)
	}
	if int(e.N) != len(samples) {
		a.fault("frame %v/%v holds %d samples, says %d", lane, e.ID, len(samples), e.N)
	}
	a.samples += int64(len(samples))
	for _, s := range samples {
		a.sample(lane, &e, s)
	}
	return nil
}

// sample takes one sample. Those of feeders are known by their value.
func (a *audit) sample(lane frame.Lane, e *redis.Entry, s redis.Sample) {
	if s.Millis < e.T0 || s.Millis > e.T1 {
		a.fault("%s at %d is outside its frame %v/%v, %d to %d", s.Name, s.Millis, lane, e.ID, e.T0, e.T1)
	}
	if s.Text != "" {
		if alarm := strings.HasSuffix(s.Name, "/alarm"); alarm != (lane == frame.Alarm) {
			a.fault("%s = %s is in lane %v", s.Name, s.Text, lane)
		}
		a.texts[s.Name] = append(a.texts[s.Name], s)
		return
	}
	_, field, _ := strings.Cut(s.Name, "/c")
	k, err := strconv.ParseInt(field, 10, 64)
	if err != nil {
		a.values[s.Name] = append(a.values[s.Name], s)
		return
	}
	v := int64(s.Value)
	if float64(v) != s.Value || v%fieldBase != k {
		a.fault("%s has the value %v, which nobody sent", s.Name, s.Value)
		return
	}
	if a.cells[s.Name] == nil {
		a.cells[s.Name] = map[int64]int64{}
	}
	if _, dup := a.cells[s.Name][v]; dup {
		a.fault("%s: line %d is in the streams twice, now in lane %v, frame %v", s.Name, v/fieldBase, lane, e.ID)
	}
	a.cells[s.Name][v] = s.Millis
}

// missing returns the lines of a feeder of which any sample is not there.
func (a *audit) missing(f *feeder) (lines []int) {
	for n := range f.lines() {
		for k := range fields {
			if _, ok := a.stamp(f, n, k); !ok {
				lines = append(lines, n)
				break
			}
		}
	}
	return lines
}

// stamp returns when field k of line n was acquired.
func (a *audit) stamp(f *feeder, n, k int) (int64, bool) {
	at, ok := a.cells[fmt.Sprintf("%s/c%d", f.name, k)][int64(n*fieldBase+k)]
	return at, ok
}

// wantComplete fails the test if a line is missing or a gap was declared.
func (a *audit) wantComplete(feeders ...*feeder) {
	a.t.Helper()
	for _, g := range a.gaps {
		a.t.Errorf("a gap was declared: %v", g)
	}
	for _, f := range feeders {
		if m := a.missing(f); len(m) > 0 {
			a.t.Errorf("feeder %s: %d of %d lines are missing: %s", f.name, len(m), len(f.lines()), runs(m))
		}
	}
}

// wantDated fails the test if a line is dated far from when it was sent.
func (a *audit) wantDated(f *feeder, most time.Duration) {
	a.t.Helper()
	for n, sent := range f.lines() {
		if at, ok := a.stamp(f, n, 0); ok && (at < sent-100 || at > sent+most.Milliseconds()) {
			a.t.Errorf("feeder %s: line %d was sent at %d and is dated %d", f.name, n, sent, at)
			return
		}
	}
}

// declared sums the numbers of all gap records.
func (a *audit) declared() (n int64) {
	for _, g := range a.gaps {
		if g.N != nil {
			n += *g.N
		}
	}
	return n
}

// frames counts the entries of a lane that are not gap records.
func (a *audit) frames() int { return len(a.entries) - len(a.gaps) }

// runs writes a list of numbers as ranges.
func runs(list []int) string {
	var b strings.Builder
	for i := 0; i < len(list); {
		j := i
		for j+1 < len(list) && list[j+1] == list[j]+1 {
			j++
		}
		fmt.Fprintf(&b, "%d-%d ", list[i], list[j])
		i = j + 1
	}
	return b.String()
}
