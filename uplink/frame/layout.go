package frame

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// Limits of the compact format. A decoder refuses what goes beyond them
// before it reserves memory for it.
const (
	MaxSamples  = 1 << 16 // samples in a frame
	MaxChannels = 1 << 12 // channels in a frame
	MaxName     = 255     // bytes of a channel's name
	MaxUnit     = 63      // bytes of a unit
	MaxText     = 1 << 18 // bytes of all names and units of a frame

	groupSize = 64 // channels of a group; larger ones are split
	version   = 1  // first byte of a payload
)

// models holds every probability of a stream. All start at one half.
type models struct {
	count  numModel // groups, channels, rows, events
	length numModel // bytes of names and units
	char   [256]prob
	word   [1 << tableBits]prob
	unit   [1 << tableBits]prob

	dense   prob
	present [groupSize][4]prob

	kind    [8]prob
	places  [wirePlaces + 1]prob
	factor  numModel // unit of a decimal scale, parts of a fraction
	misses  prob
	missing prob

	times  columnModel
	values columnModel

	skip    numModel // values between two events
	event   numModel // its kind and code
	channel numModel // its channel
	stamp   numModel // its stamp
}

// place is where a schema's channel stands in frames.
type place struct {
	group uint16 // dense number of its group
	slot  uint8  // its place in the group
	word  uint8  // number of the word that ends its name
	unit  uint8  // number of its unit
}

// layout is what the encoder precomputes from a schema.
type layout struct {
	places  []place
	groups  [][]uint16 // channels of each group, ascending
	text    int        // worst bytes of a dictionary of all channels
	longest int        // the same of its longest entry
	widest  int        // channels of the widest group
}

// CheckSchema reports what keeps s from being encoded.
func CheckSchema(s *Schema) error {
	if len(s.Channels) > MaxChannels {
		return fmt.Errorf("%d channels: at most %d fit into a frame; split the board into two devices", len(s.Channels), MaxChannels)
	}
	text := 0
	for i := range s.Channels {
		c := &s.Channels[i]
		switch {
		case c.Name == "":
			return fmt.Errorf("channel %d has no name", i)
		case !utf8.ValidString(c.Name) || !utf8.ValidString(c.Unit):
			return fmt.Errorf("channel %q: name or unit %q is not UTF-8", c.Name, c.Unit)
		case len(c.Name) > MaxName:
			return fmt.Errorf("channel %q: name has %d bytes, at most %d are allowed", c.Name, len(c.Name), MaxName)
		case len(c.Unit) > MaxUnit:
			return fmt.Errorf("channel %q: unit %q has %d bytes, at most %d are allowed", c.Name, c.Unit, len(c.Unit), MaxUnit)
		}
		text += len(c.Name) + len(c.Unit)
	}
	if text > MaxText {
		return fmt.Errorf("names and units have %d bytes, at most %d are allowed; shorten the sensors' names", text, MaxText)
	}
	return nil
}

// newLayout prepares s, which passed CheckSchema.
func newLayout(s *Schema) layout {
	l := layout{places: make([]place, len(s.Channels))}
	open := map[uint16]int{} // group of the schema → its last group here
	for i := range s.Channels {
		c := &s.Channels[i]
		g, ok := open[c.Group]
		if !ok || len(l.groups[g]) == groupSize {
			g = len(l.groups)
			open[c.Group] = g
			l.groups = append(l.groups, nil)
		}
		l.places[i] = place{uint16(g), uint8(len(l.groups[g])), wordOf(c.Name), unitOf(c.Unit)}
		l.groups[g] = append(l.groups[g], uint16(i))
		l.widest = max(l.widest, len(l.groups[g]))
		entry := len(c.Name) + len(c.Unit) + entryBytes
		l.text += entry
		l.longest = max(l.longest, entry)
	}
	return l
}

// The worst case in bits, when every bit is coded with probability one half.
// A number of class c takes 4 bits (10 from class 15) and c-1 below its
// leading one; a sign takes one more. Stamps of nanoseconds in 64 bits differ
// by less than 2^45 ms, their differences by less than 2^46.
const (
	entryBytes = 16 // 57 bits of lengths, numbers, scale and predictor; 48 of a group with one channel
	valueBits  = 10 + 63 + 1
	stampBits  = 10 + 45 + 1
	frameBytes = 1 + 6 + 1 + flushSize // version; numbers of groups and events; renormalisation; end
)

// maxPayload returns the worst size of a frame of n samples. An event (at most
// 26+15+54+5+5 bits) takes less than a value in a row of its own. Cutting a
// range of 2^24 or more into 2^16 whole parts wastes less than 1/177 of a bit,
// so a part in 128 is more than enough for the coder's losses.
func (l *layout) maxPayload(n int) int {
	bits := valueBits + stampBits
	if l.widest > 1 {
		bits += l.widest
	}
	plain := frameBytes + min(l.text, n*l.longest) + (n*bits+7)/8
	return plain + plain/128 + 4
}

// MaxPayload returns how many bytes a payload of n samples of s can take at
// most, whatever their values.
func MaxPayload(s *Schema, n int) int {
	l := newLayout(s)
	return l.maxPayload(n)
}

// errors of Encode, all of them a caller's mistakes.
var (
	errTooMany  = errors.New("compact: more samples than the encoder was made for")
	errCapacity = errors.New("compact: payload capacity is below MaxPayload")
	errChannel  = errors.New("compact: sample of a channel that the schema does not have")
	errKind     = errors.New("compact: sample of unknown kind or quality")
	errAlarm    = errors.New("compact: sample of unknown alarm state")
	errFinite   = errors.New("compact: value is not a finite number")
)
