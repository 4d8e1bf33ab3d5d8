package clock

import (
	"github.com/telhub/telhub/uplink/frame"
)

// MaxBoots is how many boots the table holds; older ones are forgotten.
const MaxBoots = 64

// boot is what is known of one boot, in ns; Boot is its exported form.
type boot struct {
	id      frame.BootID
	built   int64 // since 1970: NotBefore of the first program that ran in it; 0 = not known
	since   int64 // stamp at which that program started
	alive   int64 // latest stamp known
	quality frame.ClockQuality
	until   int64 // last stamp at which quality held; later ones are Holdover
	track   track
}

// confirmed reports whether the boot's dates can bound those of others.
func (b *boot) confirmed() bool { return b.quality >= frame.NTP && b.track.n > 0 }

// of is the best date for a stamp of the boot.
func (b *boot) of(stamp int64) frame.Dating {
	if b.quality == frame.Unset || b.track.n == 0 {
		return frame.Dating{}
	}
	d := frame.Dating{Offset: millis(b.track.at(stamp)), Quality: b.quality}
	if b.confirmed() && stamp > b.until {
		d.Quality = frame.Holdover
	}
	return d
}

// table lists boots, oldest first. The last one is the running one.
type table struct {
	n int
	b [MaxBoots]boot
}

func (t *table) running() *boot { return &t.b[t.n-1] }

// add appends a boot and forgets the oldest when the table is full.
func (t *table) add(b boot) {
	if t.n == MaxBoots {
		copy(t.b[:], t.b[1:])
		t.n--
	}
	t.b[t.n] = b
	t.n++
}

// find returns the position of a boot, -1 when it is not in the table.
func (t *table) find(id frame.BootID) int {
	for i := t.n - 1; i >= 0; i-- {
		if t.b[i].id == id {
			return i
		}
	}
	return -1
}

// after is the earliest wall time that a stamp of boot i can have; 0 = not
// known. Boots follow each other, so each one began after the end of the one
// before, and a program runs after it was built. Dates that nobody confirmed
// bound nothing: they may be wrong.
func (t *table) after(i int, stamp int64) int64 {
	var end int64 // no boot from k on began before
	for k := range i + 1 {
		b := &t.b[k]
		start := end
		if b.built != 0 {
			start = max(start, b.built-b.since)
		}
		if k == i {
			end = start
			break
		}
		switch {
		case b.confirmed():
			end = max(start, b.track.at(b.alive)) + b.alive
		case start != 0:
			end = start + b.alive
		}
	}
	if end == 0 {
		return 0
	}
	return end + stamp
}

// before is the latest wall time that a stamp of boot i can have; 0 = not known.
func (t *table) before(i int, stamp int64) int64 {
	var start int64 // all boots up to k ended before
	for k := t.n - 1; k > i; k-- {
		b := &t.b[k]
		switch {
		case b.confirmed():
			start = b.track.at(0)
		case start != 0:
			start -= b.alive
		}
	}
	if start == 0 {
		return 0
	}
	return start - max(0, t.b[i].alive-stamp)
}

// beforeAll is the latest wall time that anything of a boot before the running
// one can have; 0 = not known.
func (t *table) beforeAll() int64 {
	if b := t.running(); b.confirmed() {
		return b.track.at(0)
	}
	return 0
}
