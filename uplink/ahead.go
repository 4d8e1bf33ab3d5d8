package uplink

import (
	"errors"
	"math"
	"time"

	"github.com/telhub/telhub/uplink/frame"
)

// Alarms are written ahead: the store has an alarm's frame on flash, under its
// own lane and number, before the sender takes it. An agent that is cut short
// then finds every event that Redis may have seen in its store and raises none
// of them again. Lane alarm goes before all others and is never diverted.
//
// While Redis is away alarms wait in the store, and the newest in memory, too.
// What memory gives back is sent from the store, up to where memory begins.

const (
	// alarmMemory is how many alarm frames memory holds at most; without a
	// store the oldest beyond that is given up.
	alarmMemory = 256
	// aheadWait is how long an alarm waits for its commit at most: then flash
	// is too slow for it.
	aheadWait = time.Second
	// aheadEvery is the least time between two commits for alarms only, so
	// that one that flaps does not wear the card.
	aheadEvery = 250 * time.Millisecond
)

// ahead is how far lane alarm is in the store.
type ahead struct {
	put     frame.ID // up to here the store has taken frames …
	asked   frame.ID // … the commit under way makes them durable …
	durable frame.ID // … and they are
	refused bool     // the store did not take the next one
	blocked bool     // its memory is full: it takes it after a commit
	notYet  int64    // no commit for alarms before, ms of CLOCK_BOOTTIME
	sent    frame.ID // up to here the store knows that the server has them
	freed   frame.ID // up to here the store was told to forget
}

func (a *ahead) renumber(from, to uint64) {
	for _, id := range []*frame.ID{&a.put, &a.asked, &a.durable, &a.sent} {
		renumber(id, from, to)
	}
}

// writeAhead puts new alarms into the store and keeps memory bounded.
func (k *keeper) writeAhead() {
	l, a := &k.lanes[frame.Alarm], &k.ahead
	if k.o.Store == nil {
		for l.waiting() > alarmMemory {
			n, ok := l.giveUp(frame.StoreOff)
			if !ok {
				return
			}
			k.count.lose(frame.StoreOff, n)
		}
		return
	}
	before := l.stored
	err := k.save(l, 0)
	a.blocked = errors.Is(err, ErrPending)
	a.refused = err != nil && !a.blocked
	if l.stored > before {
		a.put = l.q[l.stored-1].ID
	}
	if a.sent.Less(l.accepted) {
		a.sent = l.accepted
		k.o.Store.Sent(frame.Alarm, a.sent)
	}
	k.spill(l)
	k.forget(l)
}

// spill frees the oldest frames beyond the bound that are on flash: they are
// sent from there. Where sampling is short of frames, all are. A frame whose
// batch is under way, or was of unknown fate, stays until Redis has told.
func (k *keeper) spill(l *lane) {
	n, most := 0, alarmMemory
	if free, _ := k.o.Pool.Available(); free < 2*lowWater {
		most = 0
	}
	for l.inflight == 0 && len(l.q)-n > most {
		f := l.q[n]
		if k.ahead.durable.Less(f.ID) || !l.doubt.Less(f.ID) {
			break
		}
		if n >= l.sent {
			k.stored += int64(samples(f))
			l.older = true
		}
		f.Free()
		n++
	}
	l.drop(n)
}

// forget lets the store forget alarms that Redis has durably, as far as their
// events stand in the agent's own record of alarm states, too.
func (k *keeper) forget(l *lane) {
	if k.o.AlarmsKept == nil {
		return
	}
	id := k.o.AlarmsKept()
	if l.durable.Less(id) {
		id = l.durable
	}
	if k.ahead.freed.Less(id) {
		k.ahead.freed = id
		k.o.Store.Release(l.lane, id)
		k.released = true
	}
}

// urgent reports whether a commit is due for alarms.
func (k *keeper) urgent() bool {
	a := &k.ahead
	return a.blocked || a.durable.Less(a.put) && k.nowMilli() >= a.notYet
}

// cleared returns how many of the alarms that wait the sender may take.
func (k *keeper) cleared(l *lane) (n int) {
	now := k.nowMilli()
	for i := l.sent; i < len(l.q) && n < MaxBatch; i++ {
		f := l.q[i]
		safe := !k.ahead.durable.Less(f.ID)
		sick := k.o.Store == nil || k.committer.failed > 0 || k.ahead.refused && i >= l.stored
		if !safe && !sick && now-f.Arrived < aheadWait.Milliseconds() {
			break
		}
		n++
	}
	return n
}

// alarmPause is how long the keeper can sleep for all that alarms need.
func (k *keeper) alarmPause() time.Duration {
	l := &k.lanes[frame.Alarm]
	if k.o.Store == nil || l.waiting() == 0 {
		return math.MaxInt64
	}
	now := k.nowMilli()
	d := l.q[l.sent+l.inflight].Arrived + aheadWait.Milliseconds() - now
	if k.ahead.durable.Less(k.ahead.put) && !k.committer.busy {
		d = min(d, k.ahead.notYet-now)
	}
	if d <= 0 {
		return math.MaxInt64 // it waits for the sender, or for Redis
	}
	return time.Duration(d) * time.Millisecond
}
