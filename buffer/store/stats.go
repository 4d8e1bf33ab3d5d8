package store

import "github.com/telhub/telhub/uplink/frame"

// Stats is a store's condition. Frames released inside a segment that is not
// released whole are told by their numbers.
type Stats struct {
	Lanes [frame.Lanes]LaneStats

	PendingFrames, PendingBytes int    // waiting for a commit
	Segments                    int    // files
	DiskBytes, MaxBytes         int64  // what the directory takes and may take
	BadBytes                    int64  // of it, damaged files set aside
	WrittenBytes                int64  // to files since Open; the file system's journal comes on top
	Commits                     int64  // of frames since Open
	Damaged                     int    // files found damaged since Open, at Open included
	Notes                       int    // losses not yet declared
	Dropped                     uint64 // samples given up for want of room since Open that nobody else has
	Undeclared                  uint64 // of them, those in no gap record that Next has handed out
	MaxPayload                  int    // of the largest frame committed
	ReadErr                     error  // why frames cannot be read back now; nil: they can, or nobody has tried
}

// LaneStats is what a lane has committed and not released.
type LaneStats struct {
	Frames  int
	Payload int64 // bytes

	// Of the first of them, if Frames is not 0:
	OldestT0 int64 // milliseconds of CLOCK_BOOTTIME of Boot
	Boot     frame.BootID
	Dating   frame.Dating
}

// Stats returns the store's condition. It waits for no disk.
func (s *Store) Stats() Stats {
	frames, bytes := s.pending.held()
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Stats{
		PendingFrames: frames, PendingBytes: bytes,
		Segments: len(s.segs), DiskBytes: s.usedLocked(), MaxBytes: s.o.MaxBytes, BadBytes: s.badBytes,
		WrittenBytes: s.written, Commits: s.commits, Damaged: s.damaged, Notes: len(s.st.Notes), Dropped: s.dropped, Undeclared: s.undeclaredLocked(), MaxPayload: s.maxFrame,
	}
	for lane := range st.Lanes {
		s.laneLocked(frame.Lane(lane), &st.Lanes[lane])
		if st.ReadErr == nil {
			st.ReadErr = s.sick[lane]
		}
	}
	return st
}

// Written returns Stats.WrittenBytes alone; it reads nothing.
func (s *Store) Written() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.written
}

func (s *Store) laneLocked(lane frame.Lane, st *LaneStats) {
	released := s.st.Released[lane]
	var head *span
	for _, g := range s.segs {
		sp := &g.spans[lane]
		if sp.Frames == 0 || !released.Less(sp.last) {
			continue
		}
		if head == nil {
			head = sp
		}
		frames, payload := sp.Frames, sp.Payload
		if !released.Less(sp.first) && released.Epoch == sp.last.Epoch {
			frames = int(min(uint64(frames), sp.last.Seq-released.Seq))
			payload = payload * int64(frames) / int64(sp.Frames)
		}
		st.Frames += frames
		st.Payload += payload
	}
	switch o := &s.oldest[lane]; {
	case head == nil || s.closed:
	case released.Less(head.first) || !head.first.Less(o.id) || head.last.Less(o.id): // none of it is released, as far as is known
		st.OldestT0, st.Boot, st.Dating = head.T0, head.Boot, head.Dating
	default:
		st.OldestT0, st.Boot, st.Dating = o.t0, o.boot, o.dating
	}
}

// oldest is the first frame of a lane that was not released when somebody
// looked.
type oldest struct {
	after, id frame.ID
	t0        int64
	boot      frame.BootID
	dating    frame.Dating
}

// look finds out the oldest frame of lanes that were released in the middle of
// a segment since it looked last. The caller holds commitMu.
func (s *Store) look() {
	s.readMu.Lock()
	defer s.readMu.Unlock()
	for lane := range s.oldest {
		s.mu.Lock()
		released, o := s.st.Released[lane], s.oldest[lane]
		s.mu.Unlock()
		if o.after == released || !s.cuts(frame.Lane(lane), released) {
			continue
		}
		at, _, err := s.find(frame.Lane(lane), released)
		if err != nil || !at.ok {
			continue // what was known is elder
		}
		h := &at.header
		s.mu.Lock()
		s.oldest[lane] = oldest{released, at.id, h.t0, h.boot, h.dating}
		s.mu.Unlock()
	}
}

// cuts reports whether a segment goes on behind a frame that it holds.
func (s *Store) cuts(lane frame.Lane, id frame.ID) bool {
	for _, g := range s.segs {
		if sp := &g.spans[lane]; sp.Frames > 0 && !id.Less(sp.first) && id.Less(sp.last) {
			return true
		}
	}
	return false
}

// Released returns the last frame of a lane that was released.
func (s *Store) Released(lane frame.Lane) frame.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.st.Released[lane]
}

// Samples counts the samples that are committed and not released, and those that
// were given up and are still to be declared, as far as that is known. It reads
// the segments that are released in part.
func (s *Store) Samples() (n uint64, err error) {
	s.readMu.Lock()
	defer s.readMu.Unlock()
	s.mu.Lock()
	allReleased := s.st.Released
	for i := range s.st.Notes {
		n += uint64(max(s.st.Notes[i].N, 0))
	}
	s.mu.Unlock()
	for lane, released := range allReleased {
		for _, g := range s.segs {
			sp := &g.spans[lane]
			switch {
			case sp.Frames == 0 || !released.Less(sp.last):
			case released.Less(sp.first):
				n += uint64(sp.Samples + sp.thinned)
			default:
				k, err := s.samplesAfter(g, frame.Lane(lane), released)
				if err != nil {
					return n, err
				}
				n += k
			}
		}
	}
	return n, nil
}

// samplesAfter counts a lane's samples of a segment behind a frame. The caller
// holds readMu.
func (s *Store) samplesAfter(g *segment, lane frame.Lane, after frame.ID) (n uint64, err error) {
	for {
		at, err := s.seek(g, lane, after)
		if err != nil || !at.ok {
			return n, err
		}
		x := at.extent(after)
		if !at.cut(after) {
			n += uint64(x.Samples + x.thinned)
		}
		after = at.id
	}
}
