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
	everOpened bool // the lanes were opened under this epoch
	openTried  bool // an open of unknown outcome was sent under this epoch
	level      Durability
	lanes      [frame.Lanes]lane
	older      [frame.Lanes]bool // the store may hold frames of earlier runs

	hold []*frame.Frame // not numbered yet: the store's memory is full
	loss losses         // not numbered and lost: to be declared

	dirty      bool     // the store holds uncommitted frames …
	dirtySince int64    // … the oldest of which was stamped then, ms of CLOCK_BOOTTIME
	released   bool     // the store may have segments to unlink
	stored     int64    // samples in the store that Redis has not accepted
	declared   uint64   // samples that the store lost, in gap records that Redis has
	skipped    uint64   // of those carried over, that Redis had accepted already
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
	gapErrors  int // in a row
	stopping   bool
	undeclared bool // the run ended with losses that nothing declares yet
	started    time.Time
	conflict   bool // another run has used this epoch: what the store holds of earlier ones may or may not have arrived

	count Counters
}

func newKeeper(u *Uplink, b *Breaker) keeper {
	o := &u.opts
	k := keeper{u: u, o: o, breaker: b, epoch: o.Epoch, stored: int64(o.Carried)}
	for i := range k.lanes {
		k.lanes[i] = lane{lane: frame.Lane(i), q: make([]*frame.Frame, 0, o.Frames)}
		if o.Store != nil {
			k.lanes[i].last = o.Store.Last(frame.Lane(i))
			k.lanes[i].known(o.Store.Released(frame.Lane(i)))
			k.older[i] = frame.Lane(i) != frame.Backfill
		}
	}
	k.hold = make([]*frame.Frame, 0, o.Frames)
	k.sender.init(o)
	k.committer.init(o)
	k.syncer.init(o)
	return k
}

// loop serves events until ctx has ended and what is left is safe.
func (k *keeper) loop(ctx context.Context) {
	k.started = time.Now()
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
	k.drainInput()
	k.readmit()
	k.declareCut(now)
	k.declare()
	k.relieve()
	k.persist(false)
	k.commit()
	k.dispatch(now)
	k.sync(now)
	if down := !k.goesLive(); k.u.down.Swap(down) != down {
		k.o.Reshaped()
	}
	k.publish()
	return now.Add(k.pause(now))
}

// pause is how long the keeper can sleep when nothing happens.
func (k *keeper) pause(now time.Time) time.Duration {
	d := min(k.o.MaxLoss/10, time.Second)
	if k.sender.busy {
		return d
	}
	switch k.phase {
	case disconnected:
		d = min(d, k.breaker.Next().Sub(now))
	case connected:
		if k.backlog() {
			d = min(d, k.nextDrain.Sub(now))
		}
	}
	return max(d, time.Millisecond)
}

// accept takes a frame from the workers.
func (k *keeper) accept(f *frame.Frame) {
	f.Boot, f.Dating = k.o.Boot, k.o.Dates.Dating()
	if f.Kind == frame.Data {
		k.count.Received += uint64(f.N)
	} else {
		k.noteGap(f)
	}
	k.admit(f)
}

// drainInput takes everything that waits, so that one step serves a burst.
func (k *keeper) drainInput() {
	for {
		select {
		case f := <-k.u.in:
			k.accept(f)
		default:
			return
		}
	}
}

// goesLive reports whether a new frame should go out live: the breaker is
// closed and what already waits is fresh.
func (k *keeper) goesLive() bool {
	if k.phase == fenced || k.breaker.State() != Closed {
		return false
	}
	l := &k.lanes[frame.Live]
	if l.waiting()+l.inflight > cap(l.q)/2 {
		return false
	}
	if k.o.Store != nil && len(l.q) > cap(l.q)*3/4 {
		return false // what Redis has but not safely fills the memory that sampling needs
	}
	f := l.head()
	return f == nil || k.age(f) <= k.o.MaxLoss/2+k.o.Flush
}

// age is the time since a frame's first sample was stamped.
func (k *keeper) age(f *frame.Frame) time.Duration {
	if f.Boot != k.o.Boot {
		return 0
	}
	return time.Duration(k.nowMilli()-f.T0) * time.Millisecond
}

func (k *keeper) nowMilli() int64 { return k.o.Boottime() / 1e6 }

// admit numbers a frame into lane live or, through the store, into backfill.
func (k *keeper) admit(f *frame.Frame) {
	l := &k.lanes[frame.Live]
	if k.o.Store == nil {
		k.admitMemory(l, f)
		return
	}
	switch {
	case len(k.hold) > 0:
		k.hold = append(k.hold, f) // behind those that wait
	case k.goesLive() && l.room():
		l.number(f, k.epoch)
		l.push(f)
	default:
		k.spool(f)
	}
}

// lowWater is how many free frames memory keeps for sampling when there is no
// store: below it the oldest waiting frame is given up.
const lowWater = 8

func (k *keeper) admitMemory(l *lane, f *frame.Frame) {
	l.number(f, k.epoch)
	l.push(f)
	if free, _ := k.o.Pool.Available(); free >= lowWater {
		return
	}
	if n, ok := l.giveUp(frame.StoreOff); ok {
		k.count.lose(frame.StoreOff, uint64(n))
	}
}

// relieve gives frames back to sampling when nearly all of them are held for
// Redis to make durable: those that it accepted longest ago are trusted to be.
func (k *keeper) relieve() {
	if free, _ := k.o.Pool.Available(); free >= 2*lowWater {
		return
	}
	for i := range k.lanes {
		l := &k.lanes[i]
		if n := min(l.sent, 2*lowWater); n > 0 {
			k.count.Early += uint64(n)
			k.settle(l, l.q[n-1].ID)
		}
	}
}

// declare turns noted losses into a gap frame that goes the way of all frames.
func (k *keeper) declare() {
	if k.loss.empty() || len(k.hold) > 0 {
		return
	}
	if k.o.Store != nil && !k.goesLive() && k.storeErr != nil {
		return // it could not be kept either; wait
	}
	f := k.o.Pool.Get(gapBytes)
	if f == nil {
		return
	}
	info := k.loss.info()
	if err := info.Seal(f); err != nil {
		f.Free()
		return
	}
	f.Boot, f.Dating = k.o.Boot, k.o.Dates.Dating()
	k.loss = losses{}
	k.admit(f)
}

// gapBytes is more than any gap record takes that the keeper makes.
const gapBytes = 256

// finish ends the run: it reports whether everything is safe or given up.
func (k *keeper) finish(now, giveUp time.Time) bool {
	k.drainInput()
	if k.phase == connected && now.Before(giveUp) && k.unsent() {
		return false
	}
	if k.sender.busy && now.Before(giveUp.Add(stopSend)) {
		return false // its batch may still be answered
	}
	k.phase = disconnected
	k.readmit()
	k.declareCut(now)
	k.declare()
	k.persist(true)
	if k.committer.busy {
		return false
	}
	if k.dirty && k.committer.failed < lastTries && now.Before(giveUp.Add(10*stopSend)) {
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
