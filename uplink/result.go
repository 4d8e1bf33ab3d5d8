package uplink

import (
	"errors"
	"time"

	"github.com/telhub/telhub/uplink/frame"
)

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
