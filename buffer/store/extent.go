package store

import (
	"github.com/telhub/telhub/uplink/frame"
)

// Extent sums up a run of frames.
type Extent struct {
	Frames  int
	N       int64 // samples; -1 when nobody can know
	Samples int64 // in frames of samples; what gap records declare is in N only
	Payload int64 // bytes
	thinned int64 // of N, what was given up before, by thinning
	// T0 and T1 bound the stamps, in milliseconds of CLOCK_BOOTTIME of Boot;
	// T0 can be negative, and means nothing unless T0Known.
	T0, T1  int64
	T0Known bool
	Boot    frame.BootID
	Dating  frame.Dating
}

// join returns the extent of e followed by next.
func (e Extent) join(next Extent) Extent {
	if e.Frames == 0 {
		return next
	}
	if next.Frames == 0 {
		return e
	}
	sum := next
	sum.Frames += e.Frames
	sum.Payload += e.Payload
	sum.Samples += e.Samples
	sum.thinned += e.thinned
	if sum.N += e.N; e.N < 0 || next.N < 0 {
		sum.N = -1
	}
	t0, t1, known := e.T0, e.T1, e.T0Known
	if e.Boot != next.Boot {
		dated := e.Dating.Quality != frame.Unset && next.Dating.Quality != frame.Unset
		shift := e.Dating.Offset - next.Dating.Offset
		t0, t1, known = t0+shift, next.T1, known && dated
		if t0 > next.T0 {
			known = false // by its dates an earlier boot came later: one of the two clocks was wrong
		}
	}
	sum.T0, sum.T1 = min(next.T0, t0), max(next.T1, t1)
	if sum.T0Known = known && next.T0Known; !sum.T0Known {
		sum.T0 = 0
	}
	return sum
}

// extentOf describes one frame. lost is what a gap record declares, if it is
// one: those samples are missing if the gap record itself is lost.
func extentOf(h *header, payload []byte) Extent {
	e := Extent{Frames: 1, N: int64(h.n), Samples: int64(h.n), Payload: int64(h.length),
		T0: h.t0, T1: h.t1, T0Known: true, Boot: h.boot, Dating: h.dating}
	if h.kind == frame.Gap {
		g, err := frame.ParseGapInfo(payload)
		if err != nil {
			g = frame.GapInfo{N: -1}
		}
		e.N, e.Samples, e.T0Known = g.N, 0, g.T0Known
		if thinned(h, &g) {
			e.thinned = max(g.N, 0)
		}
	}
	return e
}

// span is what a segment holds of a lane.
type span struct {
	Extent
	prev, first, last frame.ID // prev = predecessor of first
	parts             [2]part  // by kind
}

// part is what a span holds of Normal frames (0) or of others (1). What
// thinning left in the place of Normal frames counts for neither.
type part struct {
	frames int
	bytes  int64    // as records
	last   frame.ID // and how far it reaches, such gap records included with Normal ones
	t1     int64
}

// kind tells Normal frames (0), which are dropped first, from others (1).
func kind(c frame.Class) int {
	if c == frame.Normal {
		return 0
	}
	return 1
}

// add extends the span by a frame that follows it.
func (s *span) add(id, prev frame.ID, h *header, payload []byte) {
	if s.Frames == 0 {
		s.prev, s.first = prev, id
	}
	s.last = id
	e := extentOf(h, payload)
	s.Extent = s.join(e)
	p := &s.parts[kind(h.class)]
	if e.thinned > 0 {
		p = &s.parts[0]
	} else {
		size, _ := recordBytes(h.length)
		p.frames++
		p.bytes += int64(size)
	}
	if p.last.Epoch != id.Epoch { // of another boot, perhaps
		p.t1 = h.t1
	}
	p.last, p.t1 = id, max(p.t1, h.t1)
}

// thinned reports whether a frame is a gap record that thinning made.
func thinned(h *header, g *frame.GapInfo) bool {
	return h.class != frame.Normal && g.Cause == frame.StoreFull && g.Frames != 0
}

