package store

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/telhub/telhub/uplink/frame"
)

// segment is one file of records. What belongs to the committer is guarded by
// commitMu, what belongs to readers by readMu; the rest changes under both and mu
// (what is read of a file that no span knows of, under readMu and mu).
type segment struct {
	segFile
	path   string   // changes before the segment is in Store.segs only
	size   int64    // on disk
	db     *bolt.DB // committer's: of the active one; nil while closed
	file   *os.File // committer's: to read what db wrote, while that is open
	filled int64    // committer's: length of file up to which zeros were written ahead
	meta   boltMeta // of the last transaction; nothing while hwm is 0. Of a sealed one, readers'
	spans  [frame.Lanes]span

	fresh   bool     // committer's: not yet under its final name, nor in Store.segs
	old     *segment // committer's: in whose place a fresh one will come …
	carried []byte   // … with these records of it
	sealed  bool     // committer's: not to be opened for writing again
	suspect bool     // readers': a write failed: check before reading
	failed  bool     // … and its file may hold more than spans says: that was not committed, or stands elsewhere, too
	unread  bool     // the disk did not give it at Open: what it holds is not known
	sickAt  int64    // readers': when the disk first refused to give what stands in it, ms of Options.Now; 0: it does

	sum      *sum // committer's: its line in the file of sums; nil if it has none
	unproved bool // readers': taken on trust at Open: check before a frame of it is declared missing
	largest  int  // payload
}

// reader is a lane's place in a segment, kept between calls of Next, so that
// they allocate nothing. Commit closes the one in the active segment, because
// the next but one will use its pages again.
type reader struct {
	seg *segment
	cur cursor
	key key // what is sought: here, so that it is not allocated
}

func (r *reader) close() {
	r.cur.close()
	r.seg = nil
}

