package store

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/telhub/telhub/uplink/frame"
)

func TestPutAllocatesNothing(t *testing.T) {
	s, _ := mustOpen(t, testOptions(t.TempDir()))
	l := lanePut{lane: frame.Live}
	f := l.next(1, 500)
	full := makeFrame(frame.Live, frame.ID{Epoch: 9, Seq: 1}, frame.ID{}, 124<<10)
	if got := testing.AllocsPerRun(100, func() {
		if err := s.Put(f); err != nil {
			t.Error(err)
		}
		if s.Put(f) != ErrOrder || s.Put(full) != ErrPendingFull {
			t.Error("put what must be refused")
		}
		f.Prev = f.ID
		f.ID.Seq++
	}); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func TestNextAllocatesNothingInASegment(t *testing.T) {
	s, _ := mustOpen(t, testOptions(t.TempDir()))
	(&lanePut{lane: frame.Live}).fill(t, s, 200, 300, 50)
	f := newFrame()
	next := func() {
		if ok, err := s.Next(frame.Live, f.ID, f); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	next()
	if got := testing.AllocsPerRun(150, next); got != 0 {
		t.Errorf("%v allocations", got)
	}
	f.ID.Seq = 200
	if got := testing.AllocsPerRun(10, func() {
		if ok, err := s.Next(frame.Live, frame.ID{Epoch: 1, Seq: 200}, f); ok || err != nil {
			t.Fatal(ok, err)
		}
	}); got != 0 {
		t.Errorf("%v allocations at the end", got)
	}
}

// 1024 samples take 1.6 to 3 bytes each in the compact codec. bbolt allocates
// some ten times a record on top, however many samples are in it: four of them
// because it has a logger, the stopper, which keeps its goroutine away.
func TestCommitAllocations(t *testing.T) {
	for _, c := range []struct {
		name          string
		frames, bytes int
		limit         float64
	}{
		{"1024 samples", 1, 3 << 10, 110},
		{"40 KB in one frame", 1, 40 << 10, 550},
	} {
		o := testOptions(t.TempDir())
		o.SegmentBytes, o.MaxBytes, o.noSync = 8<<20, 64<<20, true
		s, _ := mustOpen(t, o)
		l := lanePut{lane: frame.Backfill}
		l.fill(t, s, 40, c.bytes, 1)
		f := l.next(1, c.bytes)
		got := testing.AllocsPerRun(50, func() {
			if err := s.Put(f); err != nil {
				t.Fatal(err)
			}
			if err := s.Commit(); err != nil {
				t.Fatal(err)
			}
			f.Prev = f.ID
			f.ID.Seq++
		})
		t.Logf("%s: %v allocations a commit", c.name, got)
		if got > c.limit {
			t.Errorf("%s: %v allocations, limit %v", c.name, got, c.limit)
		}
	}
}

// writtenBytes returns what this process has given to write calls (wchar of
// proc_pid_io(5)). It counts writes, not what reaches the device.
func writtenBytes(t testing.TB) int64 {
	t.Helper()
	b, err := os.ReadFile("/proc/self/io")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(b, []byte("wchar: "))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	n, err := strconv.ParseInt(string(line), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// After an outage was stored and drained, commits must write no more than in a
// fresh store. Deleting by key would make them dearer many times.
func TestCommitIsNoDearerAfterADrain(t *testing.T) {
	o := testOptions(t.TempDir())
	o.MaxBytes, o.SegmentBytes, o.noSync = 64<<20, 1<<20, true
	s, _ := mustOpen(t, o)
	l := lanePut{lane: frame.Backfill}
	cost := func() int64 {
		l.fill(t, s, 1, 3000, 1) // the first of a segment costs its pages
		before, counted := writtenBytes(t), s.Stats().WrittenBytes
		l.fill(t, s, 50, 3000, 1)
		wrote, counted := writtenBytes(t)-before, s.Stats().WrittenBytes-counted
		if counted < wrote*9/10 || counted > wrote*11/10 {
			t.Errorf("WrittenBytes counted %d, %d were written", counted, wrote)
		}
		return wrote / 50
	}
	fresh := cost()
	l.fill(t, s, 3000, 3000, 20)
	s.Release(frame.Backfill, l.last)
	s.Sweep()
	if st := s.Stats(); st.Segments > 1 || st.Lanes[frame.Backfill].Frames != 0 {
		t.Errorf("drained, but %+v", st)
	}
	drained := cost()
	t.Logf("bytes written a commit of 3000: fresh %d, drained %d", fresh, drained)
	if drained > fresh*3/2 {
		t.Errorf("a commit writes %d bytes after a drain, %d before", drained, fresh)
	}
}

// BenchmarkCommit reports how many bytes reach the block device for a byte of
// payload (device-B/payload-B: sectors written by /sys/dev/block/*/stat, with
// the file system's journal, and with whatever else writes to the device
// meanwhile), and how many are given to write calls (file-B/payload-B). Where
// the directory's device is not visible, only the latter.
func BenchmarkCommit(b *testing.B) {
	for _, size := range []int{3 << 10, 10 << 10, 40 << 10, 100 << 10} {
		for _, frameSize := range []int{1500, 12000} {
			if frameSize > size {
				continue
			}
			b.Run(fmt.Sprintf("%dKB/frames of %d", size>>10, frameSize), func(b *testing.B) { benchCommit(b, size, frameSize) })
		}
	}
}

func benchCommit(b *testing.B, size, frameSize int) {
	o := testOptions(b.TempDir())
	o.MaxBytes, o.SegmentBytes = 64<<20, 0
	o.PendingBytes = 2*size + 20000
	s, _ := mustOpen(b, o)
	l := lanePut{lane: frame.Backfill}
	l.fill(b, s, 20, frameSize, 5)
	f := l.next(1, frameSize)
	stat := sectorStat(b, o.Dir)
	b.ReportAllocs()
	sectors, wrote, payload := readSectors(b, stat), writtenBytes(b), 0
	b.ResetTimer()
	for b.Loop() {
		for put := 0; put+frameSize <= size; put += frameSize {
			if err := s.Put(f); err != nil {
				b.Fatal(err)
			}
			f.Prev = f.ID
			f.ID.Seq++
			payload += frameSize
		}
		if err := s.Commit(); err != nil {
			b.Fatal(err)
		}
		if f.ID.Seq%4096 < 64 {
			s.Release(frame.Backfill, f.Prev)
		}
	}
	b.StopTimer()
	syscall.Sync()
	b.ReportMetric(float64(writtenBytes(b)-wrote)/float64(payload), "file-B/payload-B")
	if stat != "" {
		b.ReportMetric(float64(readSectors(b, stat)-sectors)*512/float64(payload), "device-B/payload-B")
	}
}

// sectorStat returns the statistics file of the device below dir, or "".
func sectorStat(b *testing.B, dir string) string {
	b.Helper()
	var st syscall.Stat_t
	if err := syscall.Stat(dir, &st); err != nil {
		b.Fatal(err)
	}
	major, minor := st.Dev>>8&0xFFF, st.Dev&0xFF|st.Dev>>12&0xFFF00
	path := filepath.Join("/sys/dev/block", fmt.Sprintf("%d:%d", major, minor), "stat")
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// readSectors returns the sectors written: field 7 of the block layer's stat.
func readSectors(b *testing.B, path string) int64 {
	b.Helper()
	if path == "" {
		return 0
	}
	text, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	n, err := strconv.ParseInt(strings.Fields(string(text))[6], 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// BenchmarkOpen opens a store of 64 MB, checking every record.
func BenchmarkOpen(b *testing.B) {
	o := testOptions(b.TempDir())
	o.MaxBytes, o.SegmentBytes, o.PendingBytes, o.noSync = 128<<20, 0, 1<<20, true
	s, _ := mustOpen(b, o)
	l := lanePut{lane: frame.Backfill}
	l.fill(b, s, 5500, 12000, 60)
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(dirBytes(b, o.Dir))
	for b.Loop() {
		s, r, err := Open(o)
		if err != nil || r.Frames != 5500 {
			b.Fatal(r, err)
		}
		s.Close()
	}
}

func BenchmarkNext(b *testing.B) {
	o := testOptions(b.TempDir())
	o.MaxBytes, o.SegmentBytes, o.noSync = 64<<20, 0, true
	s, _ := mustOpen(b, o)
	l := lanePut{lane: frame.Backfill}
	l.fill(b, s, 2000, 3000, 20)
	f := newFrame()
	b.ReportAllocs()
	b.SetBytes(3000)
	for b.Loop() {
		ok, err := s.Next(frame.Backfill, f.ID, f)
		if err != nil {
			b.Fatal(err)
		}
		if !ok {
			f.ID = frame.ID{}
		}
	}
}

func BenchmarkPut(b *testing.B) {
	o := testOptions(b.TempDir())
	o.noSync = true
	s, _ := mustOpen(b, o)
	f := makeFrame(frame.Live, frame.ID{Epoch: 1, Seq: 1}, frame.ID{}, 3000)
	b.ReportAllocs()
	b.SetBytes(3000)
	for b.Loop() {
		if s.Put(f) == ErrPendingFull {
			s.pending.take()
			s.pending.done()
		}
		f.Prev = f.ID
		f.ID.Seq++
	}
}

// A reader that stays between commits must not keep pages from being reused.
func TestReadingDoesNotGrowTheSegment(t *testing.T) {
	size := func(read bool) int64 {
		o := testOptions(t.TempDir())
		o.noSync = true
		s, _ := mustOpen(t, o)
		l, f := lanePut{lane: frame.Live}, newFrame()
		for range 200 {
			l.fill(t, s, 1, 20, 1)
			if !read {
				continue
			}
			if ok, err := s.Next(frame.Live, f.ID, f); !ok || err != nil {
				t.Fatal(ok, err)
			}
		}
		return s.Stats().DiskBytes
	}
	if alone, read := size(false), size(true); read > alone*5/4 {
		t.Errorf("%d bytes with a reader, %d without", read, alone)
	}
}
