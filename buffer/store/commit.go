package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	bolt "go.etcd.io/bbolt"

	"github.com/telhub/telhub/uplink/frame"
)

// Commit makes all frames of earlier Puts durable, in one transaction of one
// file (two after a commit that failed), and unlinks what is released. On an
// error nothing is lost: the frames stay in memory and the next Commit tries
// again. ErrFull means that there is no room and nothing that may be dropped.
func (s *Store) Commit() error {
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	if s.closed {
		return ErrOff
	}
	return s.commitAll()
}

// Sweep unlinks segments that are released whole.
func (s *Store) Sweep() {
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	if !s.closed {
		s.sweep()
	}
}

// commitAll commits what a failed commit left, then what Put has gathered.
// The caller holds commitMu.
func (s *Store) commitAll() error {
	for {
		records, retried := s.pending.take()
		if len(records) > 0 {
			if err := s.commitRecords(records); err != nil {
				s.tellRoom()
				return err
			}
			s.pending.done()
		}
		if !retried {
			break
		}
	}
	s.sweep()
	s.tellRoom()
	s.look()
	s.mu.Lock()
	told := s.told
	s.told = false
	s.mu.Unlock()
	if !told {
		return nil
	}
	err := s.writeState()
	if err != nil {
		s.mu.Lock()
		s.told = true
		s.mu.Unlock()
	}
	return err
}

// commitRecords writes one transaction. A file that does not take it is sealed
// and a fresh one tried once; as long as the disk is full, a few times, each
// after dropping the oldest segment.
func (s *Store) commitRecords(records []byte) error {
	for try := 0; ; try++ {
		g, err := s.prepare(len(records))
		if err == nil {
			err = s.writeTo(g, records)
		}
		if err == nil || errors.Is(err, ErrFull) {
			return err
		}
		full := noSpace(err)
		s.fail(err)
		dropped := full && try < maxDrops && s.o.Drop == DropOldest && s.dropOldest()
		switch {
		case full && !dropped:
			return fmt.Errorf("%w: %w", ErrFull, err)
		case !full && try > 0:
			return fmt.Errorf("store: commit: %w", err)
		}
	}
}

// fail ends writing to a segment that did not take a commit.
func (s *Store) fail(err error) {
	g := s.active
	if g == nil {
		return
	}
	s.readMu.Lock()
	g.suspect = true
	s.readMu.Unlock()
	g.failed = true
	g.abandon(err)
	s.seal()
}

// maxDrops bounds how many segments one commit gives up because the disk is
// full: if that does not help, somebody else is filling it.
const maxDrops = 4

func noSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// growth bounds what a commit of so many bytes of records adds to a file:
// leaves are at least three quarters full but for the last two of each lane,
// and a few pages of branches are written anew before the old ones are free.
func growth(records int) int64 { return int64(records)*4/3 + 64<<10 }

// prepare makes room within MaxBytes and returns the segment to write to.
func (s *Store) prepare(records int) (*segment, error) {
	s.sweep()
	for !s.fits(growth(records)) {
		if s.o.Drop == DropNewest || !s.dropOldest() {
			return nil, ErrFull
		}
	}
	if g := s.active; g != nil && (g.size >= s.o.SegmentBytes || g.size+growth(records) > s.mapSize()) {
		if err := s.seal(); err != nil {
			return nil, err
		}
		s.sweep()
	}
	if s.active == nil {
		if err := s.activate(); err != nil {
			return nil, err
		}
	}
	s.readMu.Lock()
	s.leave(s.active)
	s.readMu.Unlock()
	return s.active, nil
}

// fits reports whether so many bytes more are within MaxBytes.
func (s *Store) fits(bytes int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.usedLocked()+bytes+s.thinRoomLocked() <= s.o.MaxBytes-metaReserve
}

// mapSize is what a writable segment is mapped with: never outgrown.
func (s *Store) mapSize() int64 {
	return nextPowerOf2(s.o.SegmentBytes + growth(s.o.PendingBytes))
}

// carryShare is up to which part of SegmentBytes a segment that an earlier run
// left is taken into the first one of this run.
const carryShare = 32

// activate begins a segment under a temporary name, which writeTo makes
// final. No file that was there before is written to, see openWriter; but what
// an earlier run left is copied if it is small, so that many restarts do not
// leave many small files.
func (s *Store) activate() error {
	file := segFile{first: s.st.NextSeg, no: s.st.NextSeg}
	g := &segment{segFile: file, path: s.segPath(file), sealed: true, fresh: true}
	if old := s.carry(); old != nil {
		// Should it be damaged by now, Next will salvage it.
		if records, err := old.records(); err != nil {
			s.readMu.Lock()
			old.suspect = true
			s.readMu.Unlock()
		} else {
			g.segFile, g.path, g.old, g.carried = old.segFile, old.path, old, records
		}
	}
	os.Remove(g.path + tmpSuffix)
	db, err := openWriter(g.path+tmpSuffix, int(s.mapSize()), s.o.noSync)
	if err != nil {
		return fmt.Errorf("make %s: %w", g.path, err)
	}
	if g.file, err = os.Open(g.path + tmpSuffix); err != nil {
		return fmt.Errorf("make %s: %w", g.path, errors.Join(err, db.Close()))
	}
	g.db = db
	s.mu.Lock()
	defer s.mu.Unlock()
	if g.old == nil {
		s.st.NextSeg++
	}
	s.active = g
	return nil
}

