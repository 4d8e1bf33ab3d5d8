package store

import (
	"errors"

	"github.com/telhub/telhub/uplink/frame"
)

// dropTries bounds how often a reader may come in the way of thinning.
const dropTries = 4

// dropOldestLocked makes room: it thins the oldest segment with Normal frames,
// or gives it up whole if it holds nothing else; when nothing Normal is left,
// the oldest segment. It reports whether there was one. It may release mu
// meanwhile; commitMu keeps the segments as they are.
func (s *Store) dropOldestLocked() bool {
	for range dropTries {
		g := s.victimLocked((*segment).holdsNormal)
		if g == nil {
			return false
		}
		if !s.worthThinningLocked(g) {
			s.giveUpLocked(g)
			return true
		}
		err := s.thinLocked(g)
		if err == nil {
			return true
		}
		if !errors.Is(err, errRaced) {
			break
		}
	}
	// The disk itself is full, or the segment damaged: a copy cannot be had, so
	// rather one that holds nothing else.
	g := s.victimLocked(func(g *segment) bool { return g.part(1).frames == 0 })
	if g == nil {
		return false
	}
	s.giveUpLocked(g)
	return true
}

// giveUpLocked notes what a segment held, makes the note durable and unlinks
// the segment.
func (s *Store) giveUpLocked(g *segment) {
	for lane := range g.spans {
		if n, lost := s.lossLocked(frame.Lane(lane), g); lost {
			s.st.Notes = s.st.Notes.add(n)
			s.dropped += uint64(max(n.N-n.thinned, 0))
		}
	}
	s.st.Dropped = append(s.st.Dropped[:0], g.no)
	if err := s.writeStateLocked(&s.st); err != nil {
		// Most likely the disk is full: the space of the segment comes first.
		s.unlinkLocked(g)
		s.writeStateLocked(&s.st)
		return
	}
	s.unlinkLocked(g)
}

// victimLocked returns the segment to give up next: the oldest that is wanted,
// else the oldest. Frames in flight are spared while there is another choice,
// because what the server already has must not be declared lost. The active
// segment goes last.
func (s *Store) victimLocked(wanted func(*segment) bool) *segment {
	for _, spare := range []bool{true, false} {
		for _, others := range []bool{false, true} {
			for _, g := range s.segs {
				if g.unread || g == s.active && len(s.segs) > 1 || spare && s.inFlightLocked(g) {
					continue
				}
				if others || wanted(g) {
					return g
				}
			}
		}
	}
	return nil
}

// inFlightLocked reports whether g holds a frame that Next handed out and
// nobody has released.
func (s *Store) inFlightLocked(g *segment) bool {
	for lane := range g.spans {
		sp, released := &g.spans[lane], s.st.Released[lane]
		if sp.Frames > 0 && released.Less(sp.last) && released.Less(s.handed[lane]) && !s.handed[lane].Less(sp.first) {
			return true
		}
	}
	return false
}

// lossLocked returns what dropping g loses of a lane. A segment that is partly
// released is read again to count the rest.
func (s *Store) lossLocked(lane frame.Lane, g *segment) (n Note, lost bool) {
	sp, released := &g.spans[lane], s.st.Released[lane]
	if sp.Frames == 0 || !released.Less(sp.last) {
		return n, false
	}
	n = Note{Lane: lane, From: sp.prev, To: sp.last, Cause: frame.StoreFull, Extent: sp.Extent}
	if released.Less(sp.first) {
		return n, true
	}
	n.From, n.Extent = released, Extent{}
	for after := released; ; {
		at, err := s.seekLocked(g, lane, after)
		if err != nil || !at.ok {
			if err != nil {
				n.N = -1
			}
			return n, true
		}
		n.Extent = n.join(at.extent(after))
		after = at.id
	}
}
