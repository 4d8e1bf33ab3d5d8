package store

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/telhub/telhub/uplink/frame"
)

// Report says what Open found.
type Report struct {
	Epoch uint64 // of this run
	// Fresh: no trustworthy counter of epochs was found. Epoch is above all
	// that the segments hold, but the server may have seen higher ones; see
	// Reassign.
	Fresh   bool
	Unclean *Unclean // the last run did not end with Close; nil if it did, or there was none

	Salvaged []Salvage // damaged files
	Segments int       // in use
	Frames   int       // in them, some perhaps released
	Notes    []Note    // losses not yet declared
}

// Unclean says how far the records of a run without an end reach.
type Unclean struct {
	Epoch uint64
	// LastT1 is the last stamp on disk, milliseconds of CLOCK_BOOTTIME of
	// Boot, alarms left out; without any record of the epoch, the time at which
	// it began, or, if the run before had no end either, that one's.
	LastT1 int64
	Boot   frame.BootID
	Dating frame.Dating // of the last record
}

// Open opens the store in o.Dir, making it if need be. It fails only if the
// directory is in use (ErrLocked) or cannot be written, or o is wrong: what is
// damaged is salvaged, set aside and reported. It reads the segments of which
// no sum is known, and writes one small commit; what the others hold is proved
// before it is read, and damage is told to OnDamage then.
func Open(o Options) (*Store, *Report, error) {
	if err := o.validate(); err != nil {
		return nil, nil, err
	}
	lock, err := lockDir(o.Dir)
	if err != nil {
		return nil, nil, err
	}
	s := &Store{o: o, lock: lock, meta: metaFile{path: filepath.Join(o.Dir, metaName), noSync: o.noSync},
		sums: sumsFile{path: filepath.Join(o.Dir, sumsName)}}
	s.pending.front = make([]byte, 0, o.PendingBytes)
	s.pending.back = make([]byte, 0, o.PendingBytes)
	r, err := s.recover()
	if err == nil {
		err = s.begin(r)
	}
	if err != nil {
		return nil, nil, errors.Join(err, lock.Close())
	}
	return s, r, nil
}

// recover reads the directory and brings it in order.
func (s *Store) recover() (*Report, error) {
	r := &Report{}
	list, err := listDir(s.o.Dir)
	if err != nil {
		return nil, err
	}
	for _, name := range list.tmps {
		if err := os.Remove(name); err != nil {
			return nil, fmt.Errorf("store: remove what was being made: %w", err)
		}
	}
	found, err := s.recoverMeta(r)
	if err != nil {
		return nil, err
	}
	s.badBytes += list.bad
	if err := s.removeStale(&list, r); err != nil {
		return nil, err
	}
	sums := s.sums.load()
	if r.Fresh { // what else may not be what it seems?
		sums = nil
	}
	for _, file := range list.segs {
		s.recoverSegment(file, sums[file.name()], r)
	}
	s.trim()
	s.unclean(found, r)
	r.Notes = append(r.Notes, s.st.Notes...)
	s.damaged = len(r.Salvaged)
	return r, nil
}

// recoverMeta reads the state and sets a damaged file aside.
func (s *Store) recoverMeta(r *Report) (found bool, err error) {
	st, found, damage := loadMeta(s.meta.path)
	s.st, r.Fresh = st, !found || damage != nil
	if damage == nil && found {
		s.meta.size, err = diskSize(s.meta.path)
		return true, err
	}
	if _, err := os.Lstat(s.meta.path); err != nil {
		return found, nil // a new store
	}
	if damage == nil {
		damage = errors.New("holds no state")
	}
	size, _ := diskSize(s.meta.path)
	report := Salvage{File: s.meta.path, Damage: damage}
	if report.Bad, err = setAside(s.meta.path); err != nil {
		return false, fmt.Errorf("store: set the damaged %s aside: %w", metaName, err)
	}
	s.badBytes += size
	r.Salvaged = append(r.Salvaged, report)
	return found, nil
}

