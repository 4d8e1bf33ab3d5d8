package clock

import "math/bits"

// maxPoints bounds what is remembered of an offset's course in one boot.
const maxPoints = 16

// point is the offset at one stamp, both in ns.
type point struct{ at, offset int64 }

// leap is a leap second within a boot: the offset changed by step at the stamp
// at; step is 0 when there was none.
type leap struct{ at, step int64 }

// track is the course of a boot's offset: straight lines between points, level
// before the first and after the last. The offsets of points count as if the
// leap second had always been there. One leap second a boot is remembered; if
// there are two, samples from before the first are a second off.
type track struct {
	n    int // points; 0 = nothing is known
	p    [maxPoints]point
	leap leap
}

// last is the offset in force.
func (t *track) last() int64 { return t.p[t.n-1].offset }

// correct replaces all that was believed: one offset for the whole boot. A
// leap second stays where it was.
func (t *track) correct(now, offset int64) {
	t.n, t.p[0] = 1, point{now, offset}
}

// drift lets the offset run from what it was at the stamp from to offset at
// now, and leaves older stamps as they are.
func (t *track) drift(from, now, offset int64) {
	if last := t.p[t.n-1]; from > last.at && from < now {
		t.add(point{from, last.offset})
	}
	if now > t.p[t.n-1].at {
		t.add(point{now, offset})
		return
	}
	t.p[t.n-1].offset = offset
}

// add appends a point. Full, it forgets every second one first, never the
// first nor the last.
func (t *track) add(p point) {
	if t.n == maxPoints {
		keep := 1
		for i := 2; i < t.n-1; i += 2 {
			t.p[keep] = t.p[i]
			keep++
		}
		t.p[keep] = t.p[t.n-1]
		t.n = keep + 1
	}
	t.p[t.n] = p
	t.n++
}

// insert notes a leap second: stamps from at on have an offset that is greater
// by step (negative for an inserted second).
func (t *track) insert(at, step int64) {
	for i := range t.n {
		t.p[i].offset += step
	}
	t.leap = leap{at, step}
}

// at gives the offset for a stamp.
func (t *track) at(stamp int64) int64 {
	offset := t.smooth(stamp)
	if stamp < t.leap.at {
		offset -= t.leap.step
	}
	return offset
}

// smooth is at without the leap second.
func (t *track) smooth(stamp int64) int64 {
	i := 0
	for i < t.n && t.p[i].at <= stamp {
		i++
	}
	switch i {
	case 0:
		return t.p[0].offset
	case t.n:
		return t.last()
	}
	a, b := t.p[i-1], t.p[i]
	return a.offset + scale(b.offset-a.offset, stamp-a.at, b.at-a.at)
}

// scale returns v·num/den for 0 <= num < den without overflow.
func scale(v, num, den int64) int64 {
	hi, lo := bits.Mul64(uint64(abs(v)), uint64(num))
	q, _ := bits.Div64(hi, lo, uint64(den)) // hi < den, because num < den
	if v < 0 {
		return -int64(q)
	}
	return int64(q)
}
