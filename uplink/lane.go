package uplink

import (
	"time"

	"github.com/telhub/telhub/uplink/frame"
)

// lane is one lane's state in memory: the frames that Redis does not hold
// durably yet, in order, and how far it has come. A pure state machine, owned
// by the keeper.
//
//	q:  [ accepted, not durable | with the sender | waiting ]
//	      0 … sent-1              sent … +inflight   … len-1
type lane struct {
	lane frame.Lane

	q        []*frame.Frame // capacity fixed at New
	sent     int
	inflight int
	stored   int // q[:stored] also lie in the store, against a power cut

	older bool     // the store may hold frames that go before those in memory
	sick  sick     // it cannot be read for this lane
	doubt frame.ID // up to here batches from memory had an unknown fate

	hole gap // frames that were given up, still to be declared; after a rewind q[sent:] may begin before it

	last     frame.ID // last number given out
	accepted frame.ID // Redis' mark as far as known
	durable  frame.ID
	tallied  frame.ID // last frame that was counted as delivered
	opened   bool     // accepted and durable come from Redis
	placed   bool     // this run has asked Redis for its mark …
	found    frame.ID // … and found this: of what lies before it, memory holds nothing
}

// gap is a run of frames (from, to] that is lost, to be declared under the
// number of its last frame.
type gap struct {
	from, to frame.ID
	n        int64 // samples, -1 unknown
	t0, t1   int64 // milliseconds of CLOCK_BOOTTIME
	cause    frame.Cause
}

func (g *gap) empty() bool { return g.to == frame.ID{} }

// extend adds a lost frame.
func (g *gap) extend(f *frame.Frame, cause frame.Cause) {
	if g.empty() {
		*g = gap{from: f.Prev, to: f.ID, n: int64(f.N), t0: f.T0, t1: f.T1, cause: cause}
		return
	}
	if g.to.Less(f.ID) {
		g.to = f.ID
	}
	g.t0, g.t1 = min(g.t0, f.T0), max(g.t1, f.T1)
	if g.n >= 0 {
		g.n += int64(f.N)
	}
}

// shrink removes what a gap record has declared; more may have been given up
// while it was under way.
func (g *gap) shrink(declared *gap) {
	if !declared.to.Less(g.to) {
		*g = gap{}
		return
	}
	g.from = declared.to
	if g.n -= declared.n; declared.n < 0 || g.n < 0 {
		g.n = -1
	}
}

// known takes over from an earlier run up to where Redis held frames durably:
// a mark before that is a server that lost them, or another one.
func (l *lane) known(durable frame.ID) {
	l.durable, l.opened = durable, durable != frame.ID{}
}

// number gives f the lane's next number.
func (l *lane) number(f *frame.Frame, epoch uint64) {
	f.Lane, f.Prev = l.lane, l.last
	if l.last.Epoch == epoch {
		l.last.Seq++
	} else {
		l.last = frame.ID{Epoch: epoch, Seq: 1}
	}
	f.ID = l.last
}

// push appends a numbered frame; the caller has checked room.
func (l *lane) push(f *frame.Frame) { l.q = append(l.q, f) }

// room reports whether the queue can take one more.
func (l *lane) room() bool { return len(l.q) < cap(l.q) }

// waiting returns how many frames the sender has yet to take.
func (l *lane) waiting() int { return len(l.q) - l.sent - l.inflight }

// head returns the oldest frame that is not accepted, or nil.
func (l *lane) head() *frame.Frame {
	if l.sent < len(l.q) {
		return l.q[l.sent]
	}
	return nil
}

// take copies the next frames for a batch into dst and marks them in flight.
func (l *lane) take(dst []*frame.Frame, maxBytes int) int {
	n, bytes := 0, 0
	for n < len(dst) && l.sent+n < len(l.q) {
		f := l.q[l.sent+n]
		if !l.hole.empty() && l.hole.to.Less(f.ID) {
			break // the hole is declared first
		}
		if bytes += len(f.Payload); n > 0 && bytes > maxBytes {
			break
		}
		dst[n] = f
		n++
	}
	l.inflight = n
	return n
}

// holeFirst reports whether the hole goes next: there is one, and all that is
// to be sent comes behind it.
func (l *lane) holeFirst() bool {
	f := l.head()
	return !l.hole.empty() && (f == nil || l.hole.to.Less(f.ID))
}

// acknowledge notes that Redis took the batch in flight.
func (l *lane) acknowledge() {
	if l.inflight > 0 {
		l.arrived(l.q[l.sent+l.inflight-1].ID)
	}
	l.sent += l.inflight
	l.inflight = 0
}

// arrived sets what Redis has. Of a hole up to there nothing is left to be
// declared: memory or store still held it, or have declared it. A record of it
// would take the number of a frame that is there.
func (l *lane) arrived(id frame.ID) {
	l.accepted = id
	switch {
	case !id.Less(l.hole.to):
		l.hole = gap{}
	case l.hole.from.Less(id):
		l.hole.from, l.hole.n = id, -1
	}
}

// putBack returns the batch in flight to the queue; its fate is unknown.
func (l *lane) putBack() {
	if l.inflight > 0 {
		l.doubt = l.q[l.sent+l.inflight-1].ID
	}
	l.inflight = 0
}

