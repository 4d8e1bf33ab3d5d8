package store

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/telhub/telhub/uplink/frame"
)

// sumsBase makes a store of several segments, of two lanes and two classes,
// with a thinned one, and returns its options.
func sumsBase(t *testing.T) Options {
	t.Helper()
	o := testOptions(t.TempDir())
	o.MaxBytes, o.SegmentBytes, o.PendingBytes = 1<<20, 64<<10, 64<<10
	s, _ := mustOpen(t, o)
	lanes := [frame.Lanes]lanePut{{lane: 0}, {lane: 1}, {lane: 2}}
	for range 400 {
		for _, i := range []int{1, 2} {
			f := killFrame(&lanes[i], s.Epoch())
			if err := s.Put(f); err != nil {
				t.Fatal(err)
			}
			lanes[i].last = f.ID
		}
		if err := s.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return o
}

// readFiles opens a store and returns what it says, and which files it took on
// trust.
func openSums(t *testing.T, o Options) (s *Store, r *Report, trusted int) {
	t.Helper()
	s, r = mustOpen(t, o)
	for _, g := range s.segs {
		if g.unproved {
			trusted++
		}
	}
	return s, r, trusted
}

func TestSumsSayWhatSegmentsHold(t *testing.T) {
	o := sumsBase(t)
	read := withDir(o, copyDir(t, o.Dir))
	if err := os.Remove(filepath.Join(read.Dir, sumsName)); err != nil {
		t.Fatal(err)
	}
	s, r, trusted := openSums(t, o)
	s2, want, none := openSums(t, read)
	if trusted != r.Segments || r.Segments < 5 || none != 0 {
		t.Errorf("%d of %d segments taken on trust, without sums %d", trusted, r.Segments, none)
	}
	if r.Frames != want.Frames || r.Epoch != want.Epoch || s.maxFrame != s2.maxFrame || s.precious != s2.precious {
		t.Errorf("got %+v, want %+v", r, want)
	}
	for i, g := range s.segs {
		if g.spans != s2.segs[i].spans || g.size != s2.segs[i].size {
			t.Errorf("%s: sum says %+v, want %+v", g.name(), g.spans, s2.segs[i].spans)
		}
	}
	for lane := range frame.Lanes {
		wantFrames(t, readAll(t, s, frame.Lane(lane)), readAll(t, s2, frame.Lane(lane)))
	}
}

// After a power cut sealed segments need no reading either.
func TestSumsAreWrittenWhenSegmentsAreSealed(t *testing.T) {
	o := testOptions(t.TempDir())
	s, _ := mustOpen(t, o)
	l := lanePut{lane: frame.Live}
	put := l.fill(t, s, 300, 2000, 10)
	o = withDir(o, copyDir(t, o.Dir))
	sums := (&sumsFile{path: filepath.Join(o.Dir, sumsName)}).load()
	s2, r, trusted := openSums(t, o)
	if len(sums) != len(s.segs)-1 || trusted != 0 || r.Segments != len(s.segs) { // the copies are other files
		t.Errorf("%d sums of %d segments, %d taken on trust", len(sums), r.Segments, trusted)
	}
	wantFrames(t, readAll(t, s2, frame.Live), put)
}

// A sum that does not fit the file beside it, or is torn, is not believed.
func TestWrongSumsAreNotBelieved(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(t *testing.T, o Options)
	}{
		{"garbage", func(t *testing.T, o Options) { write(t, o, func(b []byte) []byte { return []byte("\x00zz\n{}") }) }},
		{"torn lines", func(t *testing.T, o Options) { write(t, o, func(b []byte) []byte { return b[:len(b)-20] }) }},
		{"flipped bits", func(t *testing.T, o Options) {
			write(t, o, func(b []byte) []byte {
				for i := 5; i < len(b); i += 100 {
					b[i] ^= 4
				}
				return b
			})
		}},
		{"empty", func(t *testing.T, o Options) { write(t, o, func([]byte) []byte { return nil }) }},
		{"swapped files", func(t *testing.T, o Options) {
			segs, _ := filepath.Glob(filepath.Join(o.Dir, "*"+segSuffix))
			a, b := segs[len(segs)-1], segs[len(segs)-2]
			if os.Rename(a, a+"x") != nil || os.Rename(b, a) != nil || os.Rename(a+"x", b) != nil {
				t.Fatal("rename")
			}
		}},
		{"written by an elder program", func(t *testing.T, o Options) {
			s, _ := mustOpen(t, o)
			l := lanePut{lane: frame.Live, last: s.Last(frame.Live)}
			old, _ := os.ReadFile(s.sums.path)
			l.fill(t, s, 5, 500, 1)
			s.Close()
			write(t, o, func([]byte) []byte { return old })
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := sumsBase(t)
			c.change(t, o)
			read := withDir(o, copyDir(t, o.Dir)) // other files: nothing is believed
			s, r, _ := openSums(t, o)
			s2, want, _ := openSums(t, read)
			if r.Frames != want.Frames || len(r.Salvaged) != len(want.Salvaged) {
				t.Errorf("got %+v, want %+v", r, want)
			}
			for lane := range frame.Lanes {
				wantFrames(t, readAll(t, s, frame.Lane(lane)), readAll(t, s2, frame.Lane(lane)))
			}
		})
	}
}

