package nmea

import (
	"time"

	"github.com/telhub/telhub/drivers"
)

// frozenAfter is how long a receiver's clock may stand still before a
// repeated time counts as a new instant.
const frozenAfter = int64(5 * time.Second)

// epoch collects the sentences of one instant.
type epoch struct {
	open     bool
	stamp    int64
	heard    int64         // arrival of the receiver's first sentence; 0 = none yet
	instant  time.Duration // UTC time of day; unknownTime while no sentence said
	fraction bool
	verdict  verdict
	date     int64 // days since 1970 from a sentence of this instant; 0 = none

	rank   [numOutputs]uint8
	values [numOutputs]float64

	seen   [numKinds]uint16 // the talker heard last of each kind; 0 = none
	source source           // where lat and lon are from
	used   int              // satellites that the GSA sentences list
	inView [numSystems]uint8
}

// source tells sentences apart that may repeat with another content.
type source struct {
	kind   kind
	talker uint16
}

// sent remembers what the last instant has already given.
type sent struct {
	instant  time.Duration
	fraction bool
	stamp    int64  // of the first reading of this instant
	told     bool   // a reading of this instant had UTC
	outputs  uint64 // of ofEpoch
	source   source
	lat, lon float64
	verdict  verdict // last one heard, in whichever epoch
}

// merge puts s into the epoch. It reports whether the epoch before is complete
// and in dst.
func (d *Decoder) merge(s *sentence, dst *drivers.Reading) (ok bool) {
	if d.epoch.open && d.epoch.endsAt(s) {
		ok = d.flush(dst)
	}
	if s.dateTime != unknownTime {
		d.dated = calendar{date: s.date, time: s.dateTime, stamp: d.begun, known: true}
	}
	if s.kind == zda { // a date only: some receivers announce the second to come
		return ok
	}
	d.epoch.add(s, d.begun)
	return ok
}

// endsAt reports whether s belongs to another instant than the epoch.
func (e *epoch) endsAt(s *sentence) bool {
	again := e.seen[s.kind] == s.talker
	switch {
	case s.kind == xdr: // several make one set; the same transducer again begins the next
		return again && e.hasAny(s)
	case !s.kind.timed():
		return again && s.kind.once()
	}
	if s.time == unknownTime || e.instant == unknownTime {
		return again
	}
	if !sameInstant(s.time, s.fraction, e.instant, e.fraction) {
		return true
	}
	// The same second with another position: a receiver that sends several
	// fixes a second and no decimals. The same position is a mere repetition.
	return again && e.source == source{s.kind, s.talker} && s.rank[outLat] > 0 &&
		(s.values[outLat] != e.values[outLat] || s.values[outLon] != e.values[outLon])
}

// hasAny reports whether the epoch has a value for an output that s has too.
func (e *epoch) hasAny(s *sentence) bool {
	for i, r := range s.rank {
		if r > 0 && e.rank[i] > 0 {
			return true
		}
	}
	return false
}

func sameInstant(a time.Duration, aFraction bool, b time.Duration, bFraction bool) bool {
	if a == unknownTime || b == unknownTime {
		return false
	}
	return a == b || ((!aFraction || !bFraction) && a/time.Second == b/time.Second)
}

func (e *epoch) reset() { *e = epoch{instant: unknownTime} }

func (e *epoch) add(s *sentence, stamp int64) {
	if !e.open {
		e.reset()
		e.open, e.stamp = true, stamp
	}
	e.seen[s.kind] = s.talker
	if e.heard == 0 && s.kind.receiver() {
		e.heard = stamp
	}
	if s.kind.timed() {
		if e.instant == unknownTime || (s.fraction && !e.fraction && s.time != unknownTime) {
			e.instant, e.fraction = s.time, s.fraction
		}
		if s.date != 0 {
			e.date = s.date
		}
		if e.verdict != invalid && s.verdict != silent {
			e.verdict = s.verdict
		}
	}
	if s.rank[outLat] > e.rank[outLat] {
		e.source = source{s.kind, s.talker}
	}
	mode := e.values[outMode]
	for i, r := range s.rank {
		if r > e.rank[i] {
			e.rank[i], e.values[i] = r, s.values[i]
		}
	}
	if s.rank[outMode] > 0 { // the constellations' modes: the best is the fix's
		e.values[outMode] = max(mode, s.values[outMode])
	}
	e.used += s.used
	if s.inView >= 0 {
		// Several signals of a constellation repeat its satellites.
		sys := system(s.talker)
		e.inView[sys] = max(e.inView[sys], uint8(s.inView))
		e.rank[outInView] = 1
	}
}

