package frame

import (
	"github.com/telhub/telhub/drivers"
)

// Encoder turns samples into frames. It belongs to one goroutine.
type Encoder struct {
	schema *Schema
	layout layout
	max    int

	rc     rangeEnc
	m      models
	fitter fitter

	groups []run    // by dense group number
	seen   []uint16 // groups of this frame in order of first appearance
	order  []uint32 // samples in decoded order
	rows   []row
	stamps []int64   // of the rows, relative to t0
	values []float64 // of the group, column by column
	ints   []int64   // of one column
	index  []uint16  // dictionary index by schema channel, while encoding
	last   string    // name coded last
	t0     int64
}

// run is what a frame holds of one group.
type run struct {
	start, end uint32 // its part of order
	values     uint32
	events     uint32
	carries    uint64 // slots with values
	mentions   uint64 // slots with values or events
}

// row is one reading of a group.
type row struct {
	stamp   int64
	present uint64
}

// NewEncoder returns an encoder for frames of up to maxSamples samples of s,
// which it keeps. It panics when s does not pass CheckSchema or maxSamples
// exceeds MaxSamples.
func NewEncoder(s *Schema, maxSamples int) *Encoder {
	if err := CheckSchema(s); err != nil {
		panic("frame: NewEncoder: " + err.Error())
	}
	if maxSamples < 1 || maxSamples > MaxSamples {
		panic("frame: NewEncoder: maxSamples out of range")
	}
	l := newLayout(s)
	return &Encoder{
		schema: s, layout: l, max: maxSamples,
		fitter: fitter{y: make([]float64, 0, maxSamples)},
		groups: make([]run, len(l.groups)),
		seen:   make([]uint16, 0, len(l.groups)),
		order:  make([]uint32, maxSamples),
		rows:   make([]row, 0, maxSamples),
		stamps: make([]int64, 0, maxSamples),
		values: make([]float64, maxSamples),
		ints:   make([]int64, 0, maxSamples),
		index:  make([]uint16, len(s.Channels)),
	}
}

// Encode fills f's payload, N, T0 and T1 with samples, in the order that
// docs/wire.md gives as "decoded order". f's payload must have the capacity
// that MaxPayload asks for; it never grows. Errors are a caller's mistakes:
// any values and stamps can be encoded. It does not allocate.
func (e *Encoder) Encode(f *Frame, samples []drivers.Sample) error {
	if len(samples) > e.max {
		return errTooMany
	}
	bound := e.layout.maxPayload(len(samples))
	if cap(f.Payload) < bound {
		return errCapacity
	}
	t1, err := e.sort(samples)
	if err != nil {
		return err
	}
	buf := f.Payload[:0:bound]
	e.write(buf, samples, false)
	if e.rc.over {
		e.write(buf, samples, true)
	}
	f.Kind = Data
	f.N, f.T0, f.T1 = uint32(len(samples)), e.t0, t1
	f.Payload = f.Payload[:len(e.rc.buf)]
	return nil
}

// millis rounds nanoseconds to milliseconds, halves up.
func millis(ns int64) int64 {
	ms, rest := ns/1e6, ns%1e6
	if rest < 0 {
		ms, rest = ms-1, rest+1e6
	}
	if rest >= 5e5 {
		ms++
	}
	return ms
}

// sort finds the first and last stamp and brings the samples into decoded
// order: group by group in order of first appearance, each as it came.
func (e *Encoder) sort(samples []drivers.Sample) (t1 int64, err error) {
	clear(e.groups)
	e.seen = e.seen[:0]
	e.t0 = 0
	for i := range samples {
		s := &samples[i]
		if err := e.count(s); err != nil {
			return 0, err
		}
		t := millis(s.Stamp)
		if i == 0 {
			e.t0, t1 = t, t
		}
		e.t0, t1 = min(e.t0, t), max(t1, t)
	}
	var start uint32
	for _, g := range e.seen {
		r := &e.groups[g]
		r.start, r.end = start, start
		start += r.values + r.events
	}
	for i := range samples {
		r := &e.groups[e.layout.places[samples[i].Channel].group]
		e.order[r.end] = uint32(i)
		r.end++
	}
	return t1, nil
}

// count enters a sample into the statistics of its group.
func (e *Encoder) count(s *drivers.Sample) error {
	if int(s.Channel) >= len(e.layout.places) {
		return errChannel
	}
	p := e.layout.places[s.Channel]
	r := &e.groups[p.group]
	if r.mentions == 0 {
		e.seen = append(e.seen, p.group)
	}
	r.mentions |= 1 << p.slot
	switch {
	case s.Kind == drivers.KindValue && s.Value-s.Value != 0:
		return errFinite
	case s.Kind == drivers.KindValue:
		r.values++
		r.carries |= 1 << p.slot
	case s.Kind == drivers.KindStatus && s.Quality <= drivers.Lost:
		r.events++
	case s.Kind == drivers.KindAlarm && s.Alarm > drivers.AlarmStale:
		return errAlarm
	case s.Kind == drivers.KindAlarm:
		r.events++
	default:
		return errKind
	}
	return nil
}

// write codes the whole frame into buf. With frozen probabilities it fits
// into maxPayload, whatever it holds.
func (e *Encoder) write(buf []byte, samples []drivers.Sample, frozen bool) {
	e.m = models{}
	e.rc.reset(append(buf, version), false)
	flag := uint64(0)
	if frozen {
		flag = 1
	}
	e.rc.direct(flag, 1)
	e.rc.frozen = frozen
	e.rc.number(&e.m.count, uint64(len(e.seen)))
	e.last = ""
	var channels uint16
	for _, g := range e.seen {
		channels = e.dictionary(g, channels)
		e.group(g, samples)
	}
	e.events(samples)
	e.rc.flush()
}

// dictionary codes the channels of group g and numbers them from first.
func (e *Encoder) dictionary(g uint16, first uint16) uint16 {
	r := &e.groups[g]
	n := 0
	for slot, c := range e.layout.groups[g] {
		if r.mentions>>slot&1 != 0 {
			e.index[c] = first + uint16(n)
			n++
		}
	}
	e.rc.number(&e.m.count, uint64(n))
	for slot, c := range e.layout.groups[g] {
		if r.mentions>>slot&1 != 0 {
			e.name(c)
		}
	}
	return first + uint16(n)
}

// name codes a channel's name by what it shares with the name before, what
// is new, and a word that ends it; then its unit.
func (e *Encoder) name(c uint16) {
	ch, p := &e.schema.Channels[c], e.layout.places[c]
	end := len(ch.Name) - len(words[p.word])
	shared := 0
	for shared < min(end, len(e.last)) && ch.Name[shared] == e.last[shared] {
		shared++
	}
	e.last = ch.Name
	e.rc.number(&e.m.length, uint64(shared))
	e.text(ch.Name[shared:end])
	e.rc.tree(e.m.word[:], tableBits, uint32(p.word))
	e.rc.tree(e.m.unit[:], tableBits, uint32(p.unit))
	if p.unit == 0 {
		e.text(ch.Unit)
	}
}

func (e *Encoder) text(s string) {
	e.rc.number(&e.m.length, uint64(len(s)))
	for i := range len(s) {
		e.rc.tree(e.m.char[:], 8, uint32(s[i]))
	}
}
