package uplink

import (
	"context"
	"fmt"

	"github.com/telhub/telhub/uplink/frame"
)

// begin empties the batch for a job.
func (s *sender) begin(j *job) {
	s.batch.Lane, s.batch.Fence, s.batch.Prev, s.batch.Wire = j.lane, j.fence, j.prev, 0
	s.batch.Items = s.items[:0]
	s.buf = s.buf[:0]
}

// render appends f to the batch in its wire form. f's payload must stay as it
// is until the batch was appended.
func (s *sender) render(f *frame.Frame) error {
	s.batch.Items = s.batch.Items[:len(s.batch.Items)+1]
	it := &s.batch.Items[len(s.batch.Items)-1]
	dating, boot := s.date(f), s.boot
	if f.Boot != s.o.Boot {
		boot = f.Boot.String()
	}
	*it = Item{
		ID: f.ID, N: f.N, T0: f.T0 + dating.Offset, T1: f.T1 + dating.Offset,
		Quality: dating.Quality.String(), Boot: boot,
	}
	if dating.Quality == frame.Unset && f.Boot != s.o.Boot {
		it.After, _ = s.o.Dates.Bounds(f.Boot, f.T0)
		_, it.Before = s.o.Dates.Bounds(f.Boot, f.T1)
	}
	return s.renderPayload(f, it, dating)
}

// date returns the date of a frame. For this boot that is what is known now.
// For an earlier one the frame may carry better than what is known of its
// boot: that may have been forgotten, or never been noted.
func (s *sender) date(f *frame.Frame) frame.Dating {
	stamp := f.T0
	if f.Kind == frame.Gap {
		stamp = f.T1 // a gap can begin before its boot
	}
	d := s.o.Dates.Of(f.Boot, stamp)
	if d.Quality == frame.Unset || f.Boot != s.o.Boot && f.Dating.Quality > d.Quality {
		d = f.Dating
	}
	if d.Quality == frame.Unset {
		d.Offset = 0
	}
	return d
}

// reach gives the entry of a gap record the record's own span. The frame's may
// be shorter: in the store it also says where the next start's gap begins.
func (s *sender) reach(info *frame.GapInfo, f *frame.Frame, it *Item, d frame.Dating) {
	if it.T1 = info.T1 + d.Offset; info.T0Known {
		it.T0 = info.T0 + d.Offset
	}
	if it.T0 = min(it.T0, it.T1); d.Quality == frame.Unset && f.Boot != s.o.Boot {
		_, it.Before = s.o.Dates.Bounds(f.Boot, info.T1)
	}
}

// place gives a gap record its beginning, or the bounds of it, where that is
// known as a date only.
func (s *sender) place(info *frame.GapInfo, it *Item, d frame.Dating) {
	if !info.T0Known {
		it.After = info.Began // that of its last stamp says nothing of its first
		if d.Quality == frame.Unset || info.Began == 0 {
			return
		}
		it.After = 0
		if info.Began-d.Offset > info.T1 {
			return // that boot's dates and this one's contradict each other
		}
		info.T0, info.T0Known = info.Began-d.Offset, true
		it.T0 = info.Began
	}
}

func (s *sender) renderPayload(f *frame.Frame, it *Item, dating frame.Dating) error {
	start := len(s.buf)
	switch {
	case f.Kind == frame.Gap:
		info, err := frame.ParseGapInfo(f.Payload)
		if err != nil {
			return err
		}
		s.reach(&info, f, it, dating)
		s.place(&info, it, dating)
		if s.buf, err = frame.AppendGapJSON(s.buf, &info, dating.Offset); err != nil {
			return err
		}
		it.Encoding, it.N = "gap", 0
	case s.o.Encoding == "compact":
		it.Encoding, it.Data = "compact", f.Payload
		return nil
	default:
		if err := s.dec.Decode(f.Payload, f.N, f.T0); err != nil {
			return fmt.Errorf("frame %v/%v: %w", f.Lane, f.ID, err)
		}
		s.buf = frame.AppendSenML(s.buf, s.o.Device, &s.dec, dating.Offset, dating.Quality != frame.Unset)
		it.Encoding = "senml"
	}
	it.Data = s.buf[start:len(s.buf):len(s.buf)]
	return nil
}

// sendGap appends one gap record made on the spot.
func (s *sender) sendGap(ctx context.Context, j *job) {
	g := &j.gap
	info := frame.GapInfo{Cause: g.cause, N: g.n, T0: g.t0, T1: g.t1, T0Known: g.n >= 0}
	if g.t1 == 0 {
		info.T1 = s.o.Boottime() / 1e6
	}
	f := frame.Frame{Lane: j.lane, ID: g.to, Prev: g.from, Boot: s.o.Boot, Dating: s.o.Dates.Dating()}
	if j.err = info.Seal(&f); j.err != nil {
		return
	}
	s.begin(j)
	if j.err = s.render(&f); j.err == nil {
		j.err = s.o.Sink.Append(ctx, &s.batch)
	}
}

// renderOrDeclare renders a frame of the store and counts it. One that does not
// decode becomes a gap record in its own place, so that it never blocks its lane.
func (s *sender) renderOrDeclare(f *frame.Frame, j *job) error {
	k := len(s.batch.Items)
	if err := s.render(f); err != nil {
		s.batch.Items = s.batch.Items[:k]
		bad := frame.Frame{Lane: f.Lane, ID: f.ID, Prev: f.Prev, Boot: f.Boot, Dating: f.Dating}
		info := frame.GapInfo{Cause: frame.StoreDamaged, N: int64(f.N), T0: f.T0, T1: f.T1, T0Known: true, Frames: 1}
		if err := info.Seal(&bad); err != nil {
			return err
		}
		if err := s.render(&bad); err != nil {
			return err
		}
		f = &bad
	}
	j.bytes += len(s.batch.Items[k].Data)
	s.lost[k] = lostOf(f)
	return nil
}

// lost is what a gap record says was lost after it had been stored. Losses
// before that were counted when they happened.
type lost struct {
	cause frame.Cause
	n     uint64
}

func lostOf(f *frame.Frame) lost {
	n := givenUp(f)
	if n == 0 {
		return lost{}
	}
	info, _ := frame.ParseGapInfo(f.Payload)
	return lost{info.Cause, n}
}

// givenUp is how many samples a gap record says the store has given up. Losses
// before that have no frames.
func givenUp(f *frame.Frame) uint64 {
	if f.Kind != frame.Gap {
		return 0
	}
	info, err := frame.ParseGapInfo(f.Payload)
	if err != nil || info.Frames == 0 {
		return 0
	}
	return uint64(max(info.N, 0))
}
