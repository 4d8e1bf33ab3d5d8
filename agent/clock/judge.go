package clock

import (
	"time"

	"github.com/telhub/telhub/uplink/frame"
)

const (
	// noise is what a measured offset may differ by without being a change.
	noise = int64(2 * time.Millisecond)
	// undone is how close to an earlier offset a step back must come to count
	// as the undoing of a step.
	undone = int64(10 * time.Second)
	// receiverAge is how long a receiver's word confirms the date: in it, a
	// poor crystal (50 ppm) drifts by 30 ms, less than NMEA is late anyhow.
	receiverAge = int64(10 * time.Minute)
	// crystal bounds how fast a clock that nobody steers drifts: one part in it,
	// 100 ppm.
	crystal = int64(10_000)
	// worth is what a receiver may move the offset by before that is saved.
	worth = int64(100 * time.Millisecond)

	day     = int64(24 * time.Hour)
	maxPast = 8
)

// source is where the offset in force comes from.
type source uint8

const (
	nobody   source = iota
	chip            // a real-time clock
	saved           // this boot's entry in the table, never confirmed
	wall            // the kernel's clock as it stands
	synced          // the kernel's clock while it was synchronised
	receiver        // GNSS
)

// judge decides which offset is in force and how good it is. It is a pure
// state machine: readings go in, all times are arguments. Zero but for
// notBefore, it knows nothing.
type judge struct {
	notBefore int64 // ns since 1970; no true date is earlier

	track     track
	quality   frame.ClockQuality // now
	source    source             // of the offset in force
	confirmed frame.ClockQuality // NTP or GNSS: what confirmed the offset last; Unset: nothing did
	until     int64              // the last stamp at which it was confirmed

	past  [maxPast]int64 // offsets that were in force unconfirmed, a ring
	pasts int

	read    bool    // a reading was taken
	kernel  reading // the last one
	step    int64   // the wall clock's offset since its last step
	jumps   uint64  // steps of the wall clock
	changes uint64  // changes of the offset in force that moved older dates
	version uint64  // grows with all that is worth saving
	stored  int64   // the offset that version stands for

	rx rx
}

// known reports whether there is an offset.
func (j *judge) known() bool { return j.track.n > 0 }

// observe takes a reading of the kernel's clock.
func (j *judge) observe(r reading) {
	j.countStep(r)
	wasLeap := j.read && j.kernel.leap
	j.read, j.kernel = true, r
	plausible := r.boot+r.offset >= j.notBefore
	switch {
	case r.synced && plausible:
		j.synchronised(r, wasLeap)
	case j.confirmed != frame.Unset && j.rx.current(r.boot):
		j.quality, j.source = frame.GNSS, receiver
		j.confirmed, j.until = frame.GNSS, max(j.until, j.rx.at)
	case j.confirmed != frame.Unset:
		j.quality = frame.Holdover
	case plausible:
		j.unconfirmed(r)
	}
}

// countStep counts a step of the wall clock, followed or not.
func (j *judge) countStep(r reading) {
	switch {
	case !j.read:
		j.step = r.offset
	case abs(r.offset-j.step) > noise+r.slack:
		j.step = r.offset
		j.jumps++
	}
}

// synchronised adopts the offset of a kernel that is.
func (j *judge) synchronised(r reading, wasLeap bool) {
	at, step, isLeap := j.leapOf(r, wasLeap)
	switch {
	case isLeap:
		j.track.insert(at, step)
		j.track.p[j.track.n-1].offset = r.offset
		j.save()
	case !j.known() || abs(r.offset-j.track.last()) > noise+r.slack:
		j.adopt(r.boot, r.offset, 0)
	}
	j.confirm(frame.NTP, synced, r.boot)
}

// leapOf tells a leap second from a correction: the kernel says so, and the
// offset changed by exactly a second. The inserted second begins at midnight
// by the old offset, what follows a deleted one at midnight by the new.
func (j *judge) leapOf(r reading, wasLeap bool) (at, step int64, ok bool) {
	if !(r.leap || wasLeap) || j.confirmed == frame.Unset {
		return 0, 0, false
	}
	old := j.track.last()
	switch d := r.offset - old; {
	case abs(d+1e9) <= noise+r.slack:
		return midnight(r.boot+old) - old, -1e9, true
	case abs(d-1e9) <= noise+r.slack:
		return midnight(r.boot+r.offset) - r.offset, 1e9, true
	}
	return 0, 0, false
}

