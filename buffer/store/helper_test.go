package store

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/telhub/telhub/uplink/frame"
)

// boot is the boot of all frames of tests that do not care.
var testBoot = frame.BootID{1, 2, 3}

func testOptions(dir string) Options {
	return Options{Dir: dir, MaxBytes: 4 << 20, SegmentBytes: 128 << 10, PendingBytes: 128 << 10,
		Boot: testBoot, Now: func() int64 { return 1000 }}
}

func mustOpen(t testing.TB, o Options) (*Store, *Report) {
	t.Helper()
	s, r, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, r
}

// makeFrame returns a frame whose content follows from its identity.
func makeFrame(lane frame.Lane, id, prev frame.ID, size int) *frame.Frame {
	r := rand.New(rand.NewPCG(uint64(lane)<<32+id.Epoch, id.Seq))
	f := &frame.Frame{Lane: lane, ID: id, Prev: prev, N: uint32(size/2 + 1),
		T0: int64(id.Seq) * 1000, T1: int64(id.Seq)*1000 + 999, Boot: testBoot,
		Dating: frame.Dating{Offset: int64(id.Epoch) << 40, Quality: frame.NTP}, Payload: make([]byte, size)}
	for i := range f.Payload {
		f.Payload[i] = byte(r.Uint32())
	}
	return f
}

func sameFrame(a, b *frame.Frame) bool {
	return a.Lane == b.Lane && a.Kind == b.Kind && a.Class == b.Class && a.ID == b.ID && a.Prev == b.Prev && a.N == b.N && a.T0 == b.T0 &&
		a.T1 == b.T1 && a.Boot == b.Boot && a.Dating == b.Dating && bytes.Equal(a.Payload, b.Payload)
}

func newFrame() *frame.Frame { return &frame.Frame{Payload: make([]byte, 0, 64<<10)} }

// lanePut puts frames of rising numbers into one lane.
type lanePut struct {
	lane frame.Lane
	last frame.ID
}

func (l *lanePut) next(epoch uint64, size int) *frame.Frame {
	id := frame.ID{Epoch: epoch, Seq: 1}
	if l.last.Epoch == epoch {
		id.Seq = l.last.Seq + 1
	}
	return makeFrame(l.lane, id, l.last, size)
}

// fill puts and commits n frames of one size in batches.
func (l *lanePut) fill(t testing.TB, s *Store, n, size, batch int) (put []*frame.Frame) {
	t.Helper()
	for i := range n {
		f := l.next(s.Epoch(), size)
		if err := s.Put(f); err != nil {
			t.Fatalf("put %v: %v", f.ID, err)
		}
		l.last = f.ID
		put = append(put, f)
		if i%batch == batch-1 || i == n-1 {
			if err := s.Commit(); err != nil {
				t.Fatalf("commit: %v", err)
			}
		}
	}
	return put
}

// readAll reads a lane from its beginning.
func readAll(t testing.TB, s *Store, lane frame.Lane) (all []*frame.Frame) {
	t.Helper()
	var after frame.ID
	for {
		f := newFrame()
		ok, err := s.Next(lane, after, f)
		if err != nil {
			t.Fatalf("next after %v: %v", after, err)
		}
		if !ok {
			return all
		}
		if f.Prev != after {
			t.Fatalf("%v %v names %v as its predecessor, want %v", lane, f.ID, f.Prev, after)
		}
		all = append(all, f)
		after = f.ID
	}
}

// copyDir copies a directory as a kill would leave it.
func copyDir(t testing.TB, from string) string {
	t.Helper()
	to := t.TempDir()
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, e.Name()), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

func wantFrames(t testing.TB, got, want []*frame.Frame) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d frames, want %d: %s", len(got), len(want), idsOf(got))
	}
	for i := range got {
		if !sameFrame(got[i], want[i]) {
			t.Fatalf("frame %d: got %v, want %v", i, got[i].ID, want[i].ID)
		}
	}
}

func idsOf(frames []*frame.Frame) (s string) {
	for i, f := range frames {
		if i < 3 || i > len(frames)-3 {
			s += fmt.Sprintf(" %d:(%v..%v]", f.Kind, f.Prev, f.ID)
		}
	}
	return s
}
