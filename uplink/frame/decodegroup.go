package frame

import (
	"math"
	"math/bits"
	"slices"

	"github.com/telhub/telhub/drivers"
)

// group reads the dictionary, rows and columns of a group.
func (d *Decoder) group() error {
	first := len(d.dict)
	channels, err := d.dictionary()
	if err != nil {
		return err
	}
	rows := d.rc.number(&d.m.count)
	if rows > uint64(len(d.samples)-d.filled) {
		return errRows
	}
	if rows == 0 {
		return nil
	}
	d.times(int(rows))
	start := d.filled
	if err := d.presence(channels); err != nil {
		return err
	}
	d.stampSamples(first, start)
	for c := range channels {
		if err := d.column(c, start); err != nil {
			return err
		}
	}
	return nil
}

// times reads the stamps of a group's rows.
func (d *Decoder) times(rows int) {
	d.ints = slices.Grow(d.ints[:0], rows)[:rows]
	d.rc.column(&d.m.times, d.ints)
	d.rows = slices.Grow(d.rows[:0], rows)[:rows]
	for i, t := range d.ints {
		d.rows[i] = row{stamp: t}
	}
}

// presence reads which channels each row has and reserves their samples.
func (d *Decoder) presence(channels int) error {
	all := ^uint64(0) >> (groupSize - channels)
	dense := d.rc.bit(&d.m.dense) == 1
	d.m.present = [groupSize][4]prob{}
	var above uint64
	for i := range d.rows {
		r := &d.rows[i]
		r.present = all
		if !dense {
			r.present = d.row(channels, above)
		}
		above = r.present
		d.filled += bits.OnesCount64(above)
		if above == 0 || d.filled > len(d.samples) {
			return errRows
		}
	}
	return nil
}

func (d *Decoder) row(channels int, above uint64) (present uint64) {
	left := uint32(0)
	for c := range channels {
		left = d.rc.bit(&d.m.present[c][uint32(above>>c&1)<<1|left])
		present |= uint64(left) << c
	}
	return present
}

// stampSamples fills in stamps and channels of the group's samples, which
// begin at start; its dictionary begins at first.
func (d *Decoder) stampSamples(first, start int) {
	for i := range d.rows {
		for p := d.rows[i].present; p != 0; p &= p - 1 {
			d.samples[start] = sample{stamp: d.rows[i].stamp, channel: uint16(first + bits.TrailingZeros64(p))}
			start++
		}
	}
}

// column reads the values of the group's channel c into its samples.
func (d *Decoder) column(c, start int) error {
	n := 0
	for i := range d.rows {
		n += int(d.rows[i].present >> c & 1)
	}
	if n == 0 {
		return nil
	}
	s, ok := d.scale()
	if !ok {
		return errScale
	}
	if n -= d.missing(&s, c, start); n < 0 {
		return errNumber
	}
	d.ints = slices.Grow(d.ints[:0], n)[:n]
	d.rc.column(&d.m.values, d.ints)
	return d.scatter(&s, c, start)
}

func (d *Decoder) scale() (s scale, ok bool) {
	s.kind = scaleKind(d.rc.tree(d.m.kind[:], 3))
	switch s.kind {
	case decimal:
		s.places = int(d.rc.tree(d.m.places[:], 4))
		s.unit = int64(d.rc.number(&d.m.factor))
		return s, s.unit >= 1 && s.unit <= intLimit
	case fraction:
		s.parts = int64(d.rc.number(&d.m.factor))
		return s, s.parts >= 1 && s.parts <= maxParts
	case step:
		s.lsb = math.Float64frombits(d.rc.direct(64))
	}
	return s, s.kind < scaleKinds
}

// missing reads the values that the scale does not hold and marks the others.
// It returns how many it read, or too many when one is not finite.
func (d *Decoder) missing(s *scale, c, start int) (n int) {
	if s.kind == double || d.rc.bit(&d.m.misses) == 0 {
		return 0
	}
	for i := range d.rows {
		p := d.rows[i].present
		if p>>c&1 != 0 && d.rc.bit(&d.m.missing) == 1 {
			v := math.Float64frombits(d.rc.direct(64))
			if v-v != 0 {
				return math.MaxInt32
			}
			x := &d.samples[start+bits.OnesCount64(p&(1<<c-1))]
			x.value, x.quality = v, placeholder
			n++
		}
		start += bits.OnesCount64(p)
	}
	return n
}

// placeholder marks, until scatter has run, a sample that has its value.
const placeholder drivers.Quality = 255

// scatter turns the column's integers into values of its samples.
func (d *Decoder) scatter(s *scale, c, start int) error {
	k := 0
	for i := range d.rows {
		p := d.rows[i].present
		if p>>c&1 != 0 {
			x := &d.samples[start+bits.OnesCount64(p&(1<<c-1))]
			if x.quality == placeholder {
				x.quality = drivers.OK
			} else {
				x.value = s.value(d.ints[k])
				k++
			}
			if x.value-x.value != 0 {
				return errNumber
			}
		}
		start += bits.OnesCount64(p)
	}
	return nil
}

// readEvents reads what is no value, with its place among the values.
func (d *Decoder) readEvents() error {
	n := d.rc.number(&d.m.count)
	if n > uint64(len(d.samples)-d.filled) {
		return errEvent
	}
	after := uint64(0)
	for range n {
		after += min(d.rc.number(&d.m.skip), MaxSamples+1)
		channel := d.rc.number(&d.m.channel)
		stamp := d.rc.number(&d.m.stamp)
		kind := d.rc.number(&d.m.event)
		code := d.rc.number(&d.m.event)
		if after > uint64(d.filled) || channel >= uint64(len(d.dict)) {
			return errEvent
		}
		e := placed{sample{stamp: int64(stamp), channel: uint16(channel)}, int(after)}
		if !e.become(kind, code) {
			return errEvent
		}
		d.events = append(d.events, e)
	}
	return nil
}

// become makes s the event that kind and code number, if there is such.
func (s *sample) become(kind, code uint64) bool {
	switch {
	case kind == uint64(drivers.KindStatus) && code <= uint64(drivers.Lost):
		s.kind, s.quality = drivers.KindStatus, drivers.Quality(code)
	case kind == uint64(drivers.KindAlarm) && code <= uint64(drivers.AlarmStale):
		s.kind, s.alarm = drivers.KindAlarm, drivers.Alarm(code)
	default:
		return false
	}
	return true
}
