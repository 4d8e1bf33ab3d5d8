package clock

import (
	"encoding/json"
	"fmt"

	"github.com/telhub/telhub/uplink/frame"
)

// Boot is what is known of one boot's dates, as it is saved. All times are
// milliseconds: stamps since that boot, the others since 1970.
type Boot struct {
	ID      frame.BootID
	Built   int64 // the earliest date possible at the stamp Since; 0 = not known
	Since   int64
	Alive   int64 // latest stamp known
	Quality frame.ClockQuality
	Until   int64   // last stamp at which Quality held
	Points  []Point // course of the offset; empty = no date is known
	Leap    Point   // leap second: stamp and step; step 0 = none
}

// Point is an offset at a stamp.
type Point struct {
	At     int64 `json:"at"`
	Offset int64 `json:"offset"`
}

// bootJSON is a Boot's form in a file.
type bootJSON struct {
	ID      string  `json:"id"`
	Built   int64   `json:"built,omitzero"`
	Since   int64   `json:"since,omitzero"`
	Alive   int64   `json:"alive"`
	Quality string  `json:"quality"`
	Until   int64   `json:"until,omitzero"`
	Points  []Point `json:"points,omitzero"`
	Leap    Point   `json:"leap,omitzero"`
}

// MarshalJSON implements json.Marshaler.
func (b Boot) MarshalJSON() ([]byte, error) {
	return json.Marshal(bootJSON{
		b.ID.String(), b.Built, b.Since, b.Alive, b.Quality.String(), b.Until, b.Points, b.Leap,
	})
}

// UnmarshalJSON implements json.Unmarshaler.
func (b *Boot) UnmarshalJSON(data []byte) error {
	var f bootJSON
	if err := json.Unmarshal(data, &f); err != nil {
		return err
	}
	id, err := parseBootID(f.ID)
	if err != nil {
		return err
	}
	for q := frame.Unset; q <= frame.GNSS; q++ {
		if q.String() == f.Quality {
			*b = Boot{id, f.Built, f.Since, f.Alive, q, f.Until, f.Points, f.Leap}
			return nil
		}
	}
	return fmt.Errorf("boot %s: quality %q is none of unset, holdover, ntp, gnss", f.ID, f.Quality)
}

// export gives b in milliseconds.
func (b *boot) export() Boot {
	out := Boot{
		ID: b.id, Built: b.built / 1e6, Since: b.since / 1e6, Alive: b.alive / 1e6, Quality: b.quality,
		Until: b.until / 1e6, Leap: Point{b.track.leap.at / 1e6, b.track.leap.step / 1e6},
	}
	for _, p := range b.track.p[:b.track.n] {
		out.Points = append(out.Points, Point{p.at / 1e6, millis(p.offset)})
	}
	return out
}

// load is the reverse of export. What no run can have written, times beyond
// 2262 or points out of order, is left out; the boot then has no date.
func load(in Boot) boot {
	b := boot{id: in.ID}
	if !fits(in.Built, in.Since, in.Alive, in.Until, in.Leap.At, in.Leap.Offset) || in.Alive < 0 {
		return b
	}
	b.built, b.since, b.alive, b.until = in.Built*1e6, in.Since*1e6, in.Alive*1e6, min(in.Until, in.Alive)*1e6
	if len(in.Points) == 0 || len(in.Points) > maxPoints || in.Quality == frame.Unset {
		return b
	}
	var t track
	for i, p := range in.Points {
		if !fits(p.At, p.Offset) || i > 0 && p.At < in.Points[i-1].At {
			return b
		}
		if i > 0 && p.At == in.Points[i-1].At { // less than a millisecond apart
			t.n--
		}
		t.add(point{p.At * 1e6, p.Offset * 1e6})
	}
	t.leap = leap{in.Leap.At * 1e6, in.Leap.Offset * 1e6}
	b.quality, b.track = in.Quality, t
	return b
}

// fits reports whether times in milliseconds fit 64 bits of nanoseconds, sums
// of two included.
func fits(times ...int64) bool {
	const limit = int64(1<<62) / 1e6
	for _, t := range times {
		if t < -limit || t > limit {
			return false
		}
	}
	return true
}
