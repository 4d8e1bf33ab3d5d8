package store

import (
	"fmt"
	"math"

	"github.com/telhub/telhub/uplink/frame"
)

// place is a frame's first record in a segment.
type place struct {
	ok     bool
	seg    *segment
	key    key      // as stored
	id     frame.ID // as it counts now
	prev   frame.ID
	header header
	gap    []byte // payload of a gap record
}

// extent describes the frame, as the first one after the given one.
func (p *place) extent(after frame.ID) Extent {
	e := extentOf(&p.header, p.gap)
	if p.cut(after) {
		e.N = -1
	}
	return e
}

// cut reports whether the place is a gap record in the middle of which the
// given frame lies. What is left of it cannot be counted.
func (p *place) cut(after frame.ID) bool { return p.header.kind == frame.Gap && p.prev.Less(after) }

// cutGap makes dst, a gap record, one of what is left of it.
func cutGap(dst *frame.Frame, after frame.ID) error {
	info, err := frame.ParseGapInfo(dst.Payload)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	info.N, info.Frames, info.T0, info.T0Known = -1, -1, info.T1, false
	dst.Prev = after
	if err := info.Seal(dst); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// Next copies the first committed frame of a lane after the given one into
// dst, whose payload capacity must suffice (ErrShort). ok is false when there
// is none.
//
// If frames between the two are missing, dropped or damaged, dst becomes a gap
// record that covers (after, dst.ID] instead, and the frame follows on the next
// call with after = dst.ID. Its number of samples is known if drop notes cover
// the whole range, else -1. Gap records may grow dst's payload.
//
// Next changes nothing: it can be asked again from any earlier frame. It
// allocates only with the first call of a lane after a commit or in another
// segment, and for gap records.
func (s *Store) Next(lane frame.Lane, after frame.ID, dst *frame.Frame) (ok bool, err error) {
	return s.read(lane, after, dst, true)
}

// Peek is Next for who only looks: what it returns is not on its way to the
// server, so it is given up in its turn when room is wanted.
func (s *Store) Peek(lane frame.Lane, after frame.ID, dst *frame.Frame) (ok bool, err error) {
	return s.read(lane, after, dst, false)
}

func (s *Store) read(lane frame.Lane, after frame.ID, dst *frame.Frame, hand bool) (ok bool, err error) {
	if lane >= frame.Lanes {
		return false, fmt.Errorf("store: %s is no lane", lane)
	}
	for {
		g, err := s.next(lane, after, dst, hand, &ok)
		if g == nil || err == nil {
			return ok, err
		}
		if s.spared(g, lane, err) {
			return false, fmt.Errorf("store: read %s: %w", g.path, err)
		}
		if err := s.heal(g, lane, err); err != nil {
			return false, err
		}
	}
}

// next does the work of Next. A segment with its error cannot be read.
func (s *Store) next(lane frame.Lane, after frame.ID, dst *frame.Frame, hand bool, ok *bool) (*segment, error) {
	s.readMu.Lock()
	defer s.readMu.Unlock()
	*ok = false
	if s.closed {
		return nil, ErrOff
	}
	at, g, err := s.find(lane, after)
	if err != nil {
		return g, err
	}
	end := at.prev
	if !at.ok {
		end = s.lastNote(lane)
	}
	switch {
	case after.Less(end):
		if g, err := s.prove(lane, after, end); err != nil {
			return g, err
		}
		*ok = true
		return nil, s.gap(lane, after, end, &at, dst, hand)
	case !at.ok:
		s.took(lane, &at, false)
		return nil, nil
	case cap(dst.Payload) < at.header.length:
		return nil, ErrShort
	}
	if err := s.load(&at, dst); err != nil {
		return at.seg, err
	}
	if at.cut(after) {
		if err := cutGap(dst, after); err != nil {
			return nil, err
		}
	}
	s.took(lane, &at, hand)
	*ok = true
	return nil, nil
}

// took notes that a lane could be read, and how far it was handed out.
func (s *Store) took(lane frame.Lane, at *place, hand bool) {
	if at.ok {
		at.seg.sickAt = 0
	}
	s.mu.Lock()
	s.sick[lane] = nil
	if hand {
		s.handLocked(lane, at)
	}
	s.mu.Unlock()
}

func (s *Store) lastNote(lane frame.Lane) frame.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.st.Notes.last(lane)
}

// find returns the first frame after the given one over all segments. They hold
// rising ranges, but for files copied in by hand. g is the segment of an error.
// The caller holds readMu.
func (s *Store) find(lane frame.Lane, after frame.ID) (best place, g *segment, err error) {
	for _, g := range s.segs {
		if g.unread {
			if err := s.reread(g); err != nil && (!best.ok || !refused(err)) {
				return place{}, g, err
			}
		}
		sp := &g.spans[lane]
		if sp.Frames == 0 || !after.Less(sp.last) || best.ok && !sp.first.Less(best.id) {
			continue
		}
		at, err := s.seek(g, lane, after)
		if err != nil {
			return place{}, g, err
		}
		if at.ok && (!best.ok || at.id.Less(best.id)) {
			best = at
		}
	}
	return best, nil, nil
}

