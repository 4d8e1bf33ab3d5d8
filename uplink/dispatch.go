package uplink

import (
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
		if !k.stopping && !k.contesting() {
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
		j.op, j.fence, j.first, j.look = opOpen, k.epoch, !k.everOpened, k.o.PowerCut != nil
		j.suspect = k.conflict
	case k.silent && k.breaker.State() == Open && !now.Before(k.nextProbe):
		j.op = opProbe
		k.nextProbe = now.Add(probeEvery)
	}
}

// planSend picks the most urgent lane that has something to send.
func (k *keeper) planSend(j *job, now time.Time) {
	for i := range k.lanes {
		if l := &k.lanes[i]; !k.awaiting && k.planLane(l, j, now) {
			return
		}
	}
	if k.exhausted() && !k.dirty && !k.committer.busy {
		k.stored = 0 // what was lost without a number is declared
	}
}

// exhausted reports whether the store has nothing more to send, of any lane.
func (k *keeper) exhausted() bool {
	return k.o.Store != nil && !k.lanes[frame.Alarm].older && !k.lanes[frame.Live].older && !k.backlog()
}

// planLane makes j the next job for a lane, if there is one.
func (k *keeper) planLane(l *lane, j *job, now time.Time) bool {
	if _, prev := l.next(k.epoch); !l.accepted.Less(prev) {
		l.older, l.sick.since = false, time.Time{} // nothing lies between the mark and memory
	}
	if !l.older && (l.lane != frame.Backfill || k.o.Store == nil) {
		l.mend(k.epoch, k.nowMilli())
	}
	most := MaxBatch
	if l.lane == frame.Alarm {
		most = k.cleared(l)
	}
	switch {
	case l.older && now.Before(l.sick.retry):
		return false // the disk does not give what goes next
	case l.older: // what the store holds comes before what memory holds
		j.op, j.before = opDrain, k.bound(l)
	case l.holeFirst():
		j.op, j.gap = opGap, l.hole
	case l.waiting() > 0 && most > 0:
		j.op = opSend
		j.n = l.take(j.frames[:most], batchBytes)
	case l.lane == frame.Backfill && k.backlog() && !k.stopping && !now.Before(k.nextDrain) && !now.Before(l.sick.retry):
		j.op, j.end = opDrain, k.o.Store.Last(l.lane)
	default:
		return false
	}
	j.lane, j.prev, j.fence = l.lane, l.accepted, k.epoch
	return true
}

// bound is the first frame of a lane that is not wanted from the store: of lane
// alarm where memory begins, of lane live the first of this run.
func (k *keeper) bound(l *lane) frame.ID {
	if l.lane == frame.Alarm {
		id, _ := l.next(k.epoch)
		return id
	}
	return frame.ID{Epoch: k.epoch, Seq: 1}
}

// backlog reports whether the store holds frames of lane backfill to send.
func (k *keeper) backlog() bool {
	if k.o.Store == nil {
		return false
	}
	last := k.o.Store.Last(frame.Backfill)
	return last != k.drainedTo && k.lanes[frame.Backfill].accepted.Less(last)
}
