package model

import (
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

// sample is what the history knows of one sample that was taken.
type sample struct {
	board    int
	at       int64 // milliseconds of the history
	alarm    bool
	volatile bool // of a run without a store that is over: nobody can declare it
}

// pendingAlarm is an alarm frame that was submitted and not sent yet.
type pendingAlarm struct {
	board *board
	at    time.Time
}

// reporter is the test that a history belongs to: rapid's, or one that says
// itself what happens.
type reporter interface {
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
}

// history is one run: what happened, and what must follow from it.
type history struct {
	rt       reporter
	dir      string
	begun    time.Time
	server   *server
	boards   []*board
	link     linkState
	boots    int
	bootedAt map[string]int64 // by the text of a boot's ID
	owner    map[string]int   // … which board booted
	small    bool

	samples       []sample
	replayed      map[uint64]bool // alarms that a start found in the store
	atCut         []uint64        // alarms that Redis had at a cut and the record had not
	alarmsDropped bool
	excuses
	seen *tally // what occurred

	mu       sync.Mutex // guards all below
	err      string     // first failure seen by another goroutine
	alarms   map[uint64]pendingAlarm
	executed map[frame.Lane]map[frame.ID]string // content by identity, whatever was lost since
	excused  map[frame.Cause]bool               // gap records of unknown number that may be there
}

// counted is how many histories were run.
var counted atomic.Int64

func (h *history) milli() int64 { return time.Since(h.begun).Milliseconds() + 100_000 }

// fail ends the history; only its own goroutine calls it.
func (h *history) fail(format string, args ...any) { h.rt.Fatalf(format, args...) }

func (h *history) failLocked(format string, args ...any) {
	if h.err == "" {
		h.err = fmt.Sprintf(format, args...)
		h.logf("FAIL "+format, args...)
	}
}

func (h *history) logf(format string, args ...any) {
	h.rt.Logf("%9.3fs "+format, append([]any{time.Since(h.begun).Seconds()}, args...)...)
}

func (h *history) excuse(causes ...frame.Cause) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range causes {
		h.excused[c] = true
	}
}

// happened notes that a fault occurred.
func (h *history) happened(f fault) { h.seen.add(f) }

// take numbers n new samples and returns the first one's.
func (h *history) take(b *board, n int, class frame.Class) (first uint64) {
	first = uint64(len(h.samples))
	for range n {
		b.mine = append(b.mine, uint64(len(h.samples)))
		h.samples = append(h.samples, sample{board: b.id, at: h.milli(), alarm: class == frame.Urgent})
	}
	return first
}

// lostMemory notes that a run without a store is over.
func (h *history) lostMemory(b *board) {
	h.excuse(frame.ServerRewind) // what Redis had of that run is held by nobody
	for _, n := range b.mine {
		h.samples[n].volatile = true
	}
	b.mine = b.mine[:0]
}

