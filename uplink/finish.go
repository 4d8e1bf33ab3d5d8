package uplink

import (
	"errors"
	"time"
)

// stopStore is how long, after that for sending, the end of a run waits for
// flash.
const stopStore = 10 * stopSend

// finish ends the run: it reports whether everything is safe or given up.
func (k *keeper) finish(now, giveUp time.Time) bool {
	k.drainInput()
	if k.phase == connected && !k.awaiting && now.Before(giveUp) && k.unsent() {
		return false
	}
	if k.sender.busy && now.Before(giveUp.Add(stopSend)) {
		return false // its batch may still be answered
	}
	k.phase = disconnected
	k.writeAhead()
	k.readmit()
	k.declareCut(now)
	k.storeContest()
	if k.o.Store == nil {
		k.declare()
	} else if err := k.declareFirst(nil); err != nil && !errors.Is(err, ErrPending) {
		k.storeFailed(err)
	}
	k.persist(true)
	late := !now.Before(giveUp.Add(stopStore))
	if k.committer.busy {
		k.undeclared = late // a disk that hangs may do so for ever
		return late
	}
	if k.dirty && k.committer.failed < lastTries && !late {
		k.startCommit()
		return false
	}
	k.undeclared = k.owes()
	return true
}

// unsent reports whether memory holds what Redis could still take.
func (k *keeper) unsent() bool {
	for i := range k.lanes {
		if l := &k.lanes[i]; l.waiting()+l.inflight > 0 || !l.hole.empty() {
			return true
		}
	}
	return false
}

// owes reports whether the run ends with samples that are neither in Redis nor
// on flash nor declared: the store was full or failed. The next run then has
// to declare them, as after a power cut.
func (k *keeper) owes() bool {
	if !k.loss.empty() || len(k.hold) > 0 || k.dirty || k.committer.failed > 0 {
		return true
	}
	for i := range k.lanes {
		if l := &k.lanes[i]; !l.hole.empty() || l.stored < len(l.q) {
			return true
		}
	}
	return false
}