func write(t *testing.T, o Options, change func([]byte) []byte) {
	t.Helper()
	path := filepath.Join(o.Dir, sumsName)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(b), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Damage in a segment that was taken on trust is found and salvaged when it is
// read, before bbolt sees it.
func TestDamageBehindASumIsSalvagedWhenRead(t *testing.T) {
	o := sumsBase(t)
	var heard []Salvage
	o.OnDamage = func(s Salvage) { heard = append(heard, s) }
	segs, _ := filepath.Glob(filepath.Join(o.Dir, "*"+segSuffix))
	f, err := os.OpenFile(segs[2], os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(bytes.Repeat([]byte{0xA5}, 2*pageSize), 4*pageSize); err != nil {
		t.Fatal(err)
	}
	f.Close()
	s, r, trusted := openSums(t, o)
	if trusted != r.Segments {
		t.Fatalf("%d of %d taken on trust", trusted, r.Segments)
	}
	frames := 0
	for lane := range frame.Lanes {
		for _, f := range readAll(t, s, frame.Lane(lane)) {
			if f.Kind == frame.Data {
				frames++
			}
		}
	}
	if len(heard) != 1 || heard[0].File != segs[2] || frames == 0 {
		t.Errorf("heard %+v, %d frames", heard, frames)
	}
}

// The last segment is checked again before bbolt writes to it: its goroutine
// would end the process.
func TestDamagedLastSegmentIsNotWrittenTo(t *testing.T) {
	o := testOptions(t.TempDir())
	s, _ := mustOpen(t, o)
	l := lanePut{lane: frame.Live}
	l.fill(t, s, 10, 2000, 2)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, _, trusted := openSums(t, o)
	path := s.segs[0].path
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for page := 2; page < len(b)/pageSize; page++ {
		fillBytes(b[page*pageSize:][:pageHeader], 0xFF)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	last := s.Last(frame.Live)
	l.last = last
	put := l.fill(t, s, 3, 500, 1)
	if trusted != 1 || slices.ContainsFunc(s.segs, func(g *segment) bool { return g.path == path && g == s.active }) {
		t.Errorf("%d taken on trust; the damaged one is written to", trusted)
	}
	f := newFrame()
	if ok, err := s.Next(frame.Live, put[0].ID, f); !ok || err != nil || !sameFrame(f, put[1]) {
		t.Errorf("next: %v %v", ok, err)
	}
	readAll(t, s, frame.Live)
}

// The file of sums does not grow without end.
func TestSumsArePacked(t *testing.T) {
	o := testOptions(t.TempDir())
	o.SegmentBytes, o.PendingBytes = 32<<10, 32<<10
	s, _ := mustOpen(t, o)
	l := lanePut{lane: frame.Backfill}
	for range 300 {
		l.fill(t, s, 16, 2000, 8)
		s.Release(frame.Backfill, l.last)
	}
	if max := 64 + 2*len(s.segs) + 1; s.sums.lines > max || s.sums.lines == 0 {
		t.Errorf("%d lines, want at most %d", s.sums.lines, max)
	}
}
