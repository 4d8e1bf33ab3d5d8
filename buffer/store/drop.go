package store

import (
	"errors"

	"github.com/telhub/telhub/uplink/frame"
)

// dropTries bounds how often a reader may come in the way of thinning.
const dropTries = 4

// dropOldest makes room: it thins the oldest segment with Normal frames, or
// gives it up whole if it holds nothing else; when nothing Normal is left, the
// oldest segment. It reports whether there was one. The caller holds commitMu,
// which keeps the segments as they are.
func (s *Store) dropOldest() bool {
	for range dropTries {
		s.mu.Lock()
		g := s.victimLocked((*segment).holdsNormal)
		thin := g != nil && s.worthThinningLocked(g)
		s.mu.Unlock()
		switch {
		case g == nil:
			return false
		case !thin:
			return s.giveUp((*segment).holdsNormal)
		}
		err := s.thin(g)
		if err == nil {
			return true
		}
		if !errors.Is(err, errRaced) {
			break
		}
	}
	// The disk itself is full, or the segment damaged: a copy cannot be had, so
	// rather one that holds nothing else.
	return s.giveUp(func(g *segment) bool { return g.part(1).frames == 0 })
}

// giveUp notes what a segment held, makes the note durable and unlinks the
// segment: the one to give up next of those that are wanted. From choosing it
// until it is gone nothing is read, so that what is noted was not handed out.
func (s *Store) giveUp(wanted func(*segment) bool) bool {
	s.readMu.Lock()
	s.mu.Lock()
	g, released := s.victimLocked(wanted), s.st.Released
	s.mu.Unlock()
	if g == nil {
		s.readMu.Unlock()
		return false
	}
	s.giveUpSegment(g, &released)
	s.leave(g)
	s.readMu.Unlock()
	if s.writeState() == nil {
		g.unlink()
		return true
	}
	g.unlink() // most likely the disk is full: the space of the segment comes first
	s.writeState()
	return true
}

// giveUpSegment notes what is lost and takes g out of the store. The caller
// holds commitMu and readMu.
func (s *Store) giveUpSegment(g *segment, released *[frame.Lanes]frame.ID) {
	var lost []given
	for lane := range g.spans {
		lost = s.losses(lost, frame.Lane(lane), g, released[lane])
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range lost {
		if now := s.st.Released[n.Lane]; now != released[n.Lane] { // meanwhile, of frames that were sent from memory
			n.Note = n.after(now)
		}
		s.noteLocked(n)
	}
	s.st.Dropped = append(s.st.Dropped[:0], g.no)
	s.removeLocked(g)
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

// losses appends what dropping g loses of a lane. What is in flight is noted
// apart: when the server has it, the rest is still exactly known.
func (s *Store) losses(to []given, lane frame.Lane, g *segment, released frame.ID) []given {
	s.mu.Lock()
	handed := s.handed[lane]
	s.mu.Unlock()
	all := s.loss(lane, g, released)
	switch {
	case all.Frames == 0:
		return to
	case !all.From.Less(handed):
		all.Apart = all.From == handed
		return append(to, given{all, false})
	case !handed.Less(all.To):
		return append(to, given{all, true})
	}
	first, err := s.extentAfter(g, lane, all.From, handed)
	rest := s.loss(lane, g, handed)
	if err != nil || first.Frames == 0 || rest.From != handed {
		return append(to, given{all, true})
	}
	rest.Apart = true
	return append(to, given{Note{Lane: lane, From: all.From, To: handed, Cause: all.Cause, Extent: first}, true}, given{rest, false})
}

// loss returns what dropping g loses of a lane: no frame, perhaps. A segment
// that is partly released is read again to count the rest. The caller holds
// commitMu and readMu.
func (s *Store) loss(lane frame.Lane, g *segment, released frame.ID) (n Note) {
	sp := &g.spans[lane]
	if sp.Frames == 0 || !released.Less(sp.last) {
		return n
	}
	n = Note{Lane: lane, From: sp.prev, To: sp.last, Cause: frame.StoreFull, Extent: sp.Extent}
	if released.Less(sp.first) {
		return n
	}
	n.From = released
	var err error
	if n.Extent, err = s.extentAfter(g, lane, released, sp.last); err == nil {
		return n
	}
	// Its pages cannot be followed, but its records may be there.
	if n.Extent = s.foundAfter(g, lane, released); n.Frames == 0 {
		n.Extent = sp.Extent
		n.N = -1
	}
	return n
}

// extentAfter sums up a lane's frames of a segment behind one, until another.
func (s *Store) extentAfter(g *segment, lane frame.Lane, after, until frame.ID) (e Extent, err error) {
	for {
		at, err := s.seek(g, lane, after)
		if err == nil && (!at.ok || until.Less(at.id)) && after != until {
			err = errChunks // some of it is not there
		}
		if err != nil || after == until {
			return e, err
		}
		e = e.join(at.extent(after))
		after = at.id
	}
}

// foundAfter is extentAfter by the records alone, wherever in the file they
// stand. Its number is -1 if not all frames are there.
func (s *Store) foundAfter(g *segment, lane frame.Lane, after frame.ID) (e Extent) {
	sp := &g.spans[lane]
	last := sp.last
	var prev frame.ID
	whole := true
	err := eachFound(g.path, func(a *assembler) {
		id := s.st.Aliases.id(a.key.id())
		if a.key.lane() != lane || !after.Less(id) || last.Less(id) {
			return
		}
		p := s.st.Aliases.prev(a.key.id(), a.header.prev)
		whole = whole && (e.Frames == 0 && !after.Less(p) || p == prev)
		e, prev = e.join(extentOf(&a.header, a.payload)), id
	})
	if err != nil || !whole || prev != last {
		e.N = -1
		e.T0, e.T1, e.T0Known = sp.T0, sp.T1, sp.T0Known
		e.Boot, e.Dating = sp.Boot, sp.Dating
	}
	return e
}
