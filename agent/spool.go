package agent

import (
	"errors"
	"fmt"

	"github.com/telhub/telhub/agent/checkpoint"
	"github.com/telhub/telhub/agent/clock"
	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

// spool is the store as the uplink wants it. The checkpoint, which may be nil,
// learns of alarms as they are committed; so may wear be, which learns of commits,
// and reader, which reads for who must not wait for a disk that hangs.
type spool struct {
	*store.Store
	checkpoint *checkpoint.File
	wear       *wear
	reader     *spoolReader
}

var _ uplink.Store = spool{}

// Put implements uplink.Store.
func (s spool) Put(f *frame.Frame) error {
	err := s.Store.Put(f)
	switch {
	case errors.Is(err, store.ErrPendingFull):
		return uplink.ErrPending
	case err == nil && s.checkpoint != nil:
		s.checkpoint.Put(f)
	}
	return err
}

// Commit implements uplink.Store.
func (s spool) Commit() error {
	if s.checkpoint != nil {
		s.checkpoint.Begin()
	}
	before := s.Store.Written()
	err := s.Store.Commit()
	if s.checkpoint != nil {
		s.checkpoint.End(err == nil)
	}
	if s.wear != nil && s.Store.Written() != before { // else it has only unlinked
		s.wear.note(true)
	}
	return err
}

// Reassign implements uplink.Store.
func (s spool) Reassign(epoch uint64) error {
	from := s.Store.Epoch()
	err := s.Store.Reassign(epoch)
	if err == nil && s.checkpoint != nil {
		s.checkpoint.Reassign(from, epoch)
	}
	return err
}

// Next implements uplink.Store.
func (s spool) Next(lane frame.Lane, after frame.ID, dst *frame.Frame) (bool, error) {
	if s.reader != nil {
		return s.reader.next(lane, after, dst)
	}
	return s.read(s.Store.Next, lane, after, dst)
}

// Peek implements checkpoint.Store.
func (s spool) Peek(lane frame.Lane, after frame.ID, dst *frame.Frame) (bool, error) {
	return s.read(s.Store.Peek, lane, after, dst)
}

// read reads a frame. Those of an earlier configuration may be larger than any
// of this one; dst then grows once.
func (s spool) read(next func(frame.Lane, frame.ID, *frame.Frame) (bool, error), lane frame.Lane, after frame.ID, dst *frame.Frame) (bool, error) {
	ok, err := next(lane, after, dst)
	if errors.Is(err, store.ErrShort) {
		dst.Payload = make([]byte, 0, s.Stats().MaxPayload)
		return next(lane, after, dst)
	}
	return ok, err
}

// newReader returns a reader of frames of any size.
func (s spool) newReader() *spoolReader {
	return newSpoolReader(func(lane frame.Lane, after frame.ID, dst *frame.Frame) (bool, error) {
		return s.read(s.Store.Next, lane, after, dst)
	})
}

// openSpool opens the store. A store that another process uses is an error; one
// that cannot be opened for another reason leaves the agent without, which it
// reports: nil, nil, err.
func openSpool(cfg *config.Config, b *Budget, boot frame.BootID, damage func(store.Salvage)) (*store.Store, *store.Report, error) {
	drop := store.DropOldest
	if cfg.Spool.Drop == "newest" {
		drop = store.DropNewest
	}
	s, report, err := store.Open(store.Options{
		Dir: cfg.Spool.Path, MaxBytes: cfg.Spool.MaxSize, Drop: drop, PendingBytes: b.Pending,
		Boot: boot, Now: func() int64 { return clock.Boottime() / 1e6 }, OnDamage: damage,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("spool %s: %w", cfg.Spool.Path, err)
	}
	return s, report, nil
}

// powerCut makes the gap record of a run that ended without its shutdown: its
// span is known, the number of samples is not. This boot may have no date yet
// when the other had one: its end then stands as a date.
func powerCut(u *store.Unclean, boot frame.BootID) frame.GapInfo {
	info := frame.GapInfo{Cause: frame.PowerCut, N: -1, T1: clock.Boottime() / 1e6}
	switch {
	case u.Boot == boot:
		info.T0, info.T0Known = u.LastT1, true
	case u.Dating.Quality != frame.Unset:
		info.Began = u.LastT1 + u.Dating.Offset
	}
	return info
}
