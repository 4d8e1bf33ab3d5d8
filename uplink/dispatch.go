package uplink

import (
	"errors"
	"time"

	"github.com/telhub/telhub/uplink/frame"
)

// batchBytes bounds one append, so that a live frame never waits behind more
// than that of backlog.
const batchBytes = 64 << 10

// probeEvery is how often a silent server is looked for while the breaker is
// open: by a greeting, not by an attempt.
const probeEvery = time.Second

// dispatch gives the sender its next job, if it is idle and there is one.
func (k *keeper) dispatch(now time.Time) {
	if k.sender.busy {
		return
	}
	j := &k.sender.job
	*j = job{op: opNone}
	switch k.phase {
	case disconnected:
		if !k.stopping {
			k.planOpen(j, now)
		}
	case connected:
		k.planSend(j, now)
	}
	if j.op != opNone {
		j.started = now
		k.sender.start()
	}
}

func (k *keeper) planOpen(j *job, now time.Time) {
	switch {
	case k.breaker.Allow(now):
		j.op, j.fence, j.first = opOpen, k.epoch, !k.everOpened
	case k.silent && k.breaker.State() == Open && !now.Before(k.nextProbe):
		j.op = opProbe
		k.nextProbe = now.Add(probeEvery)
	}
}

// planSend picks the most urgent lane that has something to send.
func (k *keeper) planSend(j *job, now time.Time) {
	for i := range k.lanes {
		l := &k.lanes[i]
		j.lane, j.prev, j.fence = l.lane, l.accepted, k.epoch
		switch {
		case k.older[i]: // frames of earlier runs come before this run's
			j.op, j.before = opDrain, k.epoch
		case l.holeFirst():
			j.op, j.gap = opGap, l.hole
		case l.waiting() > 0:
			j.op = opSend
			j.n = l.take(j.frames[:], batchBytes)
		case l.lane == frame.Backfill && k.backlog() && !k.stopping && !now.Before(k.nextDrain):
			j.op = opDrain
		default:
			continue
		}
		return
	}
	j.op = opNone
}

// backlog reports whether the store holds frames of lane backfill to send.
func (k *keeper) backlog() bool {
	if k.o.Store == nil {
		return false
	}
	last := k.o.Store.Last(frame.Backfill)
	return last != k.drainedTo && k.lanes[frame.Backfill].accepted.Less(last)
}

// sent takes the sender's result.
func (k *keeper) sent(now time.Time) {
	if j := &k.sender.job; j.err == nil {
		k.succeeded(j, now)
	} else {
		k.refused(j, now)
	}
}

// refused takes a result that is an error. It stands apart from sent because
// errors.As makes its targets escape, and a success must allocate nothing.
func (k *keeper) refused(j *job, now time.Time) {
	var gapErr *GapError
	var fencedErr *FencedError
	switch {
	case errors.As(j.err, &fencedErr):
		k.fence(fencedErr)
	case errors.As(j.err, &gapErr) && k.gapErrors < maxGapErrors:
		k.gapErrors++
		k.reposition(&k.lanes[j.lane], gapErr.Mark.ID)
	default:
		k.failed(j, now)
	}
}

// maxGapErrors is how often in a row a lane may be positioned anew before
// that counts as a failure.
const maxGapErrors = 5

func (k *keeper) succeeded(j *job, now time.Time) {
	switch j.op {
	case opProbe:
		if j.reachable {
			k.breaker.Wake(now)
		}
		return
	case opOpen:
		k.opened(j)
		return
	}
	k.gapErrors = 0
	l := &k.lanes[j.lane]
	switch j.op {
	case opSend:
		l.acknowledge()
		k.tallyQueue(l)
		for _, f := range j.frames[:j.n] {
			k.o.Delivered(k.age(f).Seconds())
		}
	case opGap:
		l.accepted, l.hole = j.gap.to, gap{}
		k.tally(l, j.gap.to, 0, true, false)
	case opDrain:
		k.drained(l, j, now)
	}
	if k.level == Memory {
		k.settle(l, l.accepted)
	}
}

// tally counts a frame that Redis has, once, however often it was sent.
func (k *keeper) tally(l *lane, id frame.ID, n uint32, gap, fromStore bool) {
	if !l.tallied.Less(id) {
		return
	}
	l.tallied = id
	k.count.Frames[l.lane]++
	if k.o.Trace != nil {
		k.o.Trace(l.lane, id, n)
	}
	if gap {
		k.count.Declared++
		return
	}
	k.count.Delivered[l.lane] += uint64(n)
	if fromStore {
		k.stored -= int64(n)
	}
}

// tallyQueue counts the frames of a lane's queue that Redis has.
func (k *keeper) tallyQueue(l *lane) {
	for _, f := range l.q[:l.sent] {
		k.tally(l, f.ID, f.N, f.Kind == frame.Gap, false)
	}
}

// tallyBatch counts the frames of the last batch that came from the store, as
// far as Redis has them: up to mark.
func (k *keeper) tallyBatch(l *lane, mark frame.ID) {
	for i := range k.sender.batch.Items {
		it := &k.sender.batch.Items[i]
		if !mark.Less(it.ID) {
			k.tally(l, it.ID, it.N, it.Encoding == "gap", true)
		}
	}
}

// drained takes the result of a batch that came from the store.
func (k *keeper) drained(l *lane, j *job, now time.Time) {
	if j.last != (frame.ID{}) {
		l.accepted = j.last
		if !j.last.Less(l.hole.to) {
			l.hole = gap{} // the store still held it, or has declared it
		}
		if l.tallied.Less(j.last) {
			for i, n := range j.lost {
				k.count.Lost[i] += n
				k.stored -= int64(n)
				k.declared += n
			}
		}
		k.tallyBatch(l, j.last)
	}
	if j.exhausted {
		k.older[j.lane] = false
	}
	if l.lane != frame.Backfill {
		return
	}
	if j.exhausted && j.n == 0 && !k.dirty && !k.committer.busy {
		k.drainedTo = k.o.Store.Last(l.lane) // what it counts is gone
	}
	k.nextDrain = now.Add(k.drainPause(j, now))
}

