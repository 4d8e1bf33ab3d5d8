package model

import (
	"encoding/binary"
	"encoding/json"

	"github.com/telhub/telhub/uplink/frame"
	"github.com/telhub/telhub/uplink/redis"
)

func parseEntry(e entry) (redis.Entry, error) {
	values := make(map[string]any, len(e)/2)
	for i := 0; i+1 < len(e); i += 2 {
		values[e[i]] = e[i+1]
	}
	return redis.ParseEntry(values)
}

// loss is a gap record as a consumer reads it.
type loss struct {
	board    int
	lane     frame.Lane
	cause    frame.Cause
	n        int64 // -1 unknown
	t0, t1   int64 // milliseconds of the history
	open     bool  // nothing is known of the beginning
	from, to frame.ID
}

// run is what has an order: what one board numbered under an epoch. Two agents
// of one name can use the same.
type run struct {
	epoch uint64
	board int
}

// ledger is what an audit finds in the streams.
type ledger struct {
	h      *history
	seen   map[uint64]frame.Lane
	losses []loss
}

// at returns when a stamp was, in milliseconds of the history.
func (h *history) at(e *redis.Entry, stamp int64) int64 {
	if e.Quality == frame.Unset.String() {
		return stamp + h.bootedAt[e.Boot]
	}
	return undate(stamp)
}

// audit reads the streams alone and holds them against what was submitted.
func (h *history) audit() {
	a := &ledger{h: h, seen: map[uint64]frame.Lane{}}
	for l := range frame.Lane(frame.Lanes) {
		a.read(l)
	}
	a.balance()
	h.auditAlarms(a)
}

func (a *ledger) read(lane frame.Lane) {
	var last frame.ID
	newest := map[run]int64{}
	for _, raw := range a.h.server.stream(lane) {
		e, err := parseEntry(raw)
		if err != nil {
			a.h.fail("%v: %v", lane, err)
		}
		if !last.Less(e.ID) {
			a.h.logf("%v: %v follows %v", lane, e.ID, last)
			a.h.fail("order: a number does not rise")
		}
		if e.Encoding == "gap" {
			a.gap(lane, &e, last)
		} else {
			first := a.data(lane, &e)
			r := run{e.ID.Epoch, a.h.owner[e.Boot]}
			if was, ok := newest[r]; ok && was >= first {
				a.h.logf("%v %v: sample %d follows %d", lane, e.ID, first, was)
				a.h.fail("order: samples of a lane and epoch are not in order")
			}
			newest[r] = first
		}
		last = e.ID
	}
}

func (a *ledger) data(lane frame.Lane, e *redis.Entry) (first int64) {
	h := a.h
	if len(e.Data) < 12 || e.Device != deviceName {
		h.fail("an entry is not what was sent")
	}
	n0, n := binary.BigEndian.Uint64(e.Data), binary.BigEndian.Uint32(e.Data[8:])
	if n != e.N || n0+uint64(n) > uint64(len(h.samples)) {
		h.fail("an entry is not what was sent")
	}
	for i := n0; i < n0+uint64(n); i++ {
		if was, ok := a.seen[i]; ok {
			h.logf("sample %d is in %v and in %v %v", i, was, lane, e.ID)
			h.fail("a sample is there twice")
		}
		a.seen[i] = lane
		s := &h.samples[i]
		if at := h.at(e, e.T0); at != s.at {
			h.logf("sample %d of %d is dated %d (%+v)", i, s.at, at, e)
			h.fail("a sample has another one's date")
		}
		if s.alarm != (lane == frame.Alarm) {
			h.fail("an alarm is in another lane, or the reverse")
		}
	}
	return int64(n0)
}

