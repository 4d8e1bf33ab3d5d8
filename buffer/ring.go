package buffer

import (
	"fmt"
	"sync"
)

// Loss is what was overwritten since the last Drain. It lies before the items
// which that Drain returned.
type Loss[T any] struct {
	N           uint64 // items overwritten; the rest is meaningless when 0
	First, Last T      // the oldest and the newest of them
}

// Counts are a ring's totals since New.
type Counts struct {
	Pushed  uint64 // items given to Push
	Drained uint64 // items handed out by Drain
	Lost    uint64 // items overwritten; Pushed = Drained + Lost + Len
	High    int    // most items ever held at once
}

// Ring is a bounded queue of many producers and one consumer that overwrites
// its oldest items when full. Drained slots keep their old content until they
// are overwritten, so T should hold no pointers.
type Ring[T any] struct {
	ready chan struct{} // capacity 1

	mu     sync.Mutex // guards all below
	buf    []T
	head   int // index of the oldest item
	n      int // items held
	wakeAt int // fill that raises ready; 0 = never
	loss   Loss[T]
	counts Counts
}

// New allocates a ring of capacity items, which raises Ready at its first
// item. It panics unless capacity is positive.
func New[T any](capacity int) *Ring[T] {
	if capacity < 1 {
		panic(fmt.Sprintf("buffer: ring capacity %d, want at least 1", capacity))
	}
	return &Ring[T]{buf: make([]T, capacity), ready: make(chan struct{}, 1), wakeAt: 1}
}

// WakeAt sets the fill at which Ready is raised: 1 = with the first item
// (the default), 0 = never. Values above the capacity mean a full ring.
func (r *Ring[T]) WakeAt(items int) {
	r.mu.Lock()
	r.wakeAt = min(max(items, 0), len(r.buf))
	r.wakeLocked(0)
	r.mu.Unlock()
}

// Ready is raised once each time the fill reaches the threshold of WakeAt, and
// again by a Drain that leaves that much behind.
func (r *Ring[T]) Ready() <-chan struct{} { return r.ready }

// Push copies items into the ring as one run, overwriting the oldest when
// there is no room. It never blocks and never allocates.
func (r *Ring[T]) Push(items []T) {
	r.mu.Lock()
	before := r.n
	r.counts.Pushed += uint64(len(items))
	if over := r.n + len(items) - len(r.buf); over > 0 {
		items = r.overwriteLocked(items, over)
	}
	tail := r.index(r.n)
	copied := copy(r.buf[tail:], items)
	copy(r.buf, items[copied:])
	r.n += len(items)
	r.counts.High = max(r.counts.High, r.n)
	r.wakeLocked(before)
	r.mu.Unlock()
}

// Drain moves up to len(dst) of the oldest items into dst. lost says what was
// overwritten before them since the last Drain.
func (r *Ring[T]) Drain(dst []T) (n int, lost Loss[T]) {
	r.mu.Lock()
	n = min(len(dst), r.n)
	copied := copy(dst[:n], r.buf[r.head:])
	copy(dst[copied:n], r.buf)
	r.dropLocked(n)
	r.counts.Drained += uint64(n)
	lost, r.loss = r.loss, Loss[T]{}
	r.wakeLocked(0)
	r.mu.Unlock()
	return n, lost
}

// Len returns how many items are held.
func (r *Ring[T]) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.n
}

// Cap returns how many items the ring can hold.
func (r *Ring[T]) Cap() int { return len(r.buf) }

// Counts returns the totals since New.
func (r *Ring[T]) Counts() Counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts
}

// overwriteLocked gives up the oldest over items of what is held followed by
// items, accounts for them, and returns what is left of items.
func (r *Ring[T]) overwriteLocked(items []T, over int) []T {
	held := min(over, r.n)
	skip := over - held // of items itself: more than the ring can hold
	if r.loss.N == 0 {
		r.loss.First = items[0]
		if held > 0 {
			r.loss.First = r.buf[r.head]
		}
	}
	if skip > 0 {
		r.loss.Last = items[skip-1]
	} else {
		r.loss.Last = r.buf[r.index(held-1)]
	}
	r.loss.N += uint64(over)
	r.counts.Lost += uint64(over)
	r.dropLocked(held)
	return items[skip:]
}

// dropLocked forgets the oldest n items.
func (r *Ring[T]) dropLocked(n int) {
	r.head = r.index(n)
	r.n -= n
}

// index returns where the item i places after the oldest one stands.
func (r *Ring[T]) index(i int) int {
	i += r.head
	if i >= len(r.buf) {
		i -= len(r.buf)
	}
	return i
}

// wakeLocked raises ready if the fill has just reached the threshold.
func (r *Ring[T]) wakeLocked(before int) {
	if r.wakeAt == 0 || r.n < r.wakeAt || before >= r.wakeAt {
		return
	}
	select {
	case r.ready <- struct{}{}:
	default:
	}
}
