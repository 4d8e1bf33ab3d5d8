package chain

import "unsafe"

// span says what belongs to a window. Its keys are stamps in windows of time,
// and running numbers in windows of values; either way the window is
// (now-width, now].
type span struct {
	width   int64 // ns or values, more than 0
	counted bool
	now     int64 // the newest key
	begun   bool
}

// advance takes the next value's stamp and returns its key, which is inside.
func (s *span) advance(stamp int64) (key int64) {
	if s.counted {
		s.now++
		return s.now
	}
	// A stamp that is older than the whole window begins a new one: the clock
	// that made the others was ahead, and would empty the window for long.
	if !s.begun || stamp > s.now || distance(stamp, s.now) >= uint64(s.width) {
		s.now, s.begun = stamp, true
	}
	return stamp
}

// outside reports whether a key does not belong to the window.
func (s *span) outside(key int64) bool {
	return key > s.now || distance(key, s.now) >= uint64(s.width)
}

// ring holds the values of a window by key, the oldest first. Keys come nearly
// in order; what is late is put where it belongs.
type ring struct {
	span
	keys    []int64
	values  []float64
	head, n int
	crowded uint64 // values that left early for want of room
}

func newRing(s span, capacity int) ring {
	return ring{span: s, keys: make([]int64, capacity), values: make([]float64, capacity)}
}

// leaves removes the oldest value if it has to go, because it lies outside of
// the window or because there is no room. Call it after advance, until it
// returns false.
func (r *ring) leaves() (v float64, ok bool) {
	if r.n == 0 {
		return 0, false
	}
	if !r.outside(r.keys[r.head]) {
		if r.n < len(r.keys) {
			return 0, false
		}
		r.crowded++
	}
	v = r.values[r.head]
	r.head = r.index(1)
	r.n--
	return v, true
}

// enter adds a value; there must be room.
func (r *ring) enter(key int64, v float64) {
	i := r.n
	for ; i > 0 && r.keys[r.index(i-1)] > key; i-- {
		r.keys[r.index(i)] = r.keys[r.index(i-1)]
		r.values[r.index(i)] = r.values[r.index(i-1)]
	}
	r.keys[r.index(i)], r.values[r.index(i)] = key, v
	r.n++
}

// index is where the i-th oldest value lies.
func (r *ring) index(i int) int {
	if i += r.head; i >= len(r.keys) {
		i -= len(r.keys)
	}
	return i
}

// both returns the values, in two pieces.
func (r *ring) both() (a, b []float64) {
	end := r.head + r.n
	if end <= len(r.values) {
		return r.values[r.head:end], nil
	}
	return r.values[r.head:], r.values[:end-len(r.values)]
}

// clear empties a window of values and reports whether it did; a window of
// time is emptied by the stamps to come.
func (r *ring) clear() bool {
	if r.counted {
		r.head, r.n = 0, 0
	}
	return r.counted
}

// heap is the memory behind the ring.
func (r *ring) heap() int {
	return len(r.keys) * int(unsafe.Sizeof(r.keys[0])+unsafe.Sizeof(r.values[0]))
}