// Note remembers frames that the store gave up, until its consumer is past
// them.
type Note struct {
	Lane     frame.Lane
	From, To frame.ID // the range (From, To]
	Cause    frame.Cause
	Apart    bool `json:",omitempty"` // what lies before was in flight: not to be joined with it
	Extent

	doubt uint64 // samples that are lost only if a gap record of it is asked for
	open  uint64 // samples that are lost, while no gap record of it was handed out
}

// maxNotes bounds the notes; the two oldest neighbours of a lane merge beyond.
const maxNotes = 64

// notes are kept in order of lane and range.
type notes []Note

// add notes a loss. A range that is noted already is not counted twice.
func (ns notes) add(n Note) notes {
	at := 0
	for at < len(ns) && (ns[at].Lane < n.Lane || ns[at].Lane == n.Lane && ns[at].From.Less(n.To)) {
		if o := &ns[at]; o.Lane == n.Lane && !n.From.Less(o.From) && !o.To.Less(n.To) {
			return ns
		}
		at++
	}
	if at > 0 {
		if o := &ns[at-1]; o.Lane == n.Lane && o.Cause == n.Cause && o.To == n.From && !n.Apart {
			o.append(&n)
			return ns
		}
	}
	ns = append(ns, Note{})
	copy(ns[at+1:], ns[at:])
	ns[at] = n
	for len(ns) > maxNotes {
		ns = ns.squeeze()
	}
	return ns
}

// append extends a note by one behind it.
func (n *Note) append(next *Note) {
	n.To, n.Extent = next.To, n.join(next.Extent)
	n.doubt, n.open = n.doubt+next.doubt, n.open+next.open
}

// squeeze merges the first two neighbours of one lane. Frames between them may
// still exist, so their number stands for no single gap any more.
func (ns notes) squeeze() notes {
	for i := 1; i < len(ns); i++ {
		if a, b := &ns[i-1], ns[i]; a.Lane == b.Lane {
			a.append(&b)
			if a.Cause != b.Cause {
				a.Cause = frame.StoreDamaged
			}
			a.N = -1
			return append(ns[:i], ns[i+1:]...)
		}
	}
	return ns[:maxNotes]
}

// release forgets what lies at or before upTo. What is left of a note that
// upTo cuts cannot be counted.
func (ns notes) release(lane frame.Lane, upTo frame.ID) notes {
	kept := ns[:0]
	for _, n := range ns {
		if n.Lane == lane {
			n = n.after(upTo)
		}
		if n.Frames > 0 {
			kept = append(kept, n)
		}
	}
	return kept
}

// after returns what is left of a note behind a frame; it cannot be counted
// unless that is all of it.
func (n Note) after(id frame.ID) Note {
	switch {
	case !id.Less(n.To):
		return Note{}
	case n.From.Less(id):
		n.From, n.N, n.T0Known, n.T0 = id, -1, false, 0
		n.doubt, n.open = 0, 0
	}
	return n
}

// within sums up the notes inside (from, to] and reports whether they cover it
// without a hole; else the sum's number says nothing.
func (ns notes) within(lane frame.Lane, from, to frame.ID) (sum Note, covered bool) {
	sum = Note{Lane: lane, From: from, To: from}
	covered = true
	for _, n := range ns {
		if n.Lane != lane || !n.From.Less(to) || !from.Less(n.To) {
			continue
		}
		if n.From != sum.To || to.Less(n.To) {
			covered = false
		}
		sum.Extent, sum.To, sum.Cause = sum.join(n.Extent), n.To, n.Cause
	}
	return sum, covered && sum.To == to
}

// last returns the end of the latest note of a lane.
func (ns notes) last(lane frame.Lane) (id frame.ID) {
	for _, n := range ns {
		if n.Lane == lane && id.Less(n.To) {
			id = n.To
		}
	}
	return id
}
