package uplink

import (
	"context"
	"time"

	"github.com/telhub/telhub/uplink/frame"
)

// phase is where the keeper stands with Redis.
type phase uint8

const (
	disconnected phase = iota // no lane is open
	connected                 // lanes are open, frames flow
	fenced                    // another agent owns the lanes; nothing is sent any more
)

// keeper owns the uplink's state. Only Run's goroutine touches it.
type keeper struct {
	u       *Uplink
	o       *Options
	breaker *Breaker

	phase      phase
	epoch      uint64
	everOpened bool   // the lanes were opened under this epoch
	owned      uint64 // an open under this epoch was answered, and nobody had it before
	level      Durability
	lanes      [frame.Lanes]lane
	awaiting   bool  // nothing is sent before the time is known
	narrow     int64 // until then, ms of CLOCK_BOOTTIME, frames of class Normal make way
	highAt     int64 // when the last frame of class High came, ms of CLOCK_BOOTTIME; 0: none has
	ahead      ahead // what the store has of alarms

	window time.Duration // the loss window in force
	widest time.Duration // the longest that was

	hold   []*frame.Frame // not numbered yet: the store's memory is full
	loss   losses         // not numbered and lost: to be declared
	record frame.Frame    // scratch for gap records that go to the store
	marked frame.ID       // a frame that has no room in the store; where the next start's gap begins, if need be, is stored

	dirty      bool     // the store holds uncommitted frames …
	dirtySince int64    // … the oldest of which was taken then, ms of CLOCK_BOOTTIME
	released   bool     // the store may have segments to unlink, or an epoch to note
	stored     int64    // samples in the store that Redis has not accepted
	skipped    uint64   // of those carried over, that Redis had accepted already
	caughtUp   bool     // since the connection was made the backlog's end was committed
	drainedTo  frame.ID // lane backfill's last number when the store had no more
	storeErr   error

	sender    sender
	committer committer
	syncer    syncer

	unsure     bool // the sender's last batch came from the store and may have arrived
	lastErr    error
	silent     bool // the last failure was silence: nobody there, or no answer in time
	nextProbe  time.Time
	nextDrain  time.Time
	dry        bool // the last look into the store found nothing to read: a commit may bring it
	pace       pacer
	gapErrors  int // in a row
	stopping   bool
	undeclared bool // the run ended with losses that nothing declares yet
	started    time.Time
	conflict   bool          // another store was here under this name: what this one holds of earlier epochs may or may not have arrived
	contest    contest       // what becomes of that
	contested  frame.ID      // the record that says so
	flushing   frame.ID      // the commit under way makes lane backfill durable up to here …
	flushed    frame.ID      // … and it is
	cutLive    frame.ID      // of the record of Options.PowerCut while it is on its way live …
	cutSaid    frame.GapInfo // … and what it says

	count Counters
}

func newKeeper(u *Uplink, b *Breaker) keeper {
	o := &u.opts
	k := keeper{u: u, o: o, breaker: b, epoch: o.Epoch, stored: int64(o.Carried), awaiting: o.RequireSync}
	for i := range k.lanes {
		k.lanes[i] = lane{lane: frame.Lane(i), q: make([]*frame.Frame, 0, o.Frames)}
		if o.Store != nil {
			k.lanes[i].last = o.Store.Last(frame.Lane(i))
			k.lanes[i].known(o.Store.Released(frame.Lane(i)))
			k.lanes[i].older = frame.Lane(i) != frame.Backfill
		}
	}
	k.hold = make([]*frame.Frame, 0, o.Frames)
	k.pace.rate = o.BackfillRate
	k.sender.init(o)
	k.committer.init(o)
	k.syncer.init(o)
	return k
}

// loop serves events until ctx has ended and what is left is safe.
func (k *keeper) loop(ctx context.Context) {
	k.started = time.Now()
	k.observe()
	timer := time.NewTimer(0)
	defer timer.Stop()
	var giveUp time.Time
	done := ctx.Done()
	for {
		select {
		case f := <-k.u.in:
			k.accept(f)
		case <-k.sender.results:
			k.sender.busy = false
			k.sent(time.Now())
		case <-k.committer.results:
			k.committer.busy = false
			k.committed()
		case <-k.syncer.results:
			k.syncer.busy = false
			k.synced(time.Now())
		case <-timer.C:
		case <-done:
			done = nil
			k.stopping, giveUp = true, time.Now().Add(stopSend)
			k.committer.failed = min(k.committer.failed, lastTries-1) // once more
		}
		now := time.Now()
		if k.stopping && k.finish(now, giveUp) {
			return
		}
		timer.Reset(k.step(now).Sub(now))
	}
}

// step does what can be done now and returns when to look again.
func (k *keeper) step(now time.Time) time.Time {
	k.observe()
	k.drainInput()
	k.writeAhead()
	k.readmit()
	k.declareCut(now)
	k.storeContest()
	k.declare()
	k.relieve()
	k.persist(false)
	k.commit()
	k.dispatch(now)
	k.sync(now)
	if down := !k.goesLive(k.finest()); k.u.down.Swap(down) != down {
		k.o.Reshaped()
	}
	k.publish()
	return now.Add(k.pause(now))
}

// pause is how long the keeper can sleep when nothing happens.
func (k *keeper) pause(now time.Time) time.Duration {
	d := min(k.o.MaxLoss/10, time.Second, k.alarmPause())
	if k.sender.busy {
		return d
	}
	switch k.phase {
	case disconnected:
		d = min(d, k.breaker.Next().Sub(now))
	case connected:
		if k.backlog() && !k.awaiting {
			d = min(d, k.nextDrain.Sub(now))
		}
	}
	return max(d, time.Millisecond)
}
