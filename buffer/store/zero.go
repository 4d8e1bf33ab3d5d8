package store

import "os"

// A commit that makes its file longer costs some 20 kB more than one that does
// not, because fdatasync then has to wait for the file system's journal, too. So
// small commits find zeros written ahead of them. These cost a page for each
// page that the file will grow by, which pays while a commit's own pages are
// few; docs/flash.md has the figures.
const (
	zeroAhead  = 64 << 10     // bytes, at a time
	zeroShare  = 4            // but at most this part of SegmentBytes
	zeroCommit = 4 << 10      // records: larger commits cost less without
	zeroLeast  = 8 * pageSize // what such a commit makes a file grow by, at most but for splits of branches
)

// zeroFill writes zeros behind the end of the active segment if a small commit
// is about to come there. The commit's own sync makes them durable; what fails
// here will fail the commit. The caller holds commitMu.
func (s *Store) zeroFill(g *segment, records int) (written int64) {
	if g.fresh || records > zeroCommit || int64(g.meta.hwm)*pageSize+zeroLeast <= g.filled {
		return 0
	}
	size := min(zeroAhead, s.o.SegmentBytes/zeroShare/pageSize*pageSize)
	if g.size+size >= s.o.SegmentBytes || !s.fits(growth(records)+size) {
		return 0
	}
	f, err := os.OpenFile(g.path, os.O_WRONLY, 0)
	if err != nil {
		return 0
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() < int64(g.meta.hwm)*pageSize {
		return 0
	}
	n, _ := f.WriteAt(make([]byte, size), info.Size())
	g.filled = info.Size() + int64(n)
	return int64(n)
}