// midnight is the last one before a wall time, in UTC.
func midnight(wall int64) int64 { return wall - wall%day }

// unconfirmed weighs a plausible date that nobody vouches for.
func (j *judge) unconfirmed(r reading) {
	switch {
	case !j.known():
	case j.source == chip || j.source == saved: // the wall clock is worth more
		j.remember(j.track.last())
	case r.offset-j.track.last() > noise+r.slack, j.undoes(r):
		j.remember(j.track.last())
	default:
		return
	}
	j.adopt(r.boot, r.offset, 0)
	j.rate(frame.Holdover, wall)
}

// undoes reports whether a step back leads to an offset that was in force.
func (j *judge) undoes(r reading) bool {
	if r.offset-j.track.last() >= -noise-r.slack {
		return false
	}
	for _, p := range j.past[:min(j.pasts, maxPast)] {
		if abs(r.offset-p) <= undone {
			return true
		}
	}
	return false
}

func (j *judge) remember(offset int64) {
	j.past[j.pasts%maxPast] = offset
	j.pasts++
}

// fallback offers the date of a clock chip. It counts only as long as nothing
// better is known.
func (j *judge) fallback(boot, offset int64) {
	if j.known() || boot+offset < j.notBefore {
		return
	}
	j.adopt(boot, offset, 0)
	j.rate(frame.Holdover, chip)
}

// restore takes over what an earlier run knew of this boot. What was confirmed
// stays in force until it is again; what was not yields to any plausible date.
func (j *judge) restore(b *boot) {
	if b.track.n == 0 || b.quality == frame.Unset {
		return
	}
	j.track, j.stored = b.track, b.track.last()
	if b.quality == frame.Holdover {
		j.rate(frame.Holdover, saved)
		return
	}
	j.quality, j.confirmed, j.until = frame.Holdover, b.quality, b.until
	j.source = synced
	if b.quality == frame.GNSS {
		j.source = receiver
	}
}

// adopt changes the offset in force. If it was confirmed before and changes by
// no more than a crystal drifts since then, plus the jitter of its source, it ran
// away in that time; otherwise it was wrong from the start.
func (j *judge) adopt(now, offset, jitter int64) {
	switch {
	case !j.known():
		j.track.correct(now, offset)
	case j.confirmed != frame.Unset && abs(offset-j.track.last()) <= (now-j.until)/crystal+jitter:
		j.track.drift(j.until, now, offset)
	default:
		j.track.correct(now, offset)
		j.changes++
	}
	j.moved(jitter)
}

// moved notes for saving that the offset has changed, where its source makes
// that worth a write.
func (j *judge) moved(jitter int64) {
	least := noise
	if jitter > 0 {
		least = worth
	}
	if abs(j.track.last()-j.stored) > least {
		j.save()
	}
}

// confirm notes that the offset in force is right at now.
func (j *judge) confirm(q frame.ClockQuality, s source, now int64) {
	if j.confirmed == frame.Unset {
		j.save()
	}
	j.confirmed, j.until = q, max(j.until, now)
	j.rate(q, s)
}

func (j *judge) rate(q frame.ClockQuality, s source) {
	if j.quality == frame.Unset && j.confirmed == frame.Unset {
		j.save()
	}
	j.quality, j.source = q, s
}

func (j *judge) save() {
	j.version++
	if j.known() {
		j.stored = j.track.last()
	}
}

// dating is what is known now.
func (j *judge) dating() frame.Dating {
	if !j.known() {
		return frame.Dating{}
	}
	return frame.Dating{Offset: millis(j.track.last()), Quality: j.quality}
}

// of is what is known for a stamp of this boot.
func (j *judge) of(stamp int64) frame.Dating {
	if !j.known() {
		return frame.Dating{}
	}
	d := frame.Dating{Offset: millis(j.track.at(stamp)), Quality: j.quality}
	if j.confirmed != frame.Unset && stamp <= j.until {
		d.Quality = j.confirmed
	}
	return d
}

// millis rounds ns to the nearest ms.
func millis(ns int64) int64 {
	ns += 5e5
	q := ns / 1e6
	if ns%1e6 < 0 {
		q--
	}
	return q
}