// openAt places the reader in g.
func (r *reader) openAt(g *segment) (err error) {
	if r.seg == g {
		return nil
	}
	r.close()
	switch size, err := diskSize(g.path); {
	case err != nil:
		return err
	case size < g.size:
		return errTruncated
	}
	if g.suspect || !g.unproved && g.meta.hwm == 0 {
		if err := g.prove(); err != nil {
			return err
		}
	}
	f, err := os.Open(g.path)
	if err != nil {
		return err
	}
	meta := g.meta
	if g.unproved { // the cursor checks the pages that it reads; all at once would hold up a live frame
		if meta, err = metaOf(f); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	if err := r.cur.open(f, meta); err != nil {
		r.close()
		return err
	}
	r.seg = g
	return nil
}

// prove checks the file whole. The caller holds readMu.
func (g *segment) prove() error {
	meta, err := checkFile(g.path, func(_, _ []byte) error { return nil })
	if err != nil {
		return err
	}
	g.meta, g.suspect, g.unproved = meta, false, false
	return nil
}

// prove checks the segments taken on trust that should hold frames of
// (after, end]: what is missing there may be saved from a damaged one. g is the
// segment of an error. The caller holds readMu.
func (s *Store) prove(lane frame.Lane, after, end frame.ID) (g *segment, err error) {
	for _, g := range s.segs {
		sp := &g.spans[lane]
		if !g.unproved || sp.Frames == 0 || !after.Less(sp.last) || end.Less(sp.first) {
			continue
		}
		if err := g.prove(); err != nil {
			return g, err
		}
	}
	return nil, nil
}

// proveWay checks the pages that a commit of records will go through: bbolt
// trusts them, and would follow a branch that leads back to itself for ever.
func (g *segment) proveWay(c *cursor, records []byte) error {
	if err := c.open(g.file, g.meta); err != nil {
		return err
	}
	for last := byte(frame.Lanes); len(records) > 0; {
		var k []byte
		if k, _, records = cutRecord(records); k[0] == last {
			continue // behind the one before: the same pages
		}
		last = k[0]
		if _, _, err := c.seek(k); err != nil {
			return err
		}
	}
	return nil
}

// records reads all of a sealed segment, as appendRecords makes them.
func (g *segment) records() (all []byte, err error) {
	_, err = checkFile(g.path, func(k, v []byte) error {
		if _, err := openValue(k, v); err != nil {
			return err
		}
		all = append(append(all, k...), v...)
		return nil
	})
	return all, err
}

// abandon gives up a handle that cannot be closed any more.
func (g *segment) abandon(err error) {
	if errors.Is(err, errStuck) {
		g.file.Close()
		g.db, g.file = nil, nil
	}
}

// leave closes all readers in segments. The caller holds readMu.
func (s *Store) leave(segs ...*segment) {
	for i := range s.readers {
		if g := s.readers[i].seg; g != nil && slices.Contains(segs, g) {
			s.readers[i].close()
		}
	}
}

// close closes the file that g is written through. The caller holds commitMu.
func (g *segment) close() error {
	if g.db == nil {
		return nil
	}
	err := errors.Join(g.db.Close(), g.file.Close())
	g.db, g.file = nil, nil
	return err
}

// seal ends writing to the active segment. The caller holds commitMu.
func (s *Store) seal() error {
	g := s.active
	if g == nil {
		return nil
	}
	s.readMu.Lock()
	s.mu.Lock()
	s.active = nil
	s.mu.Unlock()
	s.leave(g)
	s.readMu.Unlock()
	err := g.close()
	if err == nil {
		s.noteSum(g)
	}
	return err
}

// removeLocked takes a segment out of the store. The caller holds commitMu,
// readMu and mu, and then closes it and removes its file.
func (s *Store) removeLocked(g *segment) {
	if g == s.active {
		s.active = nil
	}
	if i := slices.Index(s.segs, g); i >= 0 {
		s.segs = slices.Delete(s.segs, i, i+1)
	}
}

// unlink closes a segment that is in the store no more, and removes its file.
// The caller holds commitMu.
func (g *segment) unlink() error {
	g.close()
	return os.Remove(g.path)
}

// doneLocked reports whether all that g holds is released.
func (s *Store) doneLocked(g *segment) bool {
	for lane := range g.spans {
		if sp := &g.spans[lane]; sp.Frames > 0 && s.st.Released[lane].Less(sp.last) {
			return false
		}
	}
	return !g.unread
}

// usedLocked returns what the directory takes on disk.
func (s *Store) usedLocked() int64 {
	used := s.meta.size + s.sums.size + min(s.badBytes, s.o.MaxBytes/2)
	for _, g := range s.segs {
		used += g.size
	}
	return used
}

// indexSegment checks the file of a segment and sums up what it holds.
func indexSegment(g *segment, as aliases) (largest int, err error) {
	return indexPart(g, as, func(frame.Lane, frame.ID) bool { return true })
}

// indexPart is indexSegment for the frames that belong to the segment: all, but
// in a file in which a commit failed.
func indexPart(g *segment, as aliases, belongs func(frame.Lane, frame.ID) bool) (largest int, err error) {
	var a assembler
	g.spans = [frame.Lanes]span{}
	g.meta, err = checkFile(g.path, func(k, v []byte) error {
		fk, err := parseKey(k)
		if err != nil {
			return err
		}
		data, err := openValue(k, v)
		if err != nil {
			return err
		}
		done, err := a.add(&fk, data)
		if id := as.id(fk.id()); done && err == nil && belongs(fk.lane(), id) {
			largest = max(largest, a.header.length)
			g.spans[fk.lane()].add(id, as.prev(fk.id(), a.header.prev), &a.header, a.payload)
		}
		return err
	})
	if err == nil && a.pending() {
		err = errChunks
	}
	if err == nil {
		g.size, err = diskSize(g.path)
	}
	if err != nil {
		g.spans, g.meta = [frame.Lanes]span{}, boltMeta{}
		return 0, err
	}
	return largest, nil
}

func (s *Store) segPath(f segFile) string { return filepath.Join(s.o.Dir, f.name()) }
