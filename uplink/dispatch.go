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