func (a *ledger) gap(lane frame.Lane, e *redis.Entry, before frame.ID) {
	var g struct {
		Cause frame.Cause
		N     *int64
		T0    *int64
		T1    int64
	}
	if err := json.Unmarshal(e.Data, &g); err != nil {
		a.h.fail("gap record: %v", err)
	}
	x := loss{board: a.h.owner[e.Boot], lane: lane, cause: g.Cause, n: -1, t1: a.h.at(e, g.T1), open: g.T0 == nil, from: before, to: e.ID}
	if g.N != nil {
		x.n = *g.N
	}
	if g.T0 != nil {
		x.t0 = a.h.at(e, *g.T0)
	}
	a.h.logf("%v %v: gap record %s by boot %s, %s: %d to %d", lane, e.ID, e.Data, e.Boot, e.Quality, x.t0, x.t1)
	a.losses = append(a.losses, x)
	a.h.happened(gapRecords)
}

// covers reports whether a sample lies in the record's span. A board declares
// its own losses only.
func (x *loss) covers(s *sample) bool {
	return x.board == s.board && s.at <= x.t1 && (x.open || x.t0 <= s.at)
}

// balance is the promise: acquired = delivered + declared lost.
func (a *ledger) balance() {
	h := a.h
	known, unknown := int64(0), 0
	for i := range a.losses {
		x := &a.losses[i]
		if x.n >= 0 {
			known += x.n
			continue
		}
		unknown++
		// A loss that covers another has its number from neither; and a server
		// that loses what it never promised to keep does so noticed when the
		// agent has lost its memory, too.
		derived := x.cause == frame.StoreFull || x.cause == frame.StoreDamaged || x.cause == frame.ServerRewind
		derived = derived && len(h.excused) > 0
		if h.small && x.cause == frame.StoreFull {
			continue // Redis has part of what was given up: nobody can count the rest
		}
		if !h.excused[x.cause] && !derived {
			h.fail("a gap record of unknown number, cause %s, without a reason", x.cause)
		}
	}
	missing, volatile := int64(0), int64(0)
	for n := range h.samples {
		s := &h.samples[n]
		if _, ok := a.seen[uint64(n)]; ok {
			continue
		}
		if s.volatile {
			volatile++
			continue
		}
		missing++
		if !a.covered(s) && !h.pardons(uint64(n)) {
			h.logf("sample %d of board %d, taken at %d", n, s.board, s.at)
			h.fail("a sample is missing and nothing says so")
		}
	}
	if known > missing+volatile || unknown == 0 && volatile == 0 && known != missing {
		h.logf("%d missing, %d declared, %d records of unknown number", missing, known, unknown)
		h.fail("more is declared lost than is missing: %v; or less: %v", known > missing, known < missing)
	}
}

func (a *ledger) covered(s *sample) bool {
	for i := range a.losses {
		if a.losses[i].covers(s) {
			return true
		}
	}
	return false
}

// undeclared returns which samples no gap record in the streams covers now.
func (h *history) undeclared(list []uint64) (left []uint64) {
	if len(list) == 0 {
		return nil
	}
	a := &ledger{h: h}
	for l := range frame.Lane(frame.Lanes) {
		for _, raw := range h.server.stream(l) {
			if e, err := parseEntry(raw); err == nil && e.Encoding == "gap" {
				a.gap(l, &e, frame.ID{})
			}
		}
	}
	for _, n := range list {
		if !a.covered(&h.samples[n]) {
			left = append(left, n)
		}
	}
	return left
}

// alarmsAtCut notes the alarms that Redis has at a cut.
func (h *history) alarmsAtCut(b *board) {
	b.disk.mu.Lock()
	sick := b.disk.sick
	b.disk.mu.Unlock()
	if sick || !b.o.kept { // without a record of alarms the store forgets what Redis has
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	epoch := b.up.Status().Epoch
	for id, data := range h.executed[frame.Alarm] {
		if id.Epoch == epoch && b.disk.kept.Less(id) {
			h.atCut = append(h.atCut, binary.BigEndian.Uint64([]byte(data)))
		}
	}
}

// auditAlarms checks that alarms were written ahead: what Redis had at a cut
// was found in the store, so that none of them is raised again.
func (h *history) auditAlarms(*ledger) {
	if h.alarmsDropped || len(h.boards) > 1 {
		return
	}
	for _, n := range h.atCut {
		if !h.replayed[n] {
			h.logf("alarm %d", n)
			h.fail("an alarm was in Redis and not in the store")
		}
	}
}
