package clock

import (
	"time"

	"github.com/telhub/telhub/uplink/frame"
)

// What a receiver's word must be like. Its sentence says what time it was, and
// arrives later: by up to a second and more, with jitter from serial port,
// USB and scheduling that only ever adds. So the least late of several is the
// truest, and what is constant in it is learnt while the kernel is synchronised.
const (
	agreeing = 3                             // seconds in a row
	spread   = int64(100 * time.Millisecond) // that they may be apart
	jitter   = int64(20 * time.Millisecond)  // the least that moves the offset
	wrong    = int64(500 * time.Millisecond) // moves it at once, not after a block
	latest   = int64(1500 * time.Millisecond)
	block    = 60 // agreeing seconds of which the least late one counts
	tick     = 10 // ms by which a second told may differ from a second
)

// rx is what has been heard of satellite receivers.
type rx struct {
	n    int   // seconds heard in a row
	utc  int64 // of the last one, Unix ms
	late [agreeing]int64

	at      int64 // stamp of the last agreeing second that fits the offset in force; 0 = none yet
	refused int64 // a date before NotBefore that was told last, Unix ms; 0 = none

	latency int64 // from the second to its first byte's arrival, ns; 0 until learnt
	learnt  bool

	best   int64 // largest offset of the block
	count  int   // seconds in the block
	learns bool  // the block serves to learn the latency
}

// current reports whether a receiver confirms the date at now.
func (x *rx) current(now int64) bool { return x.at != 0 && now-x.at <= receiverAge }

// add takes one reading: UTC in ms and the arrival's stamp in ns. It gives an
// offset when three seconds in a row agree. Of a receiver that speaks more
// often than once a second, and of a second one, the readings between are
// passed over.
func (x *rx) add(utc, stamp int64) (offset int64, ok bool) {
	d := utc - x.utc
	if x.n > 0 && d >= 0 && d < 1000-tick {
		return 0, false
	}
	if d < 0 || d > 1000+tick {
		x.n = 0
	}
	x.late[x.n%agreeing] = utc*1e6 - stamp
	x.utc = utc
	x.n++
	if x.n < agreeing {
		return 0, false
	}
	least := x.late[0]
	offset = x.late[0]
	for _, o := range x.late[1:] {
		least, offset = min(least, o), max(offset, o)
	}
	return offset, offset-least <= spread
}

// gather keeps the least late second of a block and reports whether the block
// is full; the next one then begins. A block is for one purpose.
func (x *rx) gather(offset int64, learns bool) (best int64, full bool) {
	if x.learns != learns {
		x.learns, x.count = learns, 0
	}
	if x.count == 0 || offset > x.best {
		x.best = offset
	}
	x.count++
	if x.count < block {
		return 0, false
	}
	x.count = 0
	return x.best, true
}

// hear takes a receiver's UTC (Unix ms) at a stamp. A date before NotBefore is
// a week counter that has rolled over, 1,024 weeks back.
func (j *judge) hear(utc, stamp int64) {
	if utc < j.notBefore/1e6 {
		j.rx.refused = utc
		return
	}
	j.rx.refused = 0
	offset, ok := j.rx.add(utc, stamp)
	switch {
	case !ok:
	case j.quality == frame.NTP:
		j.compare(offset, stamp)
	case j.quality == frame.GNSS:
		j.refine(offset+j.rx.latency, stamp)
	default:
		j.believe(offset, stamp)
	}
}

// compare learns how late the receiver speaks from a synchronised kernel. A
// receiver that is seconds off confirms nothing.
func (j *judge) compare(offset, stamp int64) {
	late := j.track.last() - offset
	if late < -jitter || late > latest {
		return
	}
	j.rx.at = stamp
	if best, full := j.rx.gather(offset, true); full || !j.rx.learnt {
		if full {
			late = j.track.last() - best
		}
		j.rx.latency, j.rx.learnt = max(late, 0), true
	}
}

// believe takes a receiver's date where none was confirmed of late. An offset
// that ntp confirmed is kept as far as the receiver's lateness explains the
// difference.
func (j *judge) believe(offset, stamp int64) {
	if !j.rx.learnt && j.confirmed == frame.NTP {
		if late := j.track.last() - offset; late >= 0 && late <= latest {
			j.rx.latency, j.rx.learnt = late, true
		}
	}
	offset += j.rx.latency
	j.rx.count = 0
	if !j.known() || abs(offset-j.track.last()) > jitter {
		j.adopt(stamp, offset, jitter)
	}
	j.rx.at = stamp
	j.confirm(frame.GNSS, receiver, stamp)
}

// refine follows a receiver that is believed: slowly, as the crystal drifts, or
// at once where it corrects itself, as after learning how many leap seconds
// there have been.
func (j *judge) refine(offset, stamp int64) {
	d := offset - j.track.last()
	switch {
	case abs(d) <= wrong:
		if best, full := j.rx.gather(offset, false); full && abs(best-j.track.last()) > jitter {
			j.track.drift(0, stamp, best)
			j.moved(jitter)
		}
	case j.leapTold(d, stamp):
		old := j.track.last()
		j.track.insert(midnight(stamp+old)-old, -1e9)
		j.save()
	default:
		j.rx.count = 0
		j.adopt(stamp, offset, jitter)
	}
	j.rx.at = stamp
	j.confirm(frame.GNSS, receiver, stamp)
}

// leapTold reports whether a receiver that went back by d has just passed an
// inserted second: they come at the end of a month only.
func (j *judge) leapTold(d, stamp int64) bool {
	if abs(d+1e9) > spread {
		return false
	}
	_, _, dayOfMonth := time.Unix(0, stamp+j.track.last()).UTC().Date()
	return dayOfMonth == 1 && (stamp+j.track.last())%day < int64(time.Minute)
}
