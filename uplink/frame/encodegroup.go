package frame

import (
	"math"
	"math/bits"

	"github.com/telhub/telhub/drivers"
)

// group codes the rows and columns of group g.
func (e *Encoder) group(g uint16, samples []drivers.Sample) {
	r := &e.groups[g]
	e.findRows(r, samples)
	e.rc.number(&e.m.count, uint64(len(e.rows)))
	if len(e.rows) == 0 {
		return
	}
	e.times()
	var starts [groupSize]uint32
	e.presence(r, &starts)
	e.gather(r, samples, &starts)
	var from uint32
	for slot := range e.layout.groups[g] {
		if to := starts[slot]; r.carries>>slot&1 != 0 { // gather moved it to the end
			e.column(e.values[from:to], e.schema.Channels[e.layout.groups[g][slot]].Resolution)
			from = to
		}
	}
}

// findRows cuts a group's values into rows: one stamp, slots ascending.
func (e *Encoder) findRows(r *run, samples []drivers.Sample) {
	e.rows = e.rows[:0]
	for _, i := range e.order[r.start:r.end] {
		s := &samples[i]
		if s.Kind != drivers.KindValue {
			continue
		}
		t, bit := millis(s.Stamp)-e.t0, uint64(1)<<e.layout.places[s.Channel].slot
		if n := len(e.rows); n > 0 && e.rows[n-1].stamp == t && e.rows[n-1].present < bit {
			e.rows[n-1].present |= bit
			continue
		}
		e.rows = append(e.rows, row{t, bit})
	}
}

// times codes the stamps of the rows.
func (e *Encoder) times() {
	e.stamps = e.stamps[:0]
	for i := range e.rows {
		e.stamps = append(e.stamps, e.rows[i].stamp)
	}
	p := e.predictorFor(e.stamps)
	e.rc.column(&e.m.times, &p, e.stamps)
}

func (e *Encoder) predictorFor(x []int64) predictor {
	if e.rc.frozen {
		return plain
	}
	return e.fitter.fit(x)
}

// presence codes which slots each row has, unless every row has them all, and
// finds where the column of each slot starts in e.values.
func (e *Encoder) presence(r *run, starts *[groupSize]uint32) {
	dense := uint32(1)
	var counts [groupSize]uint32
	for i := range e.rows {
		p := e.rows[i].present
		if p != r.mentions {
			dense = 0
		}
		for ; p != 0; p &= p - 1 {
			counts[bits.TrailingZeros64(p)]++
		}
	}
	var at uint32
	for slot, n := range counts {
		starts[slot] = at
		at += n
	}
	e.rc.bit(&e.m.dense, dense)
	if dense == 1 {
		return
	}
	e.m.present = [groupSize][4]prob{}
	var above uint64
	for i := range e.rows {
		e.row(r.mentions, e.rows[i].present, above)
		above = e.rows[i].present
	}
}

// row codes the presence of each mentioned slot, by that in the row above and
// that of the slot to the left.
func (e *Encoder) row(mentions, present, above uint64) {
	left := uint32(0)
	n := 0
	for m := mentions; m != 0; m &= m - 1 {
		slot := bits.TrailingZeros64(m)
		bit := uint32(present >> slot & 1)
		e.rc.bit(&e.m.present[n][uint32(above>>slot&1)<<1|left], bit)
		left = bit
		n++
	}
}

// gather sorts a group's values by column and moves each start to its end.
func (e *Encoder) gather(r *run, samples []drivers.Sample, starts *[groupSize]uint32) {
	for _, i := range e.order[r.start:r.end] {
		if s := &samples[i]; s.Kind == drivers.KindValue {
			at := &starts[e.layout.places[s.Channel].slot]
			e.values[*at] = s.Value
			*at++
		}
	}
}

// column codes the values of one channel.
func (e *Encoder) column(values []float64, resolution float64) {
	s := scale{kind: double}
	if !e.rc.frozen {
		s = chooseScale(values, resolution)
	}
	e.ints = e.ints[:0]
	for _, v := range values {
		if i, ok := s.integer(v); ok {
			e.ints = append(e.ints, i)
		}
	}
	e.scale(&s)
	e.missing(&s, values)
	p := e.predictorFor(e.ints)
	e.rc.column(&e.m.values, &p, e.ints)
}

func (e *Encoder) scale(s *scale) {
	e.rc.tree(e.m.kind[:], 3, uint32(s.kind))
	switch s.kind {
	case decimal:
		e.rc.tree(e.m.places[:], 4, uint32(s.places))
		e.rc.number(&e.m.factor, uint64(s.unit))
	case fraction:
		e.rc.number(&e.m.factor, uint64(s.parts))
	case step:
		e.rc.direct(math.Float64bits(s.lsb), 64)
	}
}

// missing codes the values that s cannot hold.
func (e *Encoder) missing(s *scale, values []float64) {
	if s.kind == double {
		return
	}
	if len(e.ints) == len(values) {
		e.rc.bit(&e.m.misses, 0)
		return
	}
	e.rc.bit(&e.m.misses, 1)
	for _, v := range values {
		if _, ok := s.integer(v); ok {
			e.rc.bit(&e.m.missing, 0)
			continue
		}
		e.rc.bit(&e.m.missing, 1)
		e.rc.direct(math.Float64bits(v), 64)
	}
}

// eventCode returns the number of an event's new state.
func eventCode(s *drivers.Sample) uint64 {
	if s.Kind == drivers.KindAlarm {
		return uint64(s.Alarm)
	}
	return uint64(s.Quality)
}

// events codes what is no value: how many samples stand before each since
// the last, its channel, stamp, kind and code.
func (e *Encoder) events(samples []drivers.Sample) {
	n := 0
	for _, g := range e.seen {
		n += int(e.groups[g].events)
	}
	e.rc.number(&e.m.count, uint64(n))
	skipped := 0
	for _, i := range e.order[:len(samples)] {
		if n == 0 {
			return
		}
		s := &samples[i]
		if s.Kind == drivers.KindValue {
			skipped++
			continue
		}
		e.rc.number(&e.m.skip, uint64(skipped))
		e.rc.number(&e.m.channel, uint64(e.index[s.Channel]))
		e.rc.number(&e.m.stamp, uint64(millis(s.Stamp)-e.t0))
		e.rc.number(&e.m.event, uint64(s.Kind))
		e.rc.number(&e.m.event, eventCode(s))
		skipped = 0
		n--
	}
}
