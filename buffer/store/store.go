package store

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/telhub/telhub/uplink/frame"
)

// What callers branch on. Put returns them as they are; the others wrap them.
var (
	ErrLocked      = errors.New("another process uses this store (stop it, or give this one another spool.path)")
	ErrOff         = errors.New("store: closed")
	ErrFull        = errors.New("store: full")
	ErrPendingFull = errors.New("store: memory for uncommitted frames is full")
	ErrTooLarge    = errors.New("store: frame is larger than the memory for uncommitted frames")
	ErrOrder       = errors.New("store: frame does not come after the last one of its lane, or names no predecessor before it")
	ErrShort       = errors.New("store: frame's payload capacity is too small, see Stats.MaxPayload")
)

// Policy says what gives way when the store is full.
type Policy uint8

// The policies of spool.drop.
const (
	// DropOldest: give up the oldest Normal frames, and others only when none
	// are left, and note what they held.
	DropOldest Policy = iota
	// DropNewest: refuse; Put returns ErrFull and the caller declares the loss.
	// Once frames of a higher class were stored, the last tenth of MaxBytes is
	// for them alone. A little is kept for alarms, and a little for gap records,
	// so that there is always room to declare what was refused; see Room.
	DropNewest
)

// Options configure a store.
type Options struct {
	Dir      string // made if absent; one process at a time
	MaxBytes int64  // bound on what the directory takes on disk; files set aside count up to half of it
	Drop     Policy

	// SegmentBytes is the size at which a new segment begins; 0 = 4 MiB, and
	// never more than a quarter of MaxBytes.
	SegmentBytes int64
	// PendingBytes is how much one commit can take, record overhead included
	// (RecordBytes). Two buffers of this size are allocated at Open.
	PendingBytes int

	Boot frame.BootID // the running boot
	Now  func() int64 // milliseconds of CLOCK_BOOTTIME

	// OnDamage, if set, hears of damage met after Open, from the goroutine
	// that met it. It must not call the store.
	OnDamage func(Salvage)

	noSync bool         // tests that do not cut the power save the time
	fault  func() error // tests make writing to a segment fail
}

const (
	defaultSegment = 4 << 20
	minMaxBytes    = 1 << 20
	// metaReserve is the part of MaxBytes kept for meta.db and the lock.
	metaReserve = 128 << 10
)

func (o *Options) validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("store: "+format, args...)) }
	if o.Dir == "" {
		bad(`Dir is empty: name a directory`)
	}
	if o.MaxBytes < minMaxBytes {
		bad("MaxBytes is %d: give at least %d", o.MaxBytes, minMaxBytes)
	}
	if o.SegmentBytes < 0 {
		bad("SegmentBytes is %d: give 0 for the default or a size", o.SegmentBytes)
	}
	if least, _ := recordBytes(0); o.PendingBytes < least || int64(o.PendingBytes) > o.MaxBytes/4 {
		bad("PendingBytes is %d: give %d up to a quarter of MaxBytes, %d", o.PendingBytes, least, o.MaxBytes/4)
	}
	if o.Drop > DropNewest {
		bad("Drop is %d: give DropOldest or DropNewest", o.Drop)
	}
	if o.Now == nil {
		bad("Now is nil: give the clock of the agent")
	}
	if o.SegmentBytes == 0 {
		o.SegmentBytes = defaultSegment
	}
	o.SegmentBytes = min(o.SegmentBytes, o.MaxBytes/4)
	return errors.Join(errs...)
}

// Store keeps frames. Its methods are safe for concurrent use; see the package
// comment for who calls what.
//
// A disk may hang for minutes. So files are written under commitMu and read
// under readMu, never under mu: for that one waits who hands frames in. Lock
// order: commitMu, readMu, mu, pending.mu.
type Store struct {
	o    Options
	lock *os.File

	commitMu sync.Mutex // held while writing
	meta     metaFile   // written under commitMu and mu, like sums
	sums     sumsFile
	way      cursor // what commits prove with, commitMu's

	readMu  sync.Mutex // held while reading through the segments
	readers [frame.Lanes]reader

	mu     sync.Mutex // guards all below; never held across a system call
	closed bool       // closed, segs and what is in them change under all three: read under any
	segs   []*segment // ascending numbers
	active *segment   // the last of segs while it is open for writing; commitMu's, too
	st     state      // as it is to be written next
	// handed is the highest frame, or end of a gap, that Next returned or that was Sent: what lies between Released
	// and it is in flight and dropped last.
	handed  [frame.Lanes]frame.ID
	written int64 // bytes written to files since Open
	commits int64
	damaged int // files set aside since Open, at Open included

	dropped  uint64 // samples given up for want of room since Open, see given.go
	thinned  uint64 // of them, by thinning, of which no gap record was handed out
	badBytes int64
	maxFrame int // largest payload stored
	oldest   [frame.Lanes]oldest
	sick     [frame.Lanes]error    // why a lane cannot be read now
	frozen   bool                  // a thinned segment is being put in its place: releases wait …
	late     [frame.Lanes]frame.ID // … here
	told     bool                  // st.Opened is not on flash yet
	precious bool                  // frames of a higher class than Normal were there since Open

	pending pending
}

