package uplink

import (
	"errors"
	"time"

	"github.com/telhub/telhub/uplink/frame"
)

// sent takes the sender's result.
func (k *keeper) sent(now time.Time) {
	switch j := &k.sender.job; {
	case j.broken != nil:
		k.replace(&k.lanes[j.lane], j.broken)
	case j.err == nil:
		k.succeeded(j, now)
	default:
		k.refused(j, now)
	}
}

// replace makes a frame in memory that does not decode the gap record of what it
// holds, in its own place, so that it never blocks its lane. The batch, of which
// nothing was sent, waits again.
func (k *keeper) replace(l *lane, f *frame.Frame) {
	l.inflight = 0
	n := samples(f)
	info := frame.GapInfo{Cause: frame.NotEncoded, N: int64(n), T0: f.T0, T1: f.T1, T0Known: true}
	if info.Seal(f) == nil { // plain numbers: it cannot fail
		k.count.lose(frame.NotEncoded, n)
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
		k.syncer.restart() // what it asks about now may be gone
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
	if j.lane != frame.Backfill {
		k.pace.shared(now.Sub(j.started))
	}
	switch j.op {
	case opSend:
		l.acknowledge()
		k.tallyQueue(l)
		for _, f := range j.frames[:j.n] {
			k.o.Delivered(float64(k.nowMilli()-f.T0) / 1e3)
		}
	case opGap:
		l.accepted = j.gap.to
		l.hole.shrink(&j.gap)
		k.tally(l, delivery{id: j.gap.to, gap: true})
	case opDrain:
		k.drained(l, j, now)
	}
	if k.level == Memory {
		k.settle(l, l.accepted)
	}
}

// delivery is a frame that Redis has.
type delivery struct {
	id        frame.ID
	n         uint32
	gap       bool
	fromStore bool
	redated   bool // dated now, and not when it was taken
	lost      lost
}

// tally counts a frame that Redis has, once, however often it was sent.
func (k *keeper) tally(l *lane, d delivery) {
	if !l.tallied.Less(d.id) {
		return
	}
	l.tallied = d.id
	k.count.Frames[l.lane]++
	if k.o.Trace != nil {
		k.o.Trace(l.lane, d.id, d.n)
	}
	if d.gap {
		k.count.Declared++
		k.count.lose(d.lost.cause, d.lost.n)
		k.stored -= int64(d.lost.n)
		return
	}
	k.count.Delivered[l.lane] += uint64(d.n)
	if d.redated {
		k.count.Redated += uint64(d.n)
	}
	if d.fromStore {
		k.stored -= int64(d.n)
	}
}

// tallyQueue counts the frames of a lane's queue that Redis has.
func (k *keeper) tallyQueue(l *lane) {
	for _, f := range l.q[:l.sent] {
		if !l.tallied.Less(f.ID) {
			continue
		}
		if l.lane == frame.Alarm && k.o.AlarmTaken != nil {
			k.o.AlarmTaken(f)
		}
		redated := f.Dating.Quality == frame.Unset && k.o.Dates.Of(f.Boot, f.T0).Quality != frame.Unset
		k.tally(l, delivery{id: f.ID, n: f.N, gap: f.Kind == frame.Gap, redated: redated})
	}
}

// tallyBatch counts the frames of the last batch that came from the store, as
// far as Redis has them: up to mark.
func (k *keeper) tallyBatch(l *lane, mark frame.ID) {
	s := &k.sender
	for i := range s.batch.Items {
		it := &s.batch.Items[i]
		if mark.Less(it.ID) {
			return
		}
		redated := s.scratch[i].Dating.Quality == frame.Unset && it.Quality != frame.Unset.String()
		k.tally(l, delivery{id: it.ID, n: it.N, gap: it.Encoding == "gap", fromStore: true, redated: redated, lost: s.lost[i]})
	}
}

// drained takes the result of a batch that came from the store.
func (k *keeper) drained(l *lane, j *job, now time.Time) {
	l.sick = sick{}
	if j.last != (frame.ID{}) {
		l.arrived(j.last)
		k.tallyBatch(l, j.last)
	}
	if j.exhausted && (j.before == frame.ID{} || j.before == k.bound(l)) {
		l.older = false // memory has not given back more meanwhile
	}
	if l.lane != frame.Backfill {
		return
	}
	// What was committed after the store was read is not drained.
	if j.exhausted && j.n == 0 && !k.dirty && !k.committer.busy && j.end == k.o.Store.Last(l.lane) {
		k.drainedTo = j.end // what it counts is gone
	}
	if k.dry = j.n == 0; k.dry {
		k.nextDrain = now.Add(time.Second) // frames that are not committed
		return
	}
	k.nextDrain = k.pace.after(j.started, now, j.bytes)
}

// failed notes an attempt whose outcome is unknown or negative.
func (k *keeper) failed(j *job, now time.Time) {
	if j.op == opProbe {
		return
	}
	if j.storeFault {
		k.lanes[j.lane].unread(now)
		return
	}
	unreachable := errors.Is(j.err, ErrUnreachable)
	k.silent = unreachable || timedOut(j.err)
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
