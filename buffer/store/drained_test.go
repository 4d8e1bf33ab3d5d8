package store

import (
	"syscall"
	"testing"

	"github.com/telhub/telhub/uplink/frame"
)

// BenchmarkCommitAfterDrain reports the device bytes for a byte of payload at
// 40 KB a commit in a fresh store and in one that has kept and drained an
// outage of 36 MB, on flash in both cases.
func BenchmarkCommitAfterDrain(b *testing.B) {
	b.Run("fresh", func(b *testing.B) { benchDrained(b, false) })
	b.Run("drained", func(b *testing.B) { benchDrained(b, true) })
}

func benchDrained(b *testing.B, drained bool) {
	const frameSize, frames = 10 << 10, 4
	o := testOptions(b.TempDir())
	o.MaxBytes, o.SegmentBytes, o.PendingBytes = 256<<20, 0, 2*frameSize*frames
	s, _ := mustOpen(b, o)
	l := lanePut{lane: frame.Backfill}
	if drained {
		l.fill(b, s, 3600, frameSize, frames)
		s.Release(frame.Backfill, l.last)
		s.Sweep()
	}
	f := l.next(1, frameSize)
	stat := sectorStat(b, o.Dir)
	syscall.Sync()
	sectors, payload := readSectors(b, stat), 0
	for b.Loop() {
		for range frames {
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
	}
	syscall.Sync()
	if stat != "" {
		b.ReportMetric(float64(readSectors(b, stat)-sectors)*512/float64(payload), "device-B/payload-B")
	}
}
