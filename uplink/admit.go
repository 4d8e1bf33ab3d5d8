package uplink

import (
	"errors"
	"time"

	"github.com/telhub/telhub/uplink/frame"
)

// accept takes a frame from the workers.
func (k *keeper) accept(f *frame.Frame) {
	k.mark(f)
	if f.Kind == frame.Data {
		k.count.Received += uint64(f.N)
	} else {
		k.noteGap(f)
	}
	if f.Class == frame.High {
		k.highAt = f.Arrived
	}
	k.admit(f)
}

// mark notes when a new frame came and what is known of its date.
func (k *keeper) mark(f *frame.Frame) {
	f.Boot, f.Dating, f.Arrived = k.o.Boot, k.o.Dates.Dating(), k.nowMilli()
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

const (
	// highMemory is how long after its last frame class High counts as in use.
	highMemory = time.Minute
	// congestion is how long, beyond half of Flush, a frame waits for the
	// sender before the link counts as narrow.
	congestion = 250 * time.Millisecond
	// narrowFor is how long a link counts as narrow.
	narrowFor = 10 * time.Second
	// highPatience is how many times longer frames of class High wait for a
	// narrow link before they go to the store.
	highPatience = 4
)

// goesLive reports whether a new frame should go out live: the breaker is
// closed and what already waits is fresh.
func (k *keeper) goesLive(c frame.Class) bool {
	if k.awaiting || k.phase == fenced || k.breaker.State() != Closed {
		return false
	}
	l := &k.lanes[frame.Live]
	most, limit := cap(l.q)/2, k.o.MaxLoss/2+k.o.Flush
	if c == frame.High {
		most, limit = cap(l.q)*3/4, highPatience*limit
	}
	if l.waiting()+l.inflight > most {
		return false
	}
	if k.o.Store != nil && len(l.q) > cap(l.q)*3/4 {
		return false // what Redis has but not safely fills the memory that sampling needs
	}
	if f := l.head(); f != nil && k.age(f) > limit {
		return false
	}
	return c == frame.High || k.nowMilli() >= k.narrow || !k.highInUse()
}

// observe notes what decides where new frames go.
func (k *keeper) observe() {
	k.window = k.o.Window()
	k.widest = max(k.widest, k.window)
	k.awaiting = k.awaiting && k.o.Dates.Dating().Quality < frame.NTP
	if k.phase == connected && k.congested() {
		k.narrow = k.nowMilli() + narrowFor.Milliseconds()
	}
}

// congested reports whether live frames queue up behind the batch under way.
func (k *keeper) congested() bool {
	l := &k.lanes[frame.Live]
	if l.waiting() == 0 {
		return false
	}
	waited := k.nowMilli() - l.q[l.sent+l.inflight].Arrived
	return waited > (k.o.Flush/2 + congestion).Milliseconds()
}

func (k *keeper) highInUse() bool {
	return k.highAt != 0 && k.nowMilli()-k.highAt < highMemory.Milliseconds()
}

// finest is the class that decides how large frames are made: where some are
// of class High, those must stay prompt.
func (k *keeper) finest() frame.Class {
	if k.highInUse() {
		return frame.High
	}
	return frame.Normal
}

// since is when a frame's first sample was taken, as far as its stamp can be
// true: a driver's own may lie anywhere, and no commit may follow that. Shape
// lets a sample wait for its frame as long as fill.
func (k *keeper) since(f *frame.Frame) int64 {
	filled := max(fill(k.widest), k.o.Flush).Milliseconds()
	return min(max(f.T0, f.Arrived-filled), f.Arrived)
}

// age is the time since a frame's first sample was taken.
func (k *keeper) age(f *frame.Frame) time.Duration {
	return time.Duration(k.nowMilli()-k.since(f)) * time.Millisecond
}

func (k *keeper) nowMilli() int64 { return k.o.Boottime() / 1e6 }

// admit numbers a frame into lane alarm, into lane live or, through the store,
// into backfill.
func (k *keeper) admit(f *frame.Frame) {
	l := &k.lanes[frame.Live]
	switch {
	case f.Class == frame.Urgent:
		k.enqueue(&k.lanes[frame.Alarm], f) // writeAhead sees to the rest
	case k.o.Store == nil:
		k.admitMemory(f)
	case len(k.hold) > 0:
		k.hold = append(k.hold, f) // behind those that wait
	case k.goesLive(f.Class) && l.room():
		k.declareLive() // what was lost before it
		k.enqueue(l, f)
	default:
		k.spool(f)
	}
}

// enqueue gives a frame its number and its place in a lane's queue.
func (k *keeper) enqueue(l *lane, f *frame.Frame) {
	l.number(f, k.epoch)
	l.push(f)
}

// lowWater is how many free frames memory keeps for sampling when there is no
// store: below it the oldest waiting frame is given up.
const lowWater = 8

// admitMemory is admit without a store. Frames of class Normal that do not go
// live then wait in lane backfill's queue, so that those of class High go
// before them and are given up after them.
func (k *keeper) admitMemory(f *frame.Frame) {
	l := &k.lanes[frame.Live]
	if f.Class == frame.Normal && k.highInUse() && !k.goesLive(frame.Normal) {
		l = &k.lanes[frame.Backfill]
	}
	k.enqueue(l, f)
	if free, _ := k.o.Pool.Available(); free < lowWater {
		k.shed()
	}
}

// shed gives up the frame that is missed least. A batch under way is waited
// for, not skipped: behind it may be a better choice than in the other lane.
func (k *keeper) shed() {
	l := &k.lanes[frame.Backfill]
	if l.head() == nil {
		l = &k.lanes[frame.Live]
	}
	if n, ok := l.giveUp(frame.StoreOff); ok {
		k.count.lose(frame.StoreOff, n)
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
		if l.lane == frame.Alarm && k.o.Store != nil && l.stored >= l.sent {
			continue // the store holds them, and memory few
		}
		if n := min(l.sent, 2*lowWater); n > 0 {
			k.count.Early += uint64(n)
			k.settle(l, l.q[n-1].ID)
		}
	}
}

// declare turns noted losses into a gap record that goes the way of all frames.
func (k *keeper) declare() {
	if k.loss.empty() || len(k.hold) > 0 {
		return
	}
	if k.o.Store == nil || k.goesLive(frame.Normal) {
		k.declareLive()
		return
	}
	if info := k.loss.info(); k.storeErr != nil || k.sealGap(&info, nil) != nil || !k.o.Store.Room(&k.record) {
		return // it goes before whatever is stored next, or when the run ends
	}
	if err := k.declareFirst(nil); err != nil && !errors.Is(err, ErrPending) {
		k.storeFailed(err)
	}
}

// declareLive turns noted losses into a gap frame that waits for the sender.
func (k *keeper) declareLive() {
	if k.loss.empty() {
		return
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
	k.mark(f)
	k.loss = losses{}
	if k.o.Store == nil {
		k.admitMemory(f)
		return
	}
	k.enqueue(&k.lanes[frame.Live], f)
}

// gapBytes is more than any gap record takes that the keeper makes.
const gapBytes = 256