// removeStale finishes what a power cut left of thinning: it removes what a
// thinned segment stands for, or, should that be damaged, goes back to it.
func (s *Store) removeStale(list *listing, r *Report) error {
	for _, f := range slices.Clone(list.segs) {
		var old []segFile
		for _, o := range list.stale {
			if f.replaces(o) {
				old = append(old, o)
			}
		}
		if len(old) == 0 {
			continue
		}
		path := s.segPath(f)
		if _, err := indexSegment(&segment{path: path}, s.st.Aliases); err != nil {
			size, _ := diskSize(path)
			report := Salvage{File: path, Damage: err}
			if report.Bad, report.Err = setAside(path); report.Err != nil {
				return fmt.Errorf("store: set the damaged %s aside: %w", f.name(), report.Err)
			}
			s.badBytes += size
			r.Salvaged = append(r.Salvaged, report)
			list.segs = append(slices.DeleteFunc(list.segs, func(o segFile) bool { return o == f }), old...)
			list.settle()
			slices.SortFunc(list.segs, func(a, b segFile) int { return cmp.Compare(a.no, b.no) })
			continue
		}
		for _, o := range old {
			if err := os.Remove(s.segPath(o)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("store: remove what %s stands for: %w", f.name(), err)
			}
		}
	}
	return nil
}

// recoverSegment takes a segment into the store, what can be read of it, or
// what its sum says.
func (s *Store) recoverSegment(file segFile, known *sum, r *Report) {
	s.st.NextSeg = max(s.st.NextSeg, file.no+1)
	g := &segment{segFile: file, path: s.segPath(file), sealed: file.thin}
	for _, dropped := range s.st.Dropped {
		if dropped == file.no && os.Remove(g.path) == nil {
			return // its loss is noted; only the unlink was missing
		}
	}
	var err error
	if !g.trust(known, s.st.Aliases) {
		g.largest, err = indexSegment(g, s.st.Aliases)
	}
	if err != nil && !refused(err) {
		size, _ := diskSize(g.path)
		report, left := salvageFile(g.path, err, false)
		if report.Bad != "" {
			s.badBytes += size
		}
		if left {
			g.largest, report.Err = indexSegment(g, s.st.Aliases)
		}
		r.Salvaged = append(r.Salvaged, report)
		if g.size, g.sealed, err = size, true, report.Err; !left && !refused(err) {
			return
		}
	}
	g.unread, g.sealed = err != nil, g.sealed || err != nil
	s.segs = append(s.segs, g)
	r.Segments++
	s.countSegment(g, r)
}

// countSegment takes in what a segment holds.
func (s *Store) countSegment(g *segment, r *Report) {
	s.maxFrame = max(s.maxFrame, g.largest)
	for lane := range g.spans {
		sp := &g.spans[lane]
		r.Frames += sp.Frames
		s.precious = s.precious || sp.parts[1].frames > 0
		if last := &s.st.Last[lane]; sp.Frames > 0 && last.Less(sp.last) {
			*last = sp.last
		}
	}
}

// unclean reports how far the last run got, if it did not end in order.
func (s *Store) unclean(found bool, r *Report) {
	u := Unclean{Epoch: s.st.Epoch, LastT1: s.st.Start, Boot: s.st.Boot, Dating: s.st.Dating}
	for lane := range s.st.Last {
		u.Epoch = max(u.Epoch, s.st.Last[lane].Epoch)
	}
	if u.Epoch == 0 || found && s.st.Clean && !r.Fresh {
		return
	}
	// Frames of two classes are sealed independently: what is missing of
	// either begins where that one ends.
	normal, rest := s.reach(u.Epoch)
	last := normal
	if last == nil || rest != nil && rest.LastT1 < last.LastT1 {
		last = rest
	}
	// The gap record of the run before is Normal. Where it was refused for want
	// of room, what else was stored does not tell that it is there.
	if last != nil && (normal != nil || !s.st.Owed) {
		u = *last
	}
	r.Unclean = &u
}

