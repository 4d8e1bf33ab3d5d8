package store

import (
	"errors"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"

	"github.com/telhub/telhub/uplink/frame"
)

// segment is one file of records. Store.mu guards it, except that the
// committer writes through the active one's db under commitMu.
type segment struct {
	segFile
	path  string
	size  int64    // on disk
	db    *bolt.DB // nil while closed
	spans [frame.Lanes]span

	fresh   bool // not yet under its final name, nor in Store.segs
	sealed  bool // not to be opened for writing again
	suspect bool // a write failed: check before reading
	failed  bool // … and its file may hold more than spans says
	unread  bool // damaged and not salvageable now: left in place, not read

	sum      *sum // its line in the file of sums; nil if it has none
	unproved bool // taken on trust at Open: check before reading
	largest  int  // payload
}

// reader is a lane's place in a segment: a transaction kept open between calls
// of Next, so that they allocate nothing. Commit closes the one in the active
// segment, as it would keep pages from being used again.
type reader struct {
	seg *segment
	tx  *bolt.Tx
	cur *bolt.Cursor
	key key // what is sought: here, so that it is not allocated
}

func (r *reader) close() {
	if r.tx != nil && r.seg.db != nil { // else the handle is abandoned, its locks held for ever
		r.seg.abandon(rollback(r.tx))
	}
	*r = reader{}
}

// openAt places the reader in g.
func (r *reader) openAt(g *segment) (err error) {
	if r.seg == g {
		return nil
	}
	r.close()
	if g.db == nil {
		if size, err := diskSize(g.path); err != nil || size < g.size {
			return errTruncated
		}
		if g.suspect || g.unproved {
			if err := g.prove(); err != nil {
				return err
			}
		}
		if g.db, err = openReader(g.path); err != nil {
			return err
		}
	}
	tx, err := begin(g.db, false)
	if err != nil {
		g.abandon(err)
		return err
	}
	cur, err := cursor(tx)
	if err != nil {
		err = errors.Join(err, rollback(tx))
		g.abandon(err)
		return err
	}
	*r = reader{seg: g, tx: tx, cur: cur}
	return nil
}

// prove checks the file, so that bbolt may see it.
func (g *segment) prove() error {
	if _, err := checkFile(g.path, func(_, _ []byte) error { return nil }); err != nil {
		return err
	}
	g.suspect, g.unproved = false, false
	return nil
}

// cursor opens the bucket of records.
func cursor(tx *bolt.Tx) (cur *bolt.Cursor, err error) {
	defer rescue(&err)
	b := tx.Bucket([]byte(bucketName))
	if b == nil {
		return nil, errRecord
	}
	return b.Cursor(), nil
}

// abandon gives up a handle that cannot be closed any more.
func (g *segment) abandon(err error) {
	if errors.Is(err, errStuck) {
		g.db = nil
	}
}

// leaveLocked closes all readers in g.
func (s *Store) leaveLocked(g *segment) {
	for i := range s.readers {
		if s.readers[i].seg == g {
			s.readers[i].close()
		}
	}
}

// closeLocked closes the segment's file if no lane reads it, or in any case if
// force.
func (s *Store) closeLocked(g *segment, force bool) error {
	if g == nil || g.db == nil || g == s.active && !force {
		return nil
	}
	if force {
		s.leaveLocked(g)
	}
	for i := range s.readers {
		if s.readers[i].seg == g {
			return nil
		}
	}
	err := g.db.Close()
	g.db = nil
	return err
}

// sealLocked ends writing to the active segment.
func (s *Store) sealLocked() error {
	g := s.active
	if g == nil {
		return nil
	}
	s.active = nil
	err := s.closeLocked(g, true)
	if err == nil {
		s.noteSumLocked(g)
	}
	return err
}

// unlinkLocked removes a segment from the store and from the disk.
func (s *Store) unlinkLocked(g *segment) error {
	if g == s.active {
		s.active = nil
	}
	s.closeLocked(g, true)
	for i := range s.segs {
		if s.segs[i] == g {
			s.segs = append(s.segs[:i], s.segs[i+1:]...)
			break
		}
	}
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
	var a assembler
	_, err = checkFile(g.path, func(k, v []byte) error {
		fk, err := parseKey(k)
		if err != nil {
			return err
		}
		data, err := openValue(k, v)
		if err != nil {
			return err
		}
		done, err := a.add(&fk, data)
		if done && err == nil {
			largest = max(largest, a.header.length)
			g.spans[fk.lane()].add(as.id(fk.id()), as.id(a.header.prev), &a.header, a.payload)
		}
		return err
	})
	if err == nil && a.pending() {
		err = errChunks
	}
	if err != nil {
		g.spans = [frame.Lanes]span{}
		return 0, err
	}
	g.size, err = diskSize(g.path)
	return largest, err
}

func (s *Store) segPath(f segFile) string { return filepath.Join(s.o.Dir, f.name()) }
