package chain

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/telhub/telhub/internal/brief"
)

const (
	maxWindow = 1 << 16                // values in a window
	maxPoints = 256                    // of a calibration
	maxDegree = 15                     // of a polynomial
	usualGap  = 100 * time.Millisecond // distance of values where it is not known
	minPlaces = -9                     // of Round
)

// builder makes the steps of a chain and keeps track of what flows between
// them.
type builder struct {
	c     Chain
	every time.Duration // 0: not known
}

func newBuilder(info Info) (*builder, error) {
	if info.Every < 0 {
		return nil, fmt.Errorf("distance of values %v: want more than 0, or 0 when it is not known", info.Every)
	}
	b := &builder{every: info.Every}
	b.c.unit = info.Unit
	if info.Resolution > 0 && !math.IsInf(info.Resolution, 1) {
		b.c.resolution = info.Resolution
	}
	return b, nil
}

func (b *builder) chain() *Chain {
	c := &b.c
	c.bytes = c.size()
	for _, s := range c.steps {
		c.bytes += s.bytes()
	}
	return c
}

// add checks a spec and appends its step.
func (b *builder) add(s *Spec) error {
	err := s.check()
	if err == nil {
		err = b.make(s)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", *s, err)
	}
	return nil
}

func (b *builder) make(s *Spec) error {
	res := &b.c.resolution
	switch s.Op {
	case Offset:
		b.linear(&linear{mul: 1, div: 1, add: s.Args[0]})
	case Scale:
		b.linear(scaleBy(s.Args[0]))
	case Convert:
		return b.convert(s.Unit)
	case Calibrate:
		return b.calibrate(s.Args)
	case Polynomial:
		b.push(&polynomial{coefficients: reversed(s.Args)})
		*res = 0
	case Valid:
		b.push(&valid{lo: s.Args[0], hi: s.Args[1]})
	case Rate:
		b.push(&rate{limit: s.Args[0], gap: b.gap()})
	case Median, Mean, Min, Max:
		return b.window(s)
	case EWMA:
		b.push(&ewma{tau: float64(s.Window)})
		*res = 0
	case Outlier:
		b.push(&outlier{k: s.Args[0], floor: *res})
	case Throttle:
		b.throttle(s.Window)
	case Round:
		places := int(s.Args[0])
		b.push(newRound(places))
		if *res = 1 / math.Pow10(places); places < 0 {
			*res = math.Pow10(-places)
		}
	case Step:
		b.push(newMultiple(s.Args[0]))
		*res = s.Args[0]
	}
	return nil
}

func (b *builder) push(s step) { b.c.steps = append(b.c.steps, s) }

func (b *builder) linear(l *linear) {
	b.c.resolution = l.resolution(b.c.resolution)
	b.push(l)
}

// scaleBy multiplies by a decimal as people write it: by 0.01 means divided by
// 100, which unlike 0.01 is exact.
func scaleBy(factor float64) *linear {
	if d, ok := toDecimal(factor); ok {
		return &linear{mul: float64(d.mantissa), div: math.Pow10(d.places)}
	}
	return &linear{mul: factor, div: 1}
}

func (b *builder) convert(to string) error {
	l, err := conversion(b.c.unit, to)
	if err != nil {
		return err
	}
	if b.c.unit != to {
		b.linear(&l)
	}
	b.c.unit = to
	return nil
}

func (b *builder) calibrate(args []float64) error {
	var points []point
	for i := 0; i < len(args); i += 2 {
		points = append(points, point{measured: args[i], truth: args[i+1]})
	}
	slices.SortFunc(points, func(a, b point) int {
		if a.measured < b.measured {
			return -1
		}
		return 1
	})
	for i, p := range points[1:] {
		if q := points[i]; p.measured == q.measured {
			return fmt.Errorf("measured value %v has two true ones, %v and %v; want one", p.measured, q.truth, p.truth)
		}
	}
	c := newCalibration(points)
	for _, p := range points {
		if p.slope-p.slope != 0 {
			return fmt.Errorf("the slope at the measured value %v is too large for a number; want points further apart", p.measured)
		}
	}
	b.push(c)
	b.c.resolution = 0
	return nil
}

// gap is the silence after which a change says nothing of its rate.
func (b *builder) gap() int64 {
	switch {
	case b.every == 0:
		return unknownGap
	case b.every > math.MaxInt64/gapPeriods:
		return math.MaxInt64
	}
	return gapPeriods * int64(b.every)
}

func (b *builder) throttle(period time.Duration) {
	slack := period / 10
	if b.every > 0 {
		slack = min(slack, b.every/10)
	}
	b.push(&throttle{period: int64(period), slack: int64(slack)})
	b.every = max(b.every, period)
}

func (b *builder) window(s *Spec) error {
	w, capacity := span{width: int64(s.Count), counted: true}, s.Count
	if s.Count == 0 {
		w = span{width: int64(s.Window)}
		var err error
		if capacity, err = b.capacity(s.Window); err != nil {
			return err
		}
	}
	var r *ring
	switch s.Op {
	case Median:
		m := newMedian(w, capacity)
		b.push(m)
		r = &m.ring
		if s.Count%2 == 0 {
			b.c.resolution /= 2 // the middle of two
		}
	case Mean:
		m := &mean{ring: newRing(w, capacity)}
		b.push(m)
		r = &m.ring
		b.c.resolution = 0
	default:
		e := &extreme{ring: newRing(w, capacity), sign: 1}
		if s.Op == Max {
			e.sign = -1
		}
		b.push(e)
		r = &e.ring
	}
	if s.Count == 0 {
		b.c.crowded = append(b.c.crowded, &r.crowded)
	}
	return nil
}

// capacity is the number of values that a window of time must hold, with room
// for an eighth more than expected.
func (b *builder) capacity(window time.Duration) (int, error) {
	every := b.every
	if every == 0 {
		every = usualGap
	}
	n := int64((window-1)/every) + 1
	if n > maxWindow {
		most := time.Duration(math.MaxInt64)
		if every < most/maxWindow {
			most = every * maxWindow
		}
		return 0, fmt.Errorf("at a value each %s the window holds %d values, more than %d; want a window of at most %s, or a throttle before it",
			brief.Duration(every), n, maxWindow, brief.Duration(most))
	}
	return int(min(n+n/8+2, maxWindow)), nil
}

func reversed(args []float64) []float64 {
	r := slices.Clone(args)
	slices.Reverse(r)
	return r
}