// carry returns the segment to copy into the one that begins, nil for
// none. It is asked once for each.
func (s *Store) carry() *segment {
	if len(s.segs) == 0 {
		return nil
	}
	g := s.segs[len(s.segs)-1]
	if g.sealed || g.unread || g.failed {
		return nil
	}
	g.sealed = true
	if g.size > max(s.o.SegmentBytes/carryShare, 2*minSegment) {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.usedLocked()+2*g.size > s.o.MaxBytes-metaReserve {
		return nil
	}
	return g
}

// minSegment is what a segment with one small frame takes: metas, free list,
// page of buckets, and what the first commit writes anew.
const minSegment = 8 * pageSize

// writeTo commits records to g and makes them visible to Next.
func (s *Store) writeTo(g *segment, records []byte) error {
	if !g.fresh {
		if err := g.proveWay(&s.way, records); err != nil {
			return fmt.Errorf("%s: %w", g.path, err)
		}
	}
	filled := s.zeroFill(g, len(records))
	n, err := update(g.db, func(b *bolt.Bucket) error {
		if s.o.fault != nil {
			if err := s.o.fault(); err != nil {
				return err
			}
		}
		return errors.Join(putRecords(b, g.carried), putRecords(b, records))
	})
	n, g.carried = n+filled, nil
	if err == nil && g.fresh {
		n += 4 * pageSize // a new file's first pages
		err = s.enter(g)
	}
	if err == nil {
		err = s.index(g, records)
	}
	s.mu.Lock()
	s.written += n
	s.mu.Unlock()
	if err != nil {
		g.abandon(err)
		if g.fresh {
			s.seal()
			os.Remove(g.path + tmpSuffix)
		}
	}
	return err
}

// enter gives the file of a fresh segment its name and takes it in, in the place
// of the one that it carries. Readers wait: they open files by that name.
func (s *Store) enter(g *segment) error {
	s.readMu.Lock()
	defer s.readMu.Unlock()
	if err := os.Rename(g.path+tmpSuffix, g.path); err != nil {
		return err
	}
	old := g.old
	s.mu.Lock()
	g.fresh, g.old = false, nil
	if i := slices.Index(s.segs, old); i >= 0 {
		g.spans, g.largest = old.spans, old.largest
		s.segs[i] = g
	} else {
		s.segs = append(s.segs, g)
	}
	s.mu.Unlock()
	s.leave(old)
	if s.o.noSync {
		return nil
	}
	return syncDir(filepath.Dir(g.path))
}

// index makes what was committed to g visible to Next. After an error it is as
// if the commit had failed: it is made again, elsewhere.
func (s *Store) index(g *segment, records []byte) error {
	meta, err := metaOf(g.file)
	if err != nil {
		return err
	}
	size, err := diskSize(g.path)
	if err != nil {
		return err
	}
	s.readMu.Lock()
	defer s.readMu.Unlock()
	s.mu.Lock()
	s.commits++
	s.indexLocked(g, records)
	g.meta, g.size = meta, size
	s.mu.Unlock()
	s.leave(g) // a reader that came while we wrote sees what was before
	return nil
}

// putRecords puts what appendRecords made into a transaction, which keeps
// referring to it until it ends.
func putRecords(b *bolt.Bucket, records []byte) error {
	for rest := records; len(rest) > 0; {
		var k, v []byte
		k, v, rest = cutRecord(rest)
		if err := b.Put(k, v); err != nil {
			return err
		}
	}
	return nil
}

// indexLocked adds committed records to the spans.
func (s *Store) indexLocked(g *segment, records []byte) {
	var a assembler
	for rest := records; len(rest) > 0; {
		var k, v []byte
		k, v, rest = cutRecord(rest)
		fk, _ := parseKey(k)
		if done, _ := a.add(&fk, v[valueLen:]); !done {
			continue
		}
		id := s.st.Aliases.id(fk.id())
		g.spans[fk.lane()].add(id, s.st.Aliases.prev(fk.id(), a.header.prev), &a.header, a.payload)
		s.precious = s.precious || a.header.class != frame.Normal
		g.largest = max(g.largest, a.header.length)
		s.maxFrame = max(s.maxFrame, g.largest)
		if last := &s.st.Last[fk.lane()]; last.Less(id) {
			*last = id
		}
	}
}

// sweep unlinks what is released. The caller holds commitMu.
func (s *Store) sweep() {
	s.readMu.Lock()
	s.mu.Lock()
	done := s.dismissLocked()
	s.mu.Unlock()
	s.leave(done...)
	s.readMu.Unlock()
	for _, g := range done {
		g.unlink()
	}
}

// dismissLocked takes out of the store what is released and returns it, to be
// unlinked. The active segment stays unless it is half full: a new file costs
// more than going on in it.
func (s *Store) dismissLocked() (done []*segment) {
	kept := s.segs[:0]
	for _, g := range s.segs {
		if !s.doneLocked(g) || g == s.active && g.size < s.o.SegmentBytes/2 {
			kept = append(kept, g)
			continue
		}
		if g == s.active {
			s.active = nil
		}
		done = append(done, g)
	}
	clear(s.segs[len(kept):])
	s.segs = kept
	return done
}

// tellRoom tells Put how much DropNewest still takes.
func (s *Store) tellRoom() {
	s.mu.Lock()
	free, precious := s.o.MaxBytes-metaReserve-s.usedLocked(), s.precious
	s.mu.Unlock()
	reserve := [rooms]int64{roomHigh: alarmReserve, roomUrgent: gapReserve}
	if precious {
		reserve[roomNormal] = s.o.MaxBytes / 10 * 3 / 4
	}
	s.pending.setRoom((free-2*growth(0))*3/4, &reserve) // what growth allows two commits
}

// What DropNewest keeps free, as records, so that a store that is full of
// samples still takes alarms, and says what it did not take.
const (
	alarmReserve = 64 * gapRecord
	gapReserve   = 32 * gapRecord
)
