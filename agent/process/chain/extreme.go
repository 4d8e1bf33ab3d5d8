package chain

import "unsafe"

// extreme is the minimum of a window, or the maximum (sign -1). Its ring holds
// only those values that no later one beats, so that they grow from the oldest,
// which is the minimum, to the newest. Each value enters and leaves once.
type extreme struct {
	ring
	sign float64
}

func (e *extreme) apply(v float64, stamp int64) (float64, Verdict) {
	key := e.advance(stamp)
	for e.n > 0 && e.outside(e.keys[e.head]) {
		e.drop()
	}
	e.take(key, e.sign*v)
	return e.sign * e.values[e.head], Pass
}

// take puts a value in, unless a later one beats it, and takes out those that
// it beats.
func (e *extreme) take(key int64, v float64) {
	at := e.n
	for at > 0 && e.keys[e.index(at-1)] > key { // a late stamp
		at--
	}
	if at < e.n && e.values[e.index(at)] <= v {
		return
	}
	from := at
	for from > 0 && e.values[e.index(from-1)] >= v {
		from--
	}
	e.closeUp(from, at)
	if e.n == len(e.keys) {
		e.drop()
		e.crowded++
	}
	e.enter(key, v)
}

// closeUp removes the entries [from, to).
func (e *extreme) closeUp(from, to int) {
	for ; to < e.n && to > from; from, to = from+1, to+1 {
		e.keys[e.index(from)] = e.keys[e.index(to)]
		e.values[e.index(from)] = e.values[e.index(to)]
	}
	e.n -= to - from
}

func (e *extreme) drop() {
	e.head = e.index(1)
	e.n--
}

func (e *extreme) reset()     { e.clear() }
func (e *extreme) bytes() int { return int(unsafe.Sizeof(*e)) + e.heap() }