// reach returns how far the records of an epoch reach: of Normal frames and of
// others. Alarms tell nothing: they are stored while Redis answers, too, and
// beside them frames that it has taken and may have lost.
func (s *Store) reach(epoch uint64) (normal, rest *Unclean) {
	for _, g := range s.segs {
		for lane := range g.spans {
			sp := &g.spans[lane]
			for kind := range sp.parts {
				best := &normal
				switch {
				case kind == 1 && frame.Lane(lane) == frame.Alarm:
					continue
				case kind == 1:
					best = &rest
				}
				p := &sp.parts[kind]
				if p.last.Epoch == epoch && (*best == nil || p.t1 >= (*best).LastT1) {
					*best = &Unclean{Epoch: epoch, LastT1: p.t1, Boot: sp.Boot, Dating: sp.Dating}
				}
			}
		}
	}
	return normal, rest
}

// trim gives each frame to one segment. A commit that reports an error may have
// reached the disk all the same; its frames were then committed once more, to a
// later segment.
func (s *Store) trim() {
	for i, g := range s.segs {
		belongs := s.belongs(g)
		twice := false
		for lane := range g.spans {
			sp := &g.spans[lane]
			twice = twice || sp.Frames > 0 && !belongs(frame.Lane(lane), sp.last)
		}
		if !twice {
			continue
		}
		g.failed, g.sealed, g.sum = true, true, nil
		if largest, err := indexPart(s.segs[i], s.st.Aliases, belongs); err == nil {
			g.largest, g.unproved = largest, false
		} else {
			g.unread = true
		}
	}
}

// belongs returns whether a frame in the file of g is its: those from where
// later segments begin are theirs.
func (s *Store) belongs(g *segment) func(frame.Lane, frame.ID) bool {
	var ends [frame.Lanes]frame.ID
	for _, o := range s.segs[slices.Index(s.segs, g)+1:] {
		for lane := range ends {
			if sp := &o.spans[lane]; sp.Frames > 0 && (ends[lane] == frame.ID{} || sp.first.Less(ends[lane])) {
				ends[lane] = sp.first
			}
		}
	}
	return func(lane frame.Lane, id frame.ID) bool { return ends[lane] == frame.ID{} || id.Less(ends[lane]) }
}

// begin starts this run: the next epoch, made durable.
func (s *Store) begin(r *Report) error {
	for lane := range s.st.Last {
		s.st.Epoch = max(s.st.Epoch, s.st.Last[lane].Epoch)
		s.pending.last[lane] = s.st.Last[lane]
	}
	s.st.Epoch++
	s.st.Clean, s.st.Dropped = false, nil
	s.st.Boot, s.st.Start, s.st.Dating, s.st.Owed = s.o.Boot, s.o.Now(), frame.Dating{}, false
	if u := r.Unclean; u != nil { // should this run be cut short before it stores that loss, it begins there still
		s.st.Boot, s.st.Start, s.st.Dating, s.st.Owed = u.Boot, u.LastT1, u.Dating, true
	}
	s.st.Runs = rememberRun(s.st.Runs, s.o.Boot, s.st.Epoch)
	if len(s.segs) == 0 {
		s.st.Aliases = nil
	}
	r.Epoch = s.st.Epoch
	if s.sums.lines != len(s.segs) || slices.ContainsFunc(s.segs, func(g *segment) bool { return g.sum == nil }) {
		s.packSums()
	}
	err := s.writeState()
	if noSpace(err) && s.o.Drop == DropOldest && s.dropOldest() {
		err = s.writeState()
	}
	if noSpace(err) {
		return fmt.Errorf("%w (free some space on the file system of %s)", err, s.o.Dir)
	}
	if err == nil {
		s.tellRoom()
	}
	return err
}
