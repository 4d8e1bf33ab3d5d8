package process

import "math"

// sender decides which values of a channel are sent. See Send for the rules.
type sender struct {
	never, always bool

	change float64
	every  int64 // ns; 0 = no heartbeat

	sent bool    // last and at are of a value since the latest gap
	last float64 // the value sent last
	at   int64   // its stamp
	seen int64   // stamp of the value before
}

func newSender(s Send) sender {
	return sender{
		never: s.Never, always: s.Change == 0 && s.Every == 0,
		change: s.Change, every: int64(s.Every),
	}
}

// wants reports whether a value is sent, and remembers it if so. With force it
// is, unless the channel's values never are.
func (s *sender) wants(v float64, stamp int64, force bool) bool {
	switch {
	case s.never:
		return false
	case s.always:
		return true
	}
	distance := max(stamp-s.seen, 0)
	s.seen = stamp
	if s.sent && !force && !s.differs(v) && !s.beats(stamp, distance) {
		return false
	}
	s.sent, s.last, s.at = true, v, stamp
	return true
}

// differs reports whether v is at least change away from the value sent last.
// 20.3 - 20.2 is less than 0.1 in binary: a few units in the last place of the
// values are forgiven.
func (s *sender) differs(v float64) bool {
	const ulps = 4 * 0x1p-52
	d := math.Abs(v - s.last)
	return d > 0 && d >= s.change-ulps*max(math.Abs(v), math.Abs(s.last))
}

// beats reports whether a heartbeat is due: when the instant lies nearer to
// this value than to the next one, which is expected at the same distance as
// this one. So a period that jitters does not turn "every minute" into every
// minute and a period.
func (s *sender) beats(stamp, distance int64) bool {
	if s.every == 0 {
		return false
	}
	since := stamp - s.at
	return since+distance/2 >= s.every || -since >= s.every // or the stamps began anew
}
