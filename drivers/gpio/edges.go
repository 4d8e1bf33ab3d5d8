package gpio

import (
	"encoding/binary"

	"github.com/warthog618/go-gpiocdev/uapi"
)

// event is what is used of struct gpio_v2_line_event.
type event struct {
	stamp  int64 // ns of CLOCK_MONOTONIC
	number uint32
	active bool // the edge was to the active level
}

// parse takes the first event of b, which holds one.
func parse(b []byte) event {
	return event{
		stamp:  int64(binary.NativeEndian.Uint64(b) &^ (1 << 63)), // so that no difference overflows
		active: binary.NativeEndian.Uint32(b[8:]) == uint32(uapi.LineEventRisingEdge),
		number: binary.NativeEndian.Uint32(b[20:]),
	}
}

// edges counts what a line tells. It lives as long as its sensor; begin starts
// it anew with a line that was requested again.
type edges struct {
	count, lost uint64

	seq   uint32 // number of the last event of this request
	n     uint64 // counted since take
	known uint64 // of n, those after the first whose time is known
	first int64  // time of that one; 0 = none
	last  int64  // time of the last one that counted

	soft    bool  // both edges come, and bounce
	period  int64 // how long a level has to last, where soft
	rising  bool  // edges to the active level count, where soft
	falling bool
	level   bool // debounced
	pending bool // another edge was seen at since, to upcoming
	next    bool
	since   int64
}

// begin starts with a new request, whose line has this level now.
func (e *edges) begin(level bool) {
	e.seq, e.n, e.known, e.first, e.pending, e.level = 0, 0, 0, 0, false, level
}

// add takes an event.
func (e *edges) add(v event) {
	missed := uint64(v.number - e.seq - 1)
	if missed >= 1<<31 { // a number that goes back: no kernel does that
		missed = 0
	}
	e.seq = v.number
	e.lost += missed
	if e.soft {
		e.settle(v.stamp)
		e.pending, e.next, e.since = true, v.active, v.stamp
		return
	}
	e.tick(missed+1, v.stamp)
}

// tick counts n edges, of which the last was at stamp.
func (e *edges) tick(n uint64, stamp int64) {
	e.count += n
	e.n += n
	if e.first == 0 {
		e.first = stamp
	} else {
		e.known += n
	}
	e.last = stamp
}

// settle takes over the pending level if it has lasted until now.
func (e *edges) settle(now int64) {
	if !e.pending || now-e.since < e.period {
		return
	}
	e.pending = false
	if e.level == e.next {
		return
	}
	e.level = e.next
	if e.level && e.rising || !e.level && e.falling {
		e.tick(1, e.since)
	}
}

// rate is the frequency of edges by their stamps.
type rate struct {
	last  int64 // time of the last edge; 0 = none, or too long ago
	hertz float64
	begun int64 // when it began to look
}

// update takes what was counted since the last time, and takes it away.
func (r *rate) update(e *edges, now, timeout int64) {
	switch {
	case e.n > 0 && r.last != 0 && e.last > r.last:
		r.hertz = float64(e.n) * 1e9 / float64(e.last-r.last)
	case e.known > 0 && e.last > e.first:
		r.hertz = float64(e.known) * 1e9 / float64(e.last-e.first)
	case e.n == 0 && r.last != 0 && now-r.last < timeout:
		r.hertz = min(r.hertz, 1e9/float64(max(now-r.last, 1)))
	case e.n == 0 && r.last != 0:
		r.last, r.hertz = 0, 0
	}
	if e.n > 0 {
		r.last = e.last
	}
	e.n, e.known, e.first = 0, 0, 0
}

// know reports whether hertz says something: two edges were seen, or none for
// long enough.
func (r *rate) know(now, timeout int64) bool {
	return r.hertz > 0 || r.last == 0 && now-r.begun >= timeout
}
