package uplink

import (
	"fmt"
	"math"
	"time"

	"github.com/telhub/telhub/uplink/frame"
)

// opened takes the marks of the lanes after an open.
func (k *keeper) opened(j *job) {
	if !k.everOpened {
		highest := uint64(0)
		for _, m := range j.marks {
			highest = max(highest, m.Fence)
		}
		// Its own fence may be of an open that nobody answered, or another
		// agent's: two agents with one fence would take each other's frames for
		// their own.
		if highest > k.epoch || highest == k.epoch && k.owned != k.epoch {
			k.renumberBehind(highest)
			return
		}
		k.owned = k.epoch
		if j.overtaken && k.contest == uncontested {
			k.beginContest()
			return
		}
		k.told()
	}
	k.breaker.Success()
	k.caughtUp = false
	if !k.everOpened {
		k.skipped = j.skipped
		k.stored -= int64(j.skipped)
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

// told notes that Redis may know of this epoch from now on.
func (k *keeper) told() {
	if k.o.Store != nil && k.o.Store.Opened() != k.epoch {
		k.o.Store.SetOpened(k.epoch)
		k.released = true // a commit is due
	}
}

// reposition sets a lane to the server's mark and declares what is missing
// between it and what is still held.
func (k *keeper) reposition(l *lane, mark frame.ID) {
	missing := l.position(mark)
	if k.o.Store != nil && (l.lane == frame.Alarm || l.lane == frame.Live && mark.Epoch < k.epoch) {
		l.older = true // what Redis had of earlier runs and lost goes again, and alarms in any case
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

// lastFence is a fence behind which there is no epoch to take.
const lastFence = math.MaxUint64

// errLastFence: what Redis holds of this device cannot be continued. No agent
// ever comes that far: somebody wrote it.
var errLastFence = fmt.Errorf("the server's state of this device has fence %d, behind which none is left:"+
	" delete the device's fields of the key that ends in :state, or give the device another name", uint64(lastFence))

// renumberBehind takes the epoch after one that Redis has seen.
func (k *keeper) renumberBehind(seen uint64) {
	if seen == lastFence {
		k.lastErr = errLastFence
		k.breaker.Failure(time.Now())
		return
	}
	k.renumber(seen + 1)
}

// renumber takes a higher epoch because Redis has seen this one under this
// device's name: the store is new, or was restored. The next open uses it.
func (k *keeper) renumber(to uint64) {
	from := k.epoch
	if k.o.Store != nil {
		if err := k.o.Store.Reassign(to); err != nil {
			k.storeFailed(err)
			k.lastErr = err
			k.breaker.Failure(time.Now())
			return
		}
	}
	k.breaker.Success()
	for i := range k.lanes {
		k.lanes[i].renumber(from, to)
	}
	k.ahead.renumber(from, to)
	for _, id := range []*frame.ID{&k.contested, &k.flushing, &k.flushed} {
		renumber(id, from, to)
	}
	k.epoch, k.conflict = to, true
	k.o.Event(Event{Kind: EventRenumbered, From: frame.ID{Epoch: from}, To: frame.ID{Epoch: to}})
}

func (k *keeper) fence(err *FencedError) {
	for i := range k.lanes {
		k.lanes[i].putBack()
	}
	if !k.everOpened {
		k.renumberBehind(err.Mark.Fence)
		return
	}
	k.phase, k.lastErr = fenced, err
	k.o.Event(Event{Kind: EventFenced, Err: err})
}

// settle releases what Redis holds durably up to id.
func (k *keeper) settle(l *lane, id frame.ID) {
	if l.durable == id {
		return
	}
	l.settle(id)
	if k.o.Store != nil && (l.lane != frame.Alarm || k.o.AlarmsKept == nil) {
		k.o.Store.Release(l.lane, id)
		k.released = true
	}
}
