package alarm

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/telhub/telhub/drivers"
)

// event is one call of an Alarm.
type event struct {
	kind  byte // 'v' value, 's' status, 't' time
	v     float64
	q     drivers.Quality
	stamp int64
}

// model answers from the whole history instead of from a state: each rule is
// the sentence of the documentation, written as a search.
type model struct {
	o       Options
	history []event
	levels  []drivers.Alarm // after each event
}

func (m *model) add(e event) drivers.Alarm {
	m.history = append(m.history, e)
	m.levels = append(m.levels, m.level())
	if m.silent() {
		return drivers.AlarmStale
	}
	return m.levels[len(m.levels)-1]
}

func (m *model) side(v float64) drivers.Alarm {
	switch {
	case m.o.High != nil && v >= *m.o.High:
		return drivers.AlarmHigh
	case m.o.Low != nil && v <= *m.o.Low:
		return drivers.AlarmLow
	}
	return drivers.AlarmClear
}

func (m *model) cleared(was drivers.Alarm, v float64) bool {
	if was == drivers.AlarmHigh {
		return m.o.ClearHigh == nil && v < *m.o.High || m.o.ClearHigh != nil && v <= *m.o.ClearHigh
	}
	return m.o.ClearLow == nil && v > *m.o.Low || m.o.ClearLow != nil && v >= *m.o.ClearLow
}

// level is the level after the last event.
func (m *model) level() drivers.Alarm {
	i := len(m.history) - 1
	was := drivers.AlarmClear
	if i > 0 {
		was = m.levels[i-1]
	}
	e := m.history[i]
	if e.kind != 'v' || was != drivers.AlarmClear && !m.cleared(was, e.v) {
		return was
	}
	side := m.side(e.v)
	if side == drivers.AlarmClear {
		return side
	}
	// The run of values beyond the same limit that ends here, without a gap
	// and without a time of being raised.
	first := e.stamp
	for j := i - 1; j >= 0 && m.levels[j] == drivers.AlarmClear && !m.gap(j); j-- {
		if h := m.history[j]; h.kind == 'v' {
			if m.side(h.v) != side {
				break
			}
			first = min(first, h.stamp)
		}
	}
	if e.stamp-first >= int64(m.o.For) {
		return side
	}
	return drivers.AlarmClear
}

// gap reports whether event j is one: a status that is not ok, or an instant
// at which the channel had been silent for too long.
func (m *model) gap(j int) bool {
	e := m.history[j]
	return e.kind == 's' && e.q != drivers.OK || e.kind == 't' && m.silentFor(j) >= m.o.StaleAfter && m.watches()
}

func (m *model) watches() bool { return m.o.Stale && m.o.StaleAfter > 0 }

// silentFor is how long there was no value at event j.
func (m *model) silentFor(j int) time.Duration {
	begin := int64(-1)
	for k := j; k >= 0; k-- {
		switch e := m.history[k]; e.kind {
		case 'v':
			return time.Duration(m.history[j].stamp - e.stamp)
		case 't':
			begin = e.stamp
		}
	}
	return time.Duration(m.history[j].stamp - begin)
}

// silent reports whether the channel is silent after the last event.
func (m *model) silent() bool {
	if !m.o.Stale {
		return false
	}
	for j := len(m.history) - 1; j >= 0; j-- {
		e := m.history[j]
		switch {
		case e.kind == 'v':
			return false
		case e.kind == 's' && e.q != drivers.OK && m.o.StaleAfter == 0:
			return true
		case e.kind == 't' && m.watches() && m.silentFor(j) >= m.o.StaleAfter:
			return true
		}
	}
	return false
}

func randomOptions(r *rand.Rand) Options {
	var o Options
	high, low := 6.0, 3.0
	if r.IntN(4) > 0 {
		o.High = &high
		if r.IntN(2) == 0 {
			o.ClearHigh = ptr(4 + float64(r.IntN(2)))
		}
	}
	if r.IntN(3) > 0 {
		o.Low = &low
		if r.IntN(2) == 0 {
			o.ClearLow = ptr(4 + float64(r.IntN(2)))
		}
	}
	if o.High != nil || o.Low != nil {
		o.For = time.Duration(r.IntN(3)) * 2 * time.Second
	} else {
		o.Stale = true
	}
	if o.Stale || r.IntN(2) == 0 {
		o.Stale = true
		o.StaleAfter = time.Duration(r.IntN(3)) * 3 * time.Second
	}
	return o
}

// TestAgainstModel compares states with the model over random histories, and
// checks what a consumer of the events relies on: the same state never comes
// twice in a row, and what was raised is cleared before the end when the last
// value is normal.
func TestAgainstModel(t *testing.T) {
	for seed := range uint64(4000) {
		r := rand.New(rand.NewPCG(seed, 1))
		o := randomOptions(r)
		if err := o.Check(); err != nil {
			t.Fatal(err)
		}
		a, m := New(o), &model{o: o}
		last, raised, cleared, at := drivers.AlarmClear, 0, 0, int64(0)
		for i := range 60 {
			at += int64(r.IntN(3)) * sec
			e := event{kind: "vvvvst"[r.IntN(6)], v: float64(r.IntN(9)), q: drivers.Quality(r.IntN(4)), stamp: at}
			if i == 59 {
				e = event{kind: 'v', v: 4.5, stamp: at}
				if o.ClearHigh != nil && *o.ClearHigh < e.v {
					e.v = *o.ClearHigh
				} else if o.ClearLow != nil && *o.ClearLow > e.v {
					e.v = *o.ClearLow
				}
			}
			var changed bool
			var got drivers.Alarm
			switch e.kind {
			case 'v':
				got, changed = a.Value(e.v, e.stamp)
			case 's':
				got, changed = a.Status(e.q, e.stamp)
			case 't':
				got, changed = a.Advance(e.stamp)
			}
			want := m.add(e)
			if got != want || a.State() != want {
				t.Fatalf("seed %d, event %d %+v of %+v: got %v, want %v", seed, i, e, o, got, want)
			}
			if changed != (want != last) {
				t.Fatalf("seed %d, event %d: from %v to %v, changed %v", seed, i, last, want, changed)
			}
			if changed && last == drivers.AlarmClear {
				raised++
			}
			if changed && want == drivers.AlarmClear {
				cleared++
			}
			last = want
		}
		both := o.ClearHigh != nil && o.ClearLow != nil && *o.ClearHigh < *o.ClearLow
		if raised != cleared && !both {
			t.Fatalf("seed %d: raised %d times, cleared %d times", seed, raised, cleared)
		}
	}
}

// TestNeverTwiceTheSame lets stamps run anywhere.
func TestNeverTwiceTheSame(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 2))
		a := New(randomOptions(r))
		from := drivers.Alarm(r.IntN(4))
		a.Restore(from)
		last := a.State()
		for range 100 {
			at := (r.Int64N(200) - 50) * sec
			var got drivers.Alarm
			var changed bool
			switch r.IntN(4) {
			case 0:
				got, changed = a.Status(drivers.Quality(r.IntN(5)), at)
			case 1:
				got, changed = a.Advance(at)
			default:
				got, changed = a.Value(float64(r.IntN(9)), at)
			}
			if changed == (got == last) {
				t.Fatalf("seed %d: %v after %v, changed %v", seed, got, last, changed)
			}
			last = got
		}
	}
}