// forgetting runs what may make the server lose entries, and notes which.
func (h *history) forgetting(f fault, do func()) {
	before := h.accounted()
	do()
	after := h.accounted()
	var lost []uint64
	for n, was := range before {
		if was && !after[n] {
			lost = append(lost, uint64(n))
		}
	}
	if len(lost) > 0 {
		h.happened(f)
	}
	for _, b := range h.boards {
		if b.blind.Load() {
			h.lostTwice(lost)
		} else {
			b.unnoticed = append(b.unnoticed, lost...)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.boards[0].o.store {
		return
	}
	for l := range h.executed { // without a store, the next run begins at the same number
		clear(h.executed[l])
	}
}

// lostTwice notes samples that the server lost while the agent had no memory of
// them: the promise does not cover them.
func (h *history) lostTwice(list []uint64) {
	for _, n := range list {
		h.atOnce[n] = true
	}
}

// accounted returns which samples the streams hold now, or a record of theirs.
func (h *history) accounted() []bool {
	list := make([]bool, len(h.samples))
	a := &ledger{h: h}
	for l := range frame.Lane(frame.Lanes) {
		for _, raw := range h.server.stream(l) {
			e, err := parseEntry(raw)
			switch {
			case err != nil:
			case e.Encoding == "gap":
				a.gap(l, &e, frame.ID{})
			case len(e.Data) >= 12:
				for n := range uint64(e.N) {
					list[binary.BigEndian.Uint64(e.Data)+n] = true
				}
			}
		}
	}
	for n := range list {
		list[n] = list[n] || a.covered(&h.samples[n])
	}
	return list
}

// added hears of each XADD: an identity has one content, for ever.
func (h *history) added(key string, e entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	lane := laneOf(key)
	r, err := parseEntry(e)
	if err != nil {
		h.failLocked("entry: %v", err)
		return
	}
	if r.Encoding == "gap" {
		return
	}
	was, ok := h.executed[lane][r.ID]
	if ok && was != string(r.Data) {
		h.failLocked("%v: an identity carries two contents", lane)
	}
	h.executed[lane][r.ID] = string(r.Data)
}

// check is what holds after each step.
func (h *history) check() {
	synctest.Wait()
	h.mu.Lock()
	err := h.err
	h.mu.Unlock()
	if err != "" {
		h.fail("%s", err)
	}
	for _, b := range h.boards {
		if b.running && b.fell.Load() {
			b.endFall()
			synctest.Wait()
		}
		if b.running {
			b.bounds()
			b.saysFenced()
			if b.up.Status().AwaitingTime {
				h.happened(syncAwaited)
			}
		}
	}
}

// saysFenced checks that an agent that was fenced says so.
func (b *board) saysFenced() {
	b.wire.mu.Lock()
	fenced := b.wire.fenced
	b.wire.mu.Unlock()
	if fenced && !b.fell.Load() && !b.up.Status().Fenced {
		b.h.fail("a fenced agent does not say so")
	}
}

// bounds checks that neither queues nor pool hold more than they may.
func (b *board) bounds() {
	s := b.up.Status()
	held := s.Held
	for i := range s.Lanes {
		held += s.Lanes[i].Retained
		if s.Lanes[i].Retained > frames {
			b.h.fail("a queue is over its capacity")
		}
	}
	small, large := b.pool.Available()
	if free := small + large; free+held > frames {
		b.h.fail("%d frames free and %d held of %d", free, held, frames)
	}
}

// run lives through a history: random steps, then peace, then the audit.
func (h *history) run(rt *rapid.T, c config) {
	for _, b := range h.boards[:1] {
		b.start()
	}
	steps := h.steps()
	if c.steps != nil {
		steps = c.steps(h)
	}
	steps[""] = func(*rapid.T) { h.check() }
	rt.Repeat(steps)
	h.peace()
	h.audit()
}

// abandon ends what still runs, so that the bubble can end.
func (h *history) abandon() {
	for _, b := range h.boards {
		if !b.running {
			continue
		}
		if !b.fell.Swap(true) {
			if b.disk != nil {
				close(b.disk.dead)
			}
			close(b.wire.dead)
		}
		b.stop()
		select {
		case <-b.done:
		case <-time.After(time.Minute):
		}
		if b.disk != nil {
			b.disk.Store.Close()
		}
	}
}

const (
	longestDelay = 30 * time.Second
	patience     = 4 * time.Minute // until everything is delivered, in simulated time
)

// peace ends all faults and lets each agent deliver what it has.
func (h *history) peace() {
	h.logf("peace")
	h.link = linkUp
	h.server.heal()
	h.server.confirms(0)
	for _, b := range h.boards {
		b.calm()
		b.shutdown()
	}
	time.Sleep(longestDelay + time.Second) // late requests come to an end
	for _, b := range h.boards {
		b.deliver()
		if b.o.store {
			b.shutdown()
			b.deliver() // an open finds what the server lost
			b.shutdown()
		}
	}
	h.check()
}

// calm ends what troubles a board.
func (b *board) calm() {
	b.dates.step(0, frame.NTP)
	if b.running {
		b.wire.clear()
		if b.disk != nil {
			b.disk.trouble(0, 0, 0)
			b.disk.arm(nil, 0)
		}
		b.flushStarved()
	}
}

// flushStarved declares samples that found no frame, as soon as there is one.
func (b *board) flushStarved() {
	for range 600 {
		if b.starved == 0 {
			return
		}
		if f := b.pool.Get(256); f != nil {
			b.declareStarved(f)
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	b.h.fail("no frame comes free")
}

// deliver runs the agent until it has nothing left to send.
func (b *board) deliver() {
	b.start()
	b.calm()
	for _, class := range []frame.Class{frame.Normal, frame.High, frame.Urgent} {
		b.submit(1, class, 64)
	}
	b.flushStarved()
	begun := time.Now()
	for {
		time.Sleep(100 * time.Millisecond)
		b.h.check()
		s := b.up.Status()
		if s.Connected && s.Memory == 0 && s.Held == 0 && !b.behind(&s) && len(b.h.undelivered(b)) == 0 {
			return
		}
		if time.Since(begun) > patience {
			b.h.logf("status %+v", s)
			b.h.fail("not delivered: connected %v, fenced %v, memory %v, behind %v, held %v",
				s.Connected, s.Fenced, s.Memory > 0, b.behind(&s), s.Held > 0)
		}
	}
}

// behind reports whether the store holds frames that Redis has not.
// Status.Stored does not tell: it counts what an earlier run's store gave up as
// sent.
func (b *board) behind(s *uplink.Status) bool {
	if b.disk == nil {
		return false
	}
	f := frame.Frame{Payload: make([]byte, 0, largeBytes)}
	for i := range s.Lanes {
		l := &s.Lanes[i]
		if !l.Accepted.Less(l.Last) {
			continue
		}
		if ok, err := b.disk.Store.Next(frame.Lane(i), l.Accepted, &f); ok || err != nil {
			return true
		}
	}
	return false
}

// undelivered returns the alarms of a board that wait to be sent.
func (h *history) undelivered(b *board) (list []uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for n, a := range h.alarms {
		if a.board == b {
			list = append(list, n)
		}
	}
	return list
}
