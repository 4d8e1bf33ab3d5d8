package store

import "github.com/telhub/telhub/uplink/frame"

// What the store gives up is lost, unless somebody else has it: the server may
// take frames that were in flight then, and frames of lanes alarm and live of this
// run lie in their sender's memory, too. Those count as given up when Next hands
// out the gap record in their place, not before.

// given is a note of what giving up a segment costs, if all of it is lost.
type given struct {
	Note
	inFlight bool
}

// elsewhereLocked reports whether a sender may hold a frame in its memory.
func (s *Store) elsewhereLocked(lane frame.Lane, id frame.ID) bool {
	return lane != frame.Backfill && id.Epoch == s.st.Epoch
}

// noteLocked notes what was given up and counts what is lost for certain.
func (s *Store) noteLocked(g given) {
	n := g.Note
	if n.Frames == 0 {
		return
	}
	lost := uint64(max(n.N-n.thinned, 0))
	switch {
	case s.elsewhereLocked(n.Lane, n.To):
		n.doubt = uint64(max(n.N, 0)) // what was thinned was not counted either
	case g.inFlight:
		n.doubt = lost
	default:
		s.dropped += lost
		s.thinned -= min(s.thinned, uint64(n.thinned)) // n has it now
		if n.N >= 0 {
			n.open = uint64(n.Samples + n.thinned)
		}
	}
	s.st.Notes = s.st.Notes.add(n)
}

// tellLocked notes that a gap record of the range (after, end] was handed out.
func (s *Store) tellLocked(lane frame.Lane, after, end frame.ID) {
	for i := range s.st.Notes {
		if n := &s.st.Notes[i]; n.Lane == lane && n.From.Less(end) && after.Less(n.To) {
			s.dropped += n.doubt
			n.doubt, n.open = 0, 0
		}
	}
	if s.handed[lane].Less(end) {
		s.handed[lane] = end
	}
}

// handLocked notes that a frame was handed out.
func (s *Store) handLocked(lane frame.Lane, at *place) {
	if !s.handed[lane].Less(at.id) {
		return
	}
	s.handed[lane] = at.id
	if at.header.kind != frame.Gap {
		return
	}
	n := uint64(extentOf(&at.header, at.gap).thinned)
	if s.elsewhereLocked(lane, at.id) {
		s.dropped += n
	} else {
		s.thinned -= min(s.thinned, n)
	}
}

// Sent notes that the server has a lane's frames up to id, sent from memory: they
// are in flight as if Next had handed them out, until they are released.
func (s *Store) Sent(lane frame.Lane, id frame.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handed[lane].Less(id) {
		s.handed[lane] = id
	}
}

// undeclaredLocked is how many samples are lost of which Next has handed out no
// gap record.
func (s *Store) undeclaredLocked() uint64 {
	n := s.thinned
	for i := range s.st.Notes {
		n += s.st.Notes[i].open
	}
	return n
}