// seek returns the first frame of a segment after the given one. The caller
// holds readMu, as for all that moves a reader.
func (s *Store) seek(g *segment, lane frame.Lane, after frame.ID) (at place, err error) {
	r := &s.readers[lane]
	if err := r.openAt(g); err != nil {
		return at, err
	}
	r.key = makeKey(lane, successor(s.st.Aliases.stored(after)), 0)
	for {
		k, v, err := r.cur.seek(r.key[:])
		if err != nil {
			return at, err
		}
		if k == nil || frame.Lane(k[0]) != lane {
			return at, nil
		}
		fk, err := parseKey(k)
		if err != nil {
			return at, err
		}
		if at.id = s.st.Aliases.id(fk.id()); !after.Less(at.id) { // stored under an elder epoch than the seek
			r.key = makeKey(lane, frame.ID{Epoch: fk.id().Epoch, Seq: successor(after).Seq}, 0)
			if !fk.id().Less(r.key.id()) {
				return at, errKey
			}
			continue
		}
		if g.spans[lane].last.Less(at.id) { // a commit that failed: it was made again, elsewhere
			return place{}, nil
		}
		return s.place(r, at, k, v)
	}
}

// place reads the header at the reader's place.
func (s *Store) place(r *reader, at place, k, v []byte) (place, error) {
	fk, err := parseKey(k)
	if err != nil || fk.chunk() != 0 {
		return at, errChunks
	}
	data, err := openValue(k, v) // k is in the page: a key of ours would escape
	if err != nil {
		return at, err
	}
	if at.header, err = parseHeader(data); err != nil {
		return at, err
	}
	if at.header.kind == frame.Gap {
		at.gap = append([]byte(nil), data[headerLen:]...)
	}
	at.ok, at.seg, at.key, at.prev = true, r.seg, fk, s.st.Aliases.prev(fk.id(), at.header.prev)
	return at, nil
}

func successor(id frame.ID) frame.ID {
	if id.Seq == math.MaxUint64 {
		return frame.ID{Epoch: id.Epoch + 1}
	}
	return frame.ID{Epoch: id.Epoch, Seq: id.Seq + 1}
}

// load copies the frame at a place into dst.
func (s *Store) load(at *place, dst *frame.Frame) (err error) {
	r := &s.readers[at.key.lane()]
	if err := r.openAt(at.seg); err != nil {
		return err
	}
	r.key = at.key
	k, v, err := r.cur.seek(r.key[:])
	payload := dst.Payload[:0]
	for chunk := 0; ; chunk++ {
		if err != nil {
			return err
		}
		fk, keyErr := parseKey(k)
		if keyErr != nil || fk.lane() != at.key.lane() || fk.id() != at.key.id() || fk.chunk() != chunk {
			return errChunks
		}
		data, valueErr := openValue(k, v)
		if valueErr != nil {
			return valueErr
		}
		if chunk == 0 {
			data = data[headerLen:]
		}
		if len(payload)+len(data) > at.header.length {
			return errChunks
		}
		if payload = append(payload, data...); len(payload) == at.header.length {
			break
		}
		k, v, err = r.cur.next()
	}
	h := &at.header
	dst.Lane, dst.Kind, dst.Class, dst.ID, dst.Prev = at.key.lane(), h.kind, h.class, at.id, at.prev
	dst.N, dst.T0, dst.T1, dst.Boot, dst.Dating = h.n, h.t0, h.t1, h.boot, h.dating
	dst.Payload = payload
	return nil
}

// gap makes dst a gap record for (after, end]. at is the frame behind
// it, if there is one.
func (s *Store) gap(lane frame.Lane, after, end frame.ID, at *place, dst *frame.Frame, hand bool) error {
	s.mu.Lock()
	sum, covered := s.st.Notes.within(lane, after, end)
	if hand {
		s.tellLocked(lane, after, end)
	}
	s.mu.Unlock()
	info := frame.GapInfo{Cause: frame.StoreDamaged, N: -1, Frames: -1}
	dst.Lane, dst.Class, dst.ID, dst.Prev = lane, frame.Normal, end, after
	if sum.Frames > 0 {
		info.Cause, info.T0, info.T1, info.T0Known = sum.Cause, sum.T0, sum.T1, sum.T0Known && covered
		dst.Boot, dst.Dating = sum.Boot, sum.Dating
	}
	if covered {
		info.N, info.Frames = sum.N, int64(sum.Frames)
	}
	if at.ok && !covered { // what is missing ends at the latest where the next frame begins
		info.T1, dst.Boot, dst.Dating = at.header.t0, at.header.boot, at.header.dating
	}
	if !info.T0Known {
		info.T0 = info.T1
	}
	if err := info.Seal(dst); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}
