package store

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/telhub/telhub/uplink/frame"
)

// damageBase is a store with three lanes in several segments, as a kill left
// it.
type damageBase struct {
	o   Options
	put [frame.Lanes][]*frame.Frame
}

func makeDamageBase(t *testing.T) *damageBase {
	t.Helper()
	o := testOptions(t.TempDir())
	o.SegmentBytes, o.noSync = 64<<10, true
	b := &damageBase{o: o}
	s, _ := mustOpen(t, o)
	lanes := [frame.Lanes]lanePut{{lane: 0}, {lane: 1}, {lane: 2}}
	for range 6 {
		for i, n := range []int{2, 4, 12} {
			b.put[i] = append(b.put[i], lanes[i].fill(t, s, n, 600+700*i, 3)...)
		}
	}
	b.o.Dir = copyDir(t, o.Dir)
	return b
}

// intact returns the frames whose every record still stands somewhere in dir,
// found by their bytes alone.
func (b *damageBase) intact(t *testing.T, dir string) (lanes [frame.Lanes]map[frame.ID]bool) {
	t.Helper()
	paths, _ := filepath.Glob(filepath.Join(dir, "*"+segSuffix))
	var files [][]byte
	for _, p := range paths {
		if data, err := os.ReadFile(p); err == nil {
			files = append(files, data)
		}
	}
	for lane, frames := range b.put {
		lanes[lane] = map[frame.ID]bool{}
		for _, f := range frames {
			for _, file := range files {
				whole := true
				for rest := appendRecords(nil, f); whole && len(rest) > 0; {
					k, v, next := cutRecord(rest)
					whole = standsIn(file, rest[:len(k)+len(v)])
					rest = next
				}
				if whole {
					lanes[lane][f.ID] = true
				}
			}
		}
	}
	return lanes
}

// standsIn searches file for record by its beginning, which is quick.
func standsIn(file, record []byte) bool {
	for {
		i := bytes.Index(file, record[:keyLen+len(magic)])
		if i < 0 {
			return false
		}
		if file = file[i:]; bytes.HasPrefix(file, record) {
			return true
		}
		file = file[1:]
	}
}

// check opens the damaged directory: it must open, deliver all that is intact,
// declare the rest, and invent nothing.
func (b *damageBase) check(t *testing.T, dir string) *Report {
	t.Helper()
	intact := b.intact(t, dir)
	if _, err := Verify(dir); err != nil {
		t.Errorf("verify: %v", err)
	}
	s, r, err := Open(withDir(b.o, dir))
	if err != nil {
		t.Fatalf("does not open: %v", err)
	}
	defer s.Close()
	b.compare(t, s, intact)
	for _, salvaged := range r.Salvaged {
		if salvaged.Err == nil {
			if _, err := os.Stat(salvaged.Bad); err != nil {
				t.Errorf("damaged file is gone: %v", err)
			}
		}
	}
	l := lanePut{lane: frame.Live, last: s.Last(frame.Live)}
	if l.fill(t, s, 1, 100, 1); s.Last(frame.Live) != l.last {
		t.Errorf("does not take new frames")
	}
	return r
}

func (b *damageBase) compare(t *testing.T, s *Store, intact [frame.Lanes]map[frame.ID]bool) {
	t.Helper()
	for lane, frames := range b.put {
		byID := map[frame.ID]*frame.Frame{}
		for _, f := range frames {
			byID[f.ID] = f
		}
		got := map[frame.ID]bool{}
		for _, f := range readAll(t, s, frame.Lane(lane)) {
			if f.Kind == frame.Gap {
				continue
			}
			if want := byID[f.ID]; want == nil || !sameFrame(f, want) {
				t.Errorf("lane %d: %v is invented or changed", lane, f.ID)
			}
			got[f.ID] = true
		}
		for id := range intact[lane] {
			if !got[id] {
				t.Errorf("lane %d: %v is intact in the file but not delivered", lane, id)
			}
		}
	}
}

// damageFile applies change to a copy of the store's n-th segment and checks.
func (b *damageBase) damageFile(t *testing.T, name string, change func([]byte) []byte) {
	t.Helper()
	dir := copyDir(t, b.o.Dir)
	path := filepath.Join(dir, name)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := change(bytes.Clone(data))
	if err := os.WriteFile(path, changed, 0o600); err != nil {
		t.Fatal(err)
	}
	r := b.check(t, dir)
	for _, s := range r.Salvaged {
		if s.Err != nil {
			t.Errorf("salvage of %s: %v", s.File, s.Err)
		}
	}
}

// segments of the base, the last being the one written to.
func (b *damageBase) segments(t *testing.T) (names []string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(b.o.Dir, "*"+segSuffix))
	if err != nil || len(paths) < 2 {
		t.Fatalf("segments %v, %v: want at least 2", paths, err)
	}
	for _, p := range paths {
		names = append(names, filepath.Base(p))
	}
	return names
}

func (b *damageBase) pages(t *testing.T, name string) int {
	t.Helper()
	info, err := os.Stat(filepath.Join(b.o.Dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return int(info.Size() / pageSize)
}
