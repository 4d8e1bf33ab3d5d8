package uplink

import (
	"time"

	"github.com/telhub/telhub/uplink/frame"
)

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
