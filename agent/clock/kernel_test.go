package clock

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// script is a kernel whose clocks advance with each question.
type script struct {
	boot  int64
	wall  int64   // offset
	takes []int64 // what the next calls take, ns; then 1 µs
	state int
	bits  int32
	asked func() // called at adjtimex
}

func (s *script) step() int64 {
	d := int64(1000)
	if len(s.takes) > 0 {
		d, s.takes = s.takes[0], s.takes[1:]
	}
	s.boot += d
	return s.boot
}

func (s *script) kernel() kernel {
	return kernel{
		boottime: s.step,
		realtime: func() int64 { return s.step() + s.wall },
		adjtimex: func(t *unix.Timex) (int, error) {
			t.Status = s.bits
			state := s.state
			if s.asked != nil {
				s.asked()
			}
			return state, nil
		},
	}
}

func TestAnOffsetIsTheMiddleOfANarrowBracket(t *testing.T) {
	// The first bracket is interrupted for 10 ms, the second is not.
	s := &script{wall: began, takes: []int64{1000, 5 * ms, 5 * ms, 1000, 20_000, 30_000}}
	k := s.kernel()
	r := k.measure()
	if d := r.offset - began; abs(d) > 5000 || r.slack != 25_000 {
		t.Errorf("off by %v, slack %v; want at most 5 µs, 25 µs", time.Duration(d), time.Duration(r.slack))
	}
	// All are wide: the narrowest is taken, and says how wrong it may be.
	s.takes = nil
	for i := range int64(tries) {
		s.takes = append(s.takes, 1000, (9-i)*ms, 0)
	}
	if r = k.measure(); r.slack != 5*ms/2 || abs(r.offset-began) > r.slack {
		t.Errorf("off by %v, slack %v", time.Duration(r.offset-began), time.Duration(r.slack))
	}
}

// The answer to "synchronised?" and the offset belong to the same side of a step.
func TestAStepWhileReading(t *testing.T) {
	s := &script{wall: began + hour, state: timeError, bits: staUnsync}
	s.asked = func() { // NTP steps the clock after it was asked
		s.wall, s.state, s.bits, s.asked = began, timeOK, 0, nil
	}
	k := s.kernel()
	if r := k.read(); !r.synced || abs(r.offset-began) > noise {
		t.Errorf("synced %v, off by %v; want the state after the step", r.synced, time.Duration(r.offset-began))
	}
	s.asked = func() { s.wall += second }
	if r := k.read(); r.synced {
		t.Error("a clock that is set all the time counts as synchronised")
	}
}

// Dates past 19 January 2038, when 32 bits of seconds end.
func TestYear2038(t *testing.T) {
	end := int64(1 << 31)
	for _, sec := range []int64{end - 2, end - 1, end, end + 1, 4_102_444_800} { // the last is 2100
		s := &script{boot: hour, wall: sec*second - hour}
		k := s.kernel()
		j := judge{notBefore: built.UnixNano()}
		j.observe(k.read())
		if got, want := j.dating().Offset, (sec*second-hour)/ms; got != want {
			t.Errorf("at %d s: offset %d, want %d", sec, got, want)
		}
		if got := j.of(3_600_000*ms).Offset + 3_600_000; got != sec*1000 {
			t.Errorf("at %d s: a sample an hour after boot is dated %d", sec, got)
		}
	}
	// The change itself is no step.
	s := &script{boot: hour, wall: (end-2)*second - hour}
	k := s.kernel()
	j := judge{notBefore: built.UnixNano()}
	for range 5 {
		j.observe(k.read())
		s.boot += second
	}
	if j.jumps != 0 || j.changes != 0 {
		t.Errorf("%d jumps, %d changes", j.jumps, j.changes)
	}
}

func TestTheRealClocks(t *testing.T) {
	a := Boottime()
	b := Boottime()
	if a <= 0 || b < a {
		t.Errorf("Boottime() gave %d, then %d", a, b)
	}
	if d := time.Now().UnixNano() - realtime(); abs(d) > second {
		t.Errorf("realtime() is %v off", time.Duration(d))
	}
	k := kernel{boottime: Boottime, realtime: realtime, adjtimex: unix.Adjtimex}
	r := k.read()
	if d := time.Now().UnixNano() - Boottime() - r.offset; abs(d) > second {
		t.Errorf("the offset is %v off", time.Duration(d))
	}
	t.Logf("bracket ±%v, synchronised %v, error %v", time.Duration(r.slack), r.synced, r.err)
}