// drainPause leaves the live lane its share: the configured rate, or a fifth
// of the time that live frames leave.
func (k *keeper) drainPause(j *job, now time.Time) time.Duration {
	if rate := k.o.BackfillRate; rate > 0 {
		return time.Duration(float64(j.bytes) / float64(rate) * float64(time.Second))
	}
	if j.n == 0 {
		return time.Second // nothing readable yet: frames that are not committed
	}
	return now.Sub(j.started) / 4
}

// opened takes the marks of the lanes after an open.
func (k *keeper) opened(j *job) {
	k.breaker.Success()
	if !k.everOpened {
		highest, used := uint64(0), !k.openTried
		for _, m := range j.marks {
			highest, used = max(highest, m.Fence), used || m.ID.Epoch == k.epoch
		}
		if highest > k.epoch || highest == k.epoch && used {
			k.renumber(highest + 1)
			return
		}
	}
	if !k.everOpened {
		k.skipped = j.skipped
		k.stored -= int64(j.skipped)
		if k.conflict && j.skipped > 0 {
			k.loss.unknown(k.nowMilli(), frame.Conflict)
		}
	}
	k.everOpened, k.phase, k.level, k.drainedTo = true, connected, j.level, frame.ID{}
	k.gapErrors, k.silent, k.lastErr = 0, false, nil
	for i := range k.lanes {
		k.reposition(&k.lanes[i], j.marks[i].ID)
		if k.level == Memory {
			k.settle(&k.lanes[i], j.marks[i].ID)
		}
	}
	k.syncer.restart()
	k.o.Event(Event{Kind: EventConnected, Level: k.level})
}

// reposition sets a lane to the server's mark and declares what is missing
// between it and what is still held.
func (k *keeper) reposition(l *lane, mark frame.ID) {
	missing := l.position(mark)
	if k.o.Store != nil && l.lane != frame.Backfill && mark.Epoch < k.epoch {
		k.older[l.lane] = true // what Redis had of earlier runs and lost goes again
	}
	k.tallyQueue(l)
	if k.unsure && k.sender.batch.Lane == l.lane {
		k.tallyBatch(l, mark)
		k.unsure = false
	}
	if missing.empty() {
		return
	}
	if k.o.Store != nil && l.lane == frame.Backfill && missing.to.Less(k.o.Store.Last(l.lane)) {
		// the store may still hold them, and declares what it does not
		return
	}
	k.o.Event(Event{Kind: EventRewound, Lane: l.lane, From: missing.from, To: missing.to})
	if l.hole.empty() {
		l.hole = missing
	} else {
		l.hole.from, l.hole.n = missing.from, -1
	}
}

// renumber takes a higher epoch because Redis has seen this one under this
// device's name: the store is new, or was restored. The next open uses it.
func (k *keeper) renumber(to uint64) {
	from := k.epoch
	if k.o.Store != nil {
		if err := k.o.Store.Reassign(to); err != nil {
			k.storeFailed(err)
			k.breaker.Failure(time.Now())
			return
		}
	}
	for i := range k.lanes {
		k.lanes[i].renumber(from, to)
	}
	k.epoch, k.openTried, k.conflict = to, false, true
	k.o.Event(Event{Kind: EventRenumbered, From: frame.ID{Epoch: from}, To: frame.ID{Epoch: to}})
}

func (k *keeper) fence(err *FencedError) {
	for i := range k.lanes {
		k.lanes[i].putBack()
	}
	if !k.everOpened {
		k.breaker.Success() // the server answered
		k.renumber(err.Mark.Fence + 1)
		return
	}
	k.phase, k.lastErr = fenced, err
	k.o.Event(Event{Kind: EventFenced, Err: err})
}

// failed notes an attempt whose outcome is unknown or negative.
func (k *keeper) failed(j *job, now time.Time) {
	if j.op == opProbe {
		return
	}
	if j.storeFault {
		k.storeFailed(j.err)
		k.nextDrain = now.Add(time.Second)
		k.older[j.lane] = false
		return
	}
	unreachable := errors.Is(j.err, ErrUnreachable)
	k.silent = unreachable || timedOut(j.err)
	if j.op == opOpen && !unreachable {
		k.openTried = true
	}
	if j.op == opSend || j.op == opDrain {
		k.count.Retries++
	}
	if j.op == opDrain {
		k.unsure = true
	}
	for i := range k.lanes {
		k.lanes[i].putBack()
	}
	was, trips := k.phase, k.breaker.Trips()
	k.phase, k.lastErr = disconnected, j.err
	k.breaker.Failure(now)
	if errors.Is(j.err, ErrLoading) {
		k.breaker.Wake(now.Add(probeEvery / 2))
	}
	if was == connected {
		k.o.Event(Event{Kind: EventDisconnected, Err: j.err})
	}
	if k.breaker.Trips() > trips {
		k.o.Event(Event{Kind: EventBreakerOpened, Err: j.err, Until: k.breaker.Next()})
	}
}

// timedOut reports whether a server was reached that did not answer in time.
func timedOut(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// settle releases what Redis holds durably up to id.
func (k *keeper) settle(l *lane, id frame.ID) {
	if l.durable == id {
		return
	}
	l.settle(id)
	if k.o.Store != nil {
		k.o.Store.Release(l.lane, id)
		k.released = true
	}
}
