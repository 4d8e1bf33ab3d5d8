package store

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"syscall"

	"github.com/telhub/telhub/uplink/frame"
)

// What a file says and what the disk says are two things. A file that was read
// and is wrong is damaged: it is salvaged, and what cannot be is declared. A
// disk that refuses (EIO, EMFILE, ENOSPC …) tells nothing about the file: the
// caller gets the error and tries again, for as long as that goes on. Only where
// the disk gives the beginning of a file and keeps refusing one place of it for
// badSector, as worn cards do, the rest of that file is salvaged.
const badSector = 10 * 60 * 1000 // milliseconds of Options.Now

// refused reports whether err is the disk's, or the kernel's, and not what
// stands in a file, or that it is gone.
func refused(err error) bool {
	var errno syscall.Errno
	return errors.As(err, &errno) && !gone(err) && errno != syscall.ELOOP && errno != syscall.EISDIR
}

// gone reports whether err says that a file is not there any more.
func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) }

// spared reports whether a segment that cannot be read now is left for later.
func (s *Store) spared(g *segment, lane frame.Lane, err error) bool {
	if !refused(err) {
		return false
	}
	s.readMu.Lock()
	defer s.readMu.Unlock()
	s.leave(g)
	s.mu.Lock()
	s.sick[lane] = err
	s.mu.Unlock()
	now := s.o.Now()
	if g.sickAt == 0 {
		g.sickAt = now
	}
	return now-g.sickAt < badSector || !begins(g.path)
}

// begins reports whether a segment's first pages can be read and are sound.
func begins(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	_, err = metaOf(f)
	return err == nil
}

// reread takes in a segment that the disk did not give at Open. The caller holds
// readMu.
func (s *Store) reread(g *segment) error {
	read := segment{path: g.path}
	largest, err := indexPart(&read, s.st.Aliases, s.belongs(g))
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.knowLocked(g, &read, largest)
	return nil
}

// knowLocked gives a segment what was read of its file. The caller holds readMu.
func (s *Store) knowLocked(g, read *segment, largest int) {
	g.spans, g.meta, g.size, g.largest = read.spans, read.meta, read.size, largest
	g.unread, g.suspect, g.unproved, g.sickAt = false, false, false, 0
	s.maxFrame = max(s.maxFrame, largest)
	for lane := range g.spans {
		sp := &g.spans[lane]
		s.precious = s.precious || sp.parts[1].frames > 0
		if last := &s.st.Last[lane]; sp.Frames > 0 && last.Less(sp.last) {
			*last = sp.last
		}
	}
}

// heal salvages a segment in which Next met damage, as Open would have. Its
// error is one of the disk: the segment is as it was.
func (s *Store) heal(g *segment, lane frame.Lane, damage error) error {
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	if s.closed || !slices.Contains(s.segs, g) { // somebody else saw to it
		return nil
	}
	if g == s.active {
		g.failed = true
		s.seal()
	}
	s.readMu.Lock()
	s.leave(g)
	g.suspect = true // whoever reads it meanwhile must see which file it is
	belongs := s.known(g)
	s.readMu.Unlock()
	size, _ := diskSize(g.path)
	report, left := salvageFile(g.path, damage, refused(damage))
	read, largest := segment{path: g.path}, 0
	if left {
		largest, report.Err = indexPart(&read, s.st.Aliases, belongs)
	}
	if refused(report.Err) {
		s.mu.Lock()
		s.sick[lane] = report.Err
		s.mu.Unlock()
		return report.Err
	}
	s.replace(g, &read, largest, left && report.Err == nil, &report, size)
	if s.o.OnDamage != nil {
		s.o.OnDamage(report)
	}
	return nil
}

// known returns which frames belong to a segment: of one whose spans are known,
// those in them.
func (s *Store) known(g *segment) func(frame.Lane, frame.ID) bool {
	if g.unread {
		return s.belongs(g)
	}
	spans := g.spans
	return func(lane frame.Lane, id frame.ID) bool { return spans[lane].Frames > 0 && !spans[lane].last.Less(id) }
}

// replace takes in what was salvaged of a segment, if something was.
func (s *Store) replace(g, read *segment, largest int, left bool, report *Salvage, size int64) {
	s.readMu.Lock()
	defer s.readMu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.damaged++
	if report.Bad != "" {
		s.badBytes += size
	}
	if !left {
		s.removeLocked(g)
		return
	}
	g.sealed, g.sum = true, nil
	s.knowLocked(g, read, largest)
}
