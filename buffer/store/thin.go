package store

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/telhub/telhub/uplink/frame"
)

// Thinning makes room without giving up frames of a higher class than Normal:
// a segment is written anew with these frames only, and each run of Normal
// frames between them becomes one gap record, exactly counted, under the
// number of the run's last frame. So a thinned segment covers the same range
// without a hole, needs no note, and a power cut leaves either what it
// replaces or itself: its name tells which segments it stands for
// (segFile.replaces), and the rename that gives it that name is the moment in
// which they are given up. Each frame is copied once, but for those of small
// thinned segments, to which the next one is joined.

const (
	gapRecord   = 512          // bound on the records of a gap record made here
	leastGain   = 4 * pageSize // a segment that thinning shrinks by less is kept as it is
	thinBatch   = salvageBatch // records of one transaction
	smallShare  = 16           // a thinned segment up to this part of SegmentBytes
	smallLeast  = 64 << 10     // or this size takes in the next one
	thinRoomMax = 4            // thinning needs room for a copy: at most this part of MaxBytes is kept free for it
)

// errRaced: a reader reached the frames while they were being given up.
var errRaced = errors.New("frames were read meanwhile")

// part sums up what a segment holds of Normal frames (0) or of others (1).
func (g *segment) part(kind int) (sum part) {
	for lane := range g.spans {
		p := &g.spans[lane].parts[kind]
		sum.frames += p.frames
		sum.bytes += p.bytes
	}
	return sum
}

// gain is how much smaller thinning makes a segment at least.
func (g *segment) gain() int64 {
	return g.part(0).bytes - g.gaps()*gapRecord
}

// gaps bounds the gap records that thinning makes.
func (g *segment) gaps() int64 {
	return int64(min(g.part(0).frames, g.part(1).frames+frame.Lanes))
}

// holdsNormal reports whether giving up Normal frames of g makes room.
func (g *segment) holdsNormal() bool {
	return !g.thin && (g.part(1).frames == 0 || g.gain() >= leastGain)
}

// worthThinningLocked reports whether g is to be thinned rather than given up
// whole. One without precious frames is, too, behind a thinned one: notes
// would become many if they alternated with frames that stay.
func (s *Store) worthThinningLocked(g *segment) bool {
	return g.holdsNormal() && (g.part(1).frames > 0 || s.beforeLocked(g) != nil)
}

// beforeLocked returns the thinned segment right before g, if there is one.
func (s *Store) beforeLocked(g *segment) (before *segment) {
	for _, o := range s.segs {
		if o == g {
			break
		}
		before = o
	}
	if before == nil || !before.thin {
		return nil
	}
	return before
}

// thinRoomLocked returns how much must stay free so that the next segment can
// be copied before it is removed. It is 0 while all frames are Normal.
func (s *Store) thinRoomLocked() (room int64) {
	if s.o.Drop != DropOldest {
		return 0
	}
	for _, g := range s.segs {
		if p := g.part(1); p.frames > 0 && !g.thin {
			room = max(room, growth(int(p.bytes+g.gaps()*gapRecord+s.smallThin())))
		}
	}
	return min(room, s.o.MaxBytes/thinRoomMax)
}

// smallThin is the size below which a thinned segment takes in the next one.
func (s *Store) smallThin() int64 { return max(s.o.SegmentBytes/smallShare, smallLeast) }

// thin puts a thinned segment in the place of g, and of a small one before it.
// The caller holds commitMu, which keeps the segments as they are. After an error
// all is as before.
func (s *Store) thin(g *segment) error {
	if g == s.active {
		if err := s.seal(); err != nil {
			return err
		}
	}
	s.mu.Lock()
	t := s.thinnerLocked(g)
	s.mu.Unlock()
	largest, err := t.run()
	s.mu.Lock()
	s.written += t.written
	s.mu.Unlock()
	if err == nil {
		t.made.largest = largest
		err = s.exchange(g, t)
	}
	if err != nil {
		os.Remove(t.made.path)
		return fmt.Errorf("store: thin %s: %w", g.path, err)
	}
	if !s.o.noSync {
		syncDir(s.o.Dir) // should it fail, the removals below are no more durable than the new name
	}
	for _, old := range t.sources {
		old.unlink()
	}
	s.noteSum(t.made)
	return nil
}

// exchange gives the thinned segment its name and takes it in for its sources,
// unless a reader has reached what it gives up. Nothing is read meanwhile, and
// what is released then waits.
func (s *Store) exchange(g *segment, t *thinner) (err error) {
	s.readMu.Lock()
	defer s.readMu.Unlock()
	s.mu.Lock()
	if s.frozen = !s.reachedLocked(g, t); !s.frozen {
		s.mu.Unlock()
		return errRaced
	}
	s.mu.Unlock()
	path := s.segPath(t.made.segFile)
	err = os.Rename(t.made.path, path)
	s.mu.Lock()
	if err == nil {
		t.made.path = path
		s.maxFrame = max(s.maxFrame, t.made.largest)
		s.dropped += t.dropped
		s.thinned += t.dropped
		s.segs = slices.Insert(s.segs, slices.Index(s.segs, g), t.made)
		for _, old := range t.sources {
			s.removeLocked(old)
		}
	}
	s.frozen = false
	for lane, upTo := range s.late {
		s.releaseLocked(frame.Lane(lane), upTo)
	}
	s.late = [frame.Lanes]frame.ID{}
	s.mu.Unlock()
	if err == nil {
		s.leave(t.sources...)
	}
	return err
}

func (s *Store) thinnerLocked(g *segment) *thinner {
	sources := []*segment{g}
	if b := s.beforeLocked(g); b != nil && !b.unread && b.size < s.smallThin() && b.joins(g) {
		sources = []*segment{b, g}
	}
	made := &segment{segFile: segFile{first: sources[0].first, no: g.no, thin: true}, sealed: true}
	made.path = s.segPath(made.segFile) + tmpSuffix
	return &thinner{sources: sources, made: made, aliases: s.st.Aliases,
		released: s.st.Released, handed: s.handed, elsewhere: s.st.Epoch, fault: s.o.fault, noSync: s.o.noSync}
}

// joins reports whether g goes on where b ends. What was between them may have
// been given up by a note, while b was in flight.
func (b *segment) joins(g *segment) bool {
	for lane := range g.spans {
		x, y := &b.spans[lane], &g.spans[lane]
		if x.Frames > 0 && y.Frames > 0 && x.last != y.prev {
			return false
		}
	}
	return true
}

// reachedLocked reports whether, since t began, a frame of g was handed out or
// released that t may have given up.
func (s *Store) reachedLocked(g *segment, t *thinner) bool {
	for lane := range g.spans {
		sp := &g.spans[lane]
		if sp.Frames == 0 {
			continue
		}
		if s.handed[lane] != t.handed[lane] && !s.handed[lane].Less(sp.first) ||
			s.st.Released[lane] != t.released[lane] && !s.st.Released[lane].Less(sp.first) {
			return true
		}
	}
	return false
}