// Epoch returns the epoch of this run: one more than the last one's, or what
// Reassign made it.
func (s *Store) Epoch() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.st.Epoch
}

// SetOpened notes that a server has heard of an epoch; the next Commit makes
// that durable.
func (s *Store) SetOpened(epoch uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = s.told || s.st.Opened != epoch
	s.st.Opened = epoch
}

// Opened returns the last epoch that a server has heard of, 0 for none.
func (s *Store) Opened() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.st.Opened
}

// Last returns the highest frame of a lane that the store ever held or that
// was released, as far as it knows. The next frame's Prev is this or later.
func (s *Store) Last(lane frame.Lane) frame.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.st.Last[lane]
}

// Reassign makes the frames of the current epoch frames of epoch to, durably,
// and to the current epoch. It is for a server that has seen a higher fence
// than this store, as with a new SD card.
func (s *Store) Reassign(to uint64) error {
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	if s.closed {
		return ErrOff
	}
	s.mu.Lock()
	from, next := s.st.Epoch, s.st
	next.reassign(to)
	s.mu.Unlock()
	if to <= from {
		return fmt.Errorf("store: reassign epoch %d to %d: the new one must be higher", from, to)
	}
	if err := s.write(next); err != nil {
		return err
	}
	s.readMu.Lock()
	defer s.readMu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.st.reassign(to)
	for _, g := range s.segs {
		for i := range g.spans {
			g.spans[i].translate(s.st.Aliases)
		}
	}
	renamed := aliases{{from, to}}
	for i := range s.handed {
		s.handed[i] = renamed.id(s.handed[i])
	}
	s.pending.translate(renamed)
	return nil
}

// reassign renames the current epoch. What st shares with another state stays
// as it is there.
func (st *state) reassign(to uint64) {
	st.Aliases = st.Aliases.reassign(st.Epoch, to)
	renamed := aliases{{st.Epoch, to}} // others are done, or other stores' by now
	st.Runs = renameRun(st.Runs, to, st.Opened >= st.Epoch)
	st.Epoch = to
	for i := range st.Last {
		st.Last[i], st.Released[i] = renamed.id(st.Last[i]), renamed.id(st.Released[i])
	}
	st.Notes = append(notes(nil), st.Notes...)
	for i := range st.Notes {
		n := &st.Notes[i]
		n.From, n.To = renamed.id(n.From), renamed.id(n.To)
	}
}

// translate applies aliases, which it may have seen already, to a span's
// identities.
func (sp *span) translate(as aliases) {
	sp.prev = as.prev(sp.first, sp.prev)
	sp.first, sp.last = as.id(sp.first), as.id(sp.last)
	for i := range sp.parts {
		sp.parts[i].last = as.id(sp.parts[i].last)
	}
}

// Release says that the server has everything of a lane up to and including
// upTo. It is cheap: segments are unlinked by the next Commit or Sweep.
func (s *Store) Release(lane frame.Lane, upTo frame.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.frozen {
		if s.late[lane].Less(upTo) {
			s.late[lane] = upTo
		}
		return
	}
	s.releaseLocked(lane, upTo)
}

func (s *Store) releaseLocked(lane frame.Lane, upTo frame.ID) {
	if !s.st.Released[lane].Less(upTo) {
		return
	}
	s.st.Released[lane] = upTo
	if s.st.Last[lane].Less(upTo) {
		s.st.Last[lane] = upTo
	}
	s.st.Notes = s.st.Notes.release(lane, upTo)
}

// Close commits what is pending, unlinks what is released, marks the store
// clean and gives the directory free. The store is off afterwards, whatever
// the error.
func (s *Store) Close() error { return s.close(true) }

// CloseUnclean is Close, but the next Open reports the run as one without an
// end: its caller has lost samples that nothing declares yet.
func (s *Store) CloseUnclean() error { return s.close(false) }

func (s *Store) close(clean bool) error {
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	if s.closed {
		return nil
	}
	s.pending.close()
	err := s.commitAll()
	s.readMu.Lock()
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	for i := range s.readers {
		s.readers[i].close()
	}
	s.readMu.Unlock()
	err = errors.Join(err, s.seal())
	s.sweep()
	for _, g := range s.segs {
		err = errors.Join(err, g.close())
	}
	if err == nil {
		s.mu.Lock()
		s.st.Clean = clean
		s.mu.Unlock()
		err = s.writeState()
	}
	return errors.Join(err, unlockDir(s.lock))
}

// writeState makes the state durable, as it is now. The caller holds commitMu.
func (s *Store) writeState() error {
	s.mu.Lock()
	st := s.st
	st.Notes, st.Dropped = slices.Clone(st.Notes), slices.Clone(st.Dropped)
	s.mu.Unlock()
	return s.write(st)
}

// write makes st durable, which must share nothing that others change.
func (s *Store) write(st state) error {
	meta := s.meta
	n, err := meta.write(&st)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.meta, s.st.Gen = meta, st.Gen
	s.written += n
	return err
}
