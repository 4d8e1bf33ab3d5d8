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
	Dropped                     uint64 // samples given up for want of room since Open
	MaxPayload                  int    // of the largest frame committed
}

// LaneStats is what a lane has committed and not released.
type LaneStats struct {
	Frames  int
	Payload int64  // bytes
	Samples uint64 // in them, and those that gap records among them declare

	// Of the first of them, if Frames is not 0:
	OldestT0 int64 // milliseconds of CLOCK_BOOTTIME of Boot
	Boot     frame.BootID
	Dating   frame.Dating
}

// Stats returns the store's condition. It reads one record a lane.
func (s *Store) Stats() Stats {
	frames, bytes := s.pending.held()
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Stats{
		PendingFrames: frames, PendingBytes: bytes,
		Segments: len(s.segs), DiskBytes: s.usedLocked(), MaxBytes: s.o.MaxBytes, BadBytes: s.badBytes,
		WrittenBytes: s.written, Commits: s.commits, Damaged: s.damaged, Notes: len(s.st.Notes), Dropped: s.dropped, MaxPayload: s.maxFrame,
	}
	for lane := range st.Lanes {
		s.laneLocked(frame.Lane(lane), &st.Lanes[lane])
	}
	return st
}

func (s *Store) laneLocked(lane frame.Lane, st *LaneStats) {
	released := s.st.Released[lane]
	for _, g := range s.segs {
		sp := &g.spans[lane]
		if sp.Frames == 0 || !released.Less(sp.last) {
			continue
		}
		frames, payload, samples := sp.Frames, sp.Payload, max(sp.N, 0)
		if !released.Less(sp.first) && released.Epoch == sp.last.Epoch {
			frames = int(min(uint64(frames), sp.last.Seq-released.Seq))
			payload = payload * int64(frames) / int64(sp.Frames)
			samples = samples * int64(frames) / int64(sp.Frames)
		}
		st.Frames += frames
		st.Payload += payload
		st.Samples += uint64(samples)
	}
	if st.Frames == 0 || s.closed {
		return
	}
	if at, _, err := s.findLocked(lane, released); err == nil && at.ok {
		st.OldestT0, st.Boot, st.Dating = at.header.t0, at.header.boot, at.header.dating
	}
}