// flush ends the epoch and writes what is new of it to dst. It reports
// whether there was anything.
func (d *Decoder) flush(dst *drivers.Reading) (ok bool) {
	e := &d.epoch
	if !e.open {
		return false
	}
	e.open = false
	e.complete(d.sent.verdict)
	if e.verdict != silent {
		d.sent.verdict = e.verdict
	}
	before := d.before()
	dst.Reset()
	for i, r := range e.rank {
		if r > 0 && before&(1<<i) == 0 {
			dst.Set(i, e.values[i])
		}
	}
	dst.Stamp = e.stamp
	d.remember()
	d.keepTime(dst)
	return !dst.Empty()
}

// complete derives what no single sentence says, and drops what has no meaning
// without a fix. An epoch without a verdict falls under the one before it.
func (e *epoch) complete(previous verdict) {
	if e.rank[outInView] > 0 {
		total := 0
		for _, n := range e.inView {
			total += int(n)
		}
		e.values[outInView] = float64(total)
	}
	if e.rank[outSatellites] == 0 && e.used > 0 {
		e.rank[outSatellites], e.values[outSatellites] = 1, float64(e.used)
	}
	v := e.verdict
	if v == silent {
		v = previous
	}
	if v != invalid {
		return
	}
	for i := range e.rank {
		if ofFix&(1<<i) != 0 {
			e.rank[i] = 0
		}
	}
	e.rank[outFix] = 0
	if e.verdict == invalid {
		e.rank[outFix], e.values[outFix] = 1, 0
	}
}

// before gives the outputs that an earlier reading of the epoch's instant had.
func (d *Decoder) before() uint64 {
	if d.isLater() {
		return d.sent.outputs
	}
	return 0
}

// isLater reports whether the epoch is a later part of the instant that was
// sent last.
func (d *Decoder) isLater() bool {
	e, s := &d.epoch, &d.sent
	if !sameInstant(e.instant, e.fraction, s.instant, s.fraction) || e.stamp-s.stamp > frozenAfter {
		return false
	}
	moved := e.rank[outLat] > 0 && s.outputs&(1<<outLat) != 0 && e.source == s.source &&
		(e.values[outLat] != s.lat || e.values[outLon] != s.lon)
	return !moved
}

func (d *Decoder) remember() {
	e, s := &d.epoch, &d.sent
	if e.instant == unknownTime {
		return
	}
	if !d.isLater() {
		s.instant, s.fraction, s.stamp, s.outputs, s.told = e.instant, e.fraction, e.stamp, 0, false
	}
	for i, r := range e.rank {
		if r > 0 && ofEpoch&(1<<i) != 0 {
			if i == outLat && s.outputs&(1<<outLat) == 0 {
				s.source, s.lat, s.lon = e.source, e.values[outLat], e.values[outLon]
			}
			s.outputs |= 1 << i
		}
	}
}

const numSystems = 8

// system numbers the constellations by talker.
func system(talker uint16) int {
	switch talker {
	case 'G'<<8 | 'P':
		return 0
	case 'G'<<8 | 'L':
		return 1
	case 'G'<<8 | 'A':
		return 2
	case 'G'<<8 | 'B', 'B'<<8 | 'D':
		return 3
	case 'G'<<8 | 'Q', 'Q'<<8 | 'Z':
		return 4
	case 'G'<<8 | 'I':
		return 5
	case 'G'<<8 | 'N':
		return 6
	}
	return 7
}
