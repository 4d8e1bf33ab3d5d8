package nmea

import (
	"time"

	"github.com/telhub/telhub/drivers"
)

// FixTime is what the receiver's clock said at a valid fix. It is the
// receiver's own word: a week counter that rolled over shows as a date years
// off, so compare it with a date that cannot be wrong before setting a clock.
type FixTime struct {
	UTC   time.Time
	Stamp int64 // arrival of the epoch's first byte, nanoseconds of CLOCK_BOOTTIME
	Fix   int   // kind of fix, as in the output fix
}

// Time gives date and time of the last valid fix; ok is false until there was
// one with a date (from RMC, or from a ZDA at most ten seconds away).
func (d *Decoder) Time() (t FixTime, ok bool) { return d.lastFix, !d.lastFix.UTC.IsZero() }

// calendar is a date with the time of day that it was said for.
type calendar struct {
	date  int64
	time  time.Duration
	stamp int64
	known bool
}

const (
	dateAge = int64(10 * time.Second)
	halfDay = 12 * time.Hour
)

// keepTime notes the epoch's instant if it is a dated valid fix, and tells it
// as the reading's UTC.
func (d *Decoder) keepTime(dst *drivers.Reading) {
	e := &d.epoch
	if e.verdict != valid || e.instant == unknownTime {
		return
	}
	date, ok := e.date, e.date != 0
	if !ok {
		date, ok = d.dated.near(e.instant, e.stamp)
	}
	if !ok {
		return
	}
	stamp := e.stamp
	if d.sent.instant == e.instant {
		stamp = d.sent.stamp
	}
	fix := int(e.values[outFix])
	d.lastFix = FixTime{UTC: time.Unix(date*86400, int64(e.instant)).UTC(), Stamp: stamp, Fix: fix}
	if !d.sent.told && !dst.Empty() && measured(fix) && e.heard-e.stamp <= strange {
		d.sent.told = true
		dst.UTC = date*86_400_000 + e.instant.Milliseconds()
	}
}

// strange is how long before a receiver's first sentence another instrument
// may have opened the epoch: the reading's stamp is that sentence's, and would
// be too early for the receiver's time.
const strange = int64(50 * time.Millisecond)

// measured reports whether a kind of fix comes from satellites; estimated,
// manual and simulated ones vouch for no time.
func measured(fix int) bool { return fix >= 1 && fix <= 5 }

// near gives the date of a time of day that lies close to the calendar's, on
// the other side of midnight if need be.
func (c *calendar) near(t time.Duration, stamp int64) (date int64, ok bool) {
	if !c.known || stamp-c.stamp > dateAge || c.stamp-stamp > dateAge {
		return 0, false
	}
	switch diff := t - c.time; {
	case diff > halfDay:
		return c.date - 1, true
	case diff < -halfDay:
		return c.date + 1, true
	}
	return c.date, true
}

// parseDate reads ddmmyy. Years from 80 on are of the last century, as a
// receiver says after a week rollover. ok is false for no date or no such day.
func parseDate(b []byte) (date int64, ok bool) {
	if len(b) != 6 {
		return 0, false
	}
	v, ok := parseDecimal(b)
	if !ok || v.places != 0 || v.mant < 0 {
		return 0, false
	}
	year := 2000 + v.mant%100
	if year >= 2080 {
		year -= 100
	}
	return days(year, v.mant/100%100, v.mant/10000)
}

// days counts from 1970-01-01 and refuses what is not in the calendar.
func days(year, month, day int64) (int64, bool) {
	if year < 1980 || year > 9999 || month < 1 || month > 12 || day < 1 || day > 31 {
		return 0, false
	}
	t := time.Date(int(year), time.Month(month), int(day), 0, 0, 0, 0, time.UTC)
	if t.Day() != int(day) {
		return 0, false
	}
	return t.Unix() / 86400, true
}
