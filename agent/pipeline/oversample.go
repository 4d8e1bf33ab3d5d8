package pipeline

import "github.com/telhub/telhub/drivers"

// gather turns the readings of one period into one: the means of what was
// valid. The zero value is for a sensor that is read once a period.
type gather struct {
	outputs []mean
	stamp   mean  // ns after first
	first   int64 // boottime ns, stamp of the first reading
	until   int64 // boottime ns, end of the period; 0 while nothing is gathered
}

// mean is an arithmetic mean, kept so that equal values give exactly
// themselves.
type mean struct {
	n   int
	v   float64
	bad bool // something was invalid
}

func (m *mean) add(v float64) {
	m.n++
	m.v += (v - m.v) / float64(m.n)
}

// add takes in a reading dated to stamp.
func (g *gather) add(r *drivers.Reading, stamp, until int64) {
	if g.until == 0 {
		g.first, g.until = stamp, until
	}
	g.stamp.add(float64(stamp - g.first))
	for i := range g.outputs {
		if r.Has(i) {
			g.outputs[i].add(r.Values[i])
		} else if r.IsBad(i) {
			g.outputs[i].bad = true
		}
	}
}

// result puts the means into r, begins anew, and returns their stamp.
func (g *gather) result(r *drivers.Reading) (stamp int64) {
	r.Reset()
	for i := range g.outputs {
		switch m := &g.outputs[i]; {
		case m.n > 0:
			r.Set(i, m.v)
		case m.bad:
			r.SetBad(i)
		}
		g.outputs[i] = mean{}
	}
	stamp = g.first + int64(g.stamp.v)
	g.stamp, g.until = mean{}, 0
	return stamp
}

// take publishes a reading, or keeps it for the mean of its period.
func (s *poller) take(stamp, now int64) {
	stamp = s.date(stamp)
	if s.n == 1 {
		s.publish(stamp, now)
		return
	}
	s.gather.add(&s.reading, stamp, s.end(s.slot, s.factor()))
}

// settle publishes what was gathered in a period that ends by at.
func (s *poller) settle(at, now int64) {
	if s.gather.until != 0 && at >= s.gather.until {
		s.publish(s.gather.result(&s.reading), now)
	}
}
