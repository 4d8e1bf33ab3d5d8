package clock

import (
	"fmt"
	"time"

	"github.com/telhub/telhub/uplink/frame"
)

// Status describes the clock for people.
type Status struct {
	frame.Dating
	Source  string // where the date comes from; "" while there is none
	Jumps   uint64 // steps of the wall clock since the start, followed or not
	Redated uint64 // corrections that moved the dates of older samples of this boot
	Trouble string // what is wrong and what happens about it; "" = nothing
}

// Status returns what is known and how.
func (c *Clock) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refreshLocked()
	j := &c.judge
	return Status{Dating: j.dating(), Source: j.describe(), Jumps: j.jumps, Redated: j.changes, Trouble: j.trouble()}
}

// describe names the source of the date.
func (j *judge) describe() string {
	held := j.quality == frame.Holdover
	switch {
	case j.source == synced && held:
		return "the kernel's clock as it was when last synchronised"
	case j.source == receiver && held:
		return "a satellite receiver, not heard of late"
	case j.source == synced:
		return "the kernel's clock, synchronised"
	case j.source == receiver:
		return "a satellite receiver"
	case j.source == wall:
		return "the kernel's clock, not confirmed since it was set"
	case j.source == saved:
		return "the kernel's clock as an earlier run of this boot found it, not confirmed"
	case j.source == chip:
		return "the clock chip, not confirmed"
	}
	return ""
}

// told is the least difference between the wall clock and the offset in force
// that is worth words.
const told = int64(100 * time.Millisecond)

// trouble says what is wrong with the date.
func (j *judge) trouble() string {
	confirmed := j.quality >= frame.NTP
	now := j.kernel.boot + j.kernel.offset
	switch {
	case j.rx.refused != 0 && !confirmed:
		return fmt.Sprintf("the satellite receiver says %s, which is before this program was built: its week counter has rolled over; "+
			"its dates are not used, update its firmware or let NTP set the clock", date(j.rx.refused*1e6))
	case confirmed:
		return ""
	case j.kernel.synced && now < j.notBefore:
		return fmt.Sprintf("the kernel's clock is synchronised to %s, which is before this program was built; "+
			"check the time server; %s", date(now), j.goesOn())
	case !j.known():
		return fmt.Sprintf("the date is not known: the clock says %s; samples carry the time since boot "+
			"and are dated when NTP, a satellite receiver or a clock chip tells it", date(now))
	case now < j.notBefore:
		return fmt.Sprintf("the wall clock was set to %s, which is before this program was built; %s", date(now), j.goesOn())
	}
	if text := j.disagreement(); text != "" {
		return text
	}
	if j.kernel.err != nil {
		return fmt.Sprintf("the kernel does not say whether its clock is synchronised (adjtimex: %v); "+
			"with systemd, ProtectClock=no lets it", j.kernel.err)
	}
	return ""
}

func (j *judge) goesOn() string {
	if !j.known() {
		return "no date is used until that is mended"
	}
	return "dates go on as before"
}

// disagreement says that the wall clock was set and is not followed.
func (j *judge) disagreement() string {
	d := j.kernel.offset - j.track.last()
	if abs(d) <= told || j.source == chip || j.source == saved {
		return ""
	}
	by, set, stands := span(d), "back", "behind"
	if d > 0 {
		set, stands = "forward", "ahead of"
	}
	if j.confirmed != frame.Unset {
		return fmt.Sprintf("the wall clock stands %s %s the date that was confirmed last, and nobody confirms it; "+
			"dates go on as before until the clock is synchronised", by, stands)
	}
	return fmt.Sprintf("the wall clock was set %s by %s and nobody confirms either date; "+
		"dates go on as before until the clock is synchronised or telhub restarts", set, by)
}

// span rounds a difference for people.
func span(d int64) time.Duration {
	if abs(d) < 1e9 {
		return time.Duration(abs(d)).Round(time.Millisecond)
	}
	return time.Duration(abs(d)).Round(time.Second)
}

func date(ns int64) string { return time.Unix(0, ns).UTC().Format("2006-01-02 15:04:05 UTC") }
