package agent

import (
	"errors"
	"testing"

	"github.com/telhub/telhub/agent/clock"
	"github.com/telhub/telhub/board"
	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

var (
	thisBoot  = frame.BootID{1}
	otherBoot = frame.BootID{2}
)

func TestPowerCutInThisBoot(t *testing.T) {
	before := clock.Boottime() / 1e6
	got := powerCut(&store.Unclean{LastT1: 4711, Boot: thisBoot}, thisBoot)
	if got.Cause != frame.PowerCut || got.N != -1 || !got.T0Known || got.T0 != 4711 || got.T1 < before {
		t.Errorf("gap %+v, want from 4711 until now", got)
	}
}

func TestPowerCutInADatedBoot(t *testing.T) {
	u := &store.Unclean{LastT1: 60_000, Boot: otherBoot, Dating: frame.Dating{Offset: 1_000_000_000, Quality: frame.NTP}}
	got := powerCut(u, thisBoot)
	if got.T0Known || got.Began != 1_000_060_000 || got.N != -1 {
		t.Errorf("gap %+v, want it to begin at 1,000,060,000 ms since 1970", got)
	}
}

func TestPowerCutInAnUndatedBoot(t *testing.T) {
	got := powerCut(&store.Unclean{LastT1: 60_000, Boot: otherBoot}, thisBoot)
	if got.T0Known || got.Began != 0 || got.T1 <= 0 {
		t.Errorf("gap %+v, want an unknown beginning", got)
	}
}

// TestSecondAgentOnASpoolIsRefused: what was opened by then is closed again.
func TestSecondAgentOnASpoolIsRefused(t *testing.T) {
	cfg := rigConfig(t, "redis://127.0.0.1:1/0", "")
	first := newRig(t, cfg)
	defer first.close()
	second, err := New(cfg, Options{Board: &board.Board{Name: "rig"}, Log: NewLog(cfg.Log, &logBuffer{})})
	if !errors.Is(err, store.ErrLocked) || second != nil {
		t.Errorf("a second agent: %v, %v; want none, and store.ErrLocked", second, err)
	}
}

// smallSpool opens a store whose uncommitted frames fill it soon.
func smallSpool(t *testing.T) spool {
	t.Helper()
	s, _, err := store.Open(store.Options{
		Dir: t.TempDir(), MaxBytes: 8 << 20, SegmentBytes: 1 << 20, PendingBytes: 96 << 10,
		Boot: thisBoot, Now: func() int64 { return 1000 },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return spool{Store: s}
}

func spoolFrame(seq uint64, size int) *frame.Frame {
	f := &frame.Frame{Lane: frame.Backfill, ID: frame.ID{Epoch: 1, Seq: seq}, N: 1, Boot: thisBoot, Payload: make([]byte, size)}
	if seq > 1 {
		f.Prev = frame.ID{Epoch: 1, Seq: seq - 1}
	}
	return f
}

func TestSpoolSaysPendingAsTheUplinkKnowsIt(t *testing.T) {
	s := smallSpool(t)
	var err error
	for seq := uint64(1); err == nil && seq < 1000; seq++ {
		err = s.Put(spoolFrame(seq, 8<<10))
	}
	if !errors.Is(err, uplink.ErrPending) {
		t.Fatalf("put into a full memory: %v, want %v", err, uplink.ErrPending)
	}
}

// Frames of an earlier configuration may be larger than any of this one.
func TestSpoolReadsFramesLargerThanItsBuffer(t *testing.T) {
	s := smallSpool(t)
	if err := s.Put(spoolFrame(1, 30<<10)); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(); err != nil {
		t.Fatal(err)
	}
	dst := &frame.Frame{Payload: make([]byte, 0, 100)}
	ok, err := s.Next(frame.Backfill, frame.ID{}, dst)
	if err != nil || !ok || len(dst.Payload) != 30<<10 {
		t.Errorf("next: %v, %v, %d bytes; want the frame", ok, err, len(dst.Payload))
	}
}