// next returns the number of the first frame in memory that Redis has not
// taken, or of the one that will come, and its predecessor's.
func (l *lane) next(epoch uint64) (id, prev frame.ID) {
	switch f := l.head(); {
	case f != nil:
		return f.ID, f.Prev
	case l.last.Epoch == epoch:
		return frame.ID{Epoch: epoch, Seq: l.last.Seq + 1}, l.last
	}
	return frame.ID{Epoch: epoch, Seq: 1}, l.last
}

// mend makes a hole of what should lie between the mark and memory and is
// nowhere: the store has lost it.
func (l *lane) mend(epoch uint64, now int64) {
	if _, prev := l.next(epoch); l.hole.empty() && l.accepted.Less(prev) {
		l.hole = gap{from: l.accepted, to: prev, n: -1, t0: now, t1: now, cause: frame.StoreDamaged}
	}
}

// sick is how a lane deals with a store that cannot be read now.
type sick struct {
	since time.Time // when it could not be read first; zero: it can
	retry time.Time // when to ask again
	wait  time.Duration
}

const (
	sickFirst = time.Second // how long a disk that has refused is left alone …
	sickMost  = 8 * time.Second
	// Frames that go before those in memory, by the lane's order, hold these up.
	// Samples of an earlier run that a disk does not give are worth so much of
	// the present ones; an alarm waits for flash as long as for its commit.
	sickLive  = 10 * time.Second
	sickAlarm = aheadWait
)

// failed notes that the store could not be read.
func (s *sick) failed(now time.Time) {
	if s.since.IsZero() {
		s.since = now
	}
	s.wait = min(max(2*s.wait, sickFirst), sickMost)
	s.retry = now.Add(s.wait)
}

// unread notes that the store could not be read. What it holds of lane backfill
// waits for it; of the others, what memory holds goes on after a while.
func (l *lane) unread(now time.Time) {
	l.sick.failed(now)
	patience := sickLive
	switch l.lane {
	case frame.Backfill:
		return
	case frame.Alarm:
		patience = sickAlarm
	}
	if now.Sub(l.sick.since) >= patience {
		l.older, l.sick = false, sick{} // mend declares what lies between
		return
	}
	l.sick.retry = now.Add(min(l.sick.wait, patience-now.Sub(l.sick.since)))
}

// position sets the queue to the server's mark: frames up to it are accepted,
// all others go again. It returns the numbers between the mark and the first
// frame that is still held, when that is a hole, as an undeclared gap.
func (l *lane) position(mark frame.ID) (missing gap) {
	l.inflight, l.sent, l.doubt = 0, 0, frame.ID{}
	for l.sent < len(l.q) && !mark.Less(l.q[l.sent].ID) {
		l.sent++
	}
	held := l.durable
	if held.Less(l.found) {
		held = l.found
	}
	if len(l.q) > 0 && !held.Less(l.q[0].ID) {
		held = l.q[0].Prev // it was durable, and is still here to go again
	}
	if l.opened && mark.Less(held) {
		missing = gap{from: mark, to: held, n: -1, cause: frame.ServerRewind}
	}
	if !l.placed {
		l.found, l.placed = mark, true
		if len(l.q) > 0 && !mark.Less(l.q[0].ID) {
			l.found = l.q[0].Prev
		}
	}
	l.accepted, l.opened = mark, true
	switch {
	case !mark.Less(l.hole.to):
		l.hole = gap{} // the given-up frames had arrived after all
	case l.hole.from.Less(mark):
		l.hole.from, l.hole.n = mark, -1 // some of them had
	}
	return missing
}

// settle frees the frames that are durable up to id.
func (l *lane) settle(id frame.ID) {
	n := 0
	for n < l.sent && !id.Less(l.q[n].ID) {
		l.q[n].Free()
		n++
	}
	l.durable = id
	l.drop(n)
}

// drop removes the first n frames from the queue; the caller has freed them.
func (l *lane) drop(n int) {
	if n == 0 {
		return
	}
	k := copy(l.q, l.q[n:])
	clear(l.q[k:])
	l.q = l.q[:k]
	l.sent = max(l.sent-n, 0)
	l.stored = max(l.stored-n, 0)
}

// giveUp drops the oldest frame that is neither accepted nor in flight and
// adds it to the hole. It reports how many samples that cost, none for a gap
// record, whose samples are counted as lost already; ok is false when there is
// no such frame.
func (l *lane) giveUp(cause frame.Cause) (n uint64, ok bool) {
	if l.inflight > 0 || l.waiting() == 0 {
		return 0, false
	}
	f := l.q[l.sent]
	n = samples(f)
	l.hole.extend(f, cause)
	f.Free()
	k := copy(l.q[l.sent:], l.q[l.sent+1:])
	clear(l.q[l.sent+k:])
	l.q = l.q[:l.sent+k]
	l.stored = min(l.stored, l.sent)
	return n, true
}

// renumber moves the frames of epoch from to epoch to, because Redis has seen
// from under this name already.
func (l *lane) renumber(from, to uint64) {
	for _, f := range l.q {
		renumber(&f.ID, from, to)
		renumber(&f.Prev, from, to)
	}
	for _, id := range []*frame.ID{&l.last, &l.doubt, &l.hole.from, &l.hole.to} {
		renumber(id, from, to)
	}
}

func renumber(id *frame.ID, from, to uint64) {
	if id.Epoch == from {
		id.Epoch = to
	}
}
