package powercut

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/telhub/telhub/agent/checkpoint"
	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/uplink/frame"
)

// spoolDir is the store's directory on the disk.
const spoolDir = "spool"

func storeOptions(dir string, drops bool) store.Options {
	o := store.Options{Dir: dir, MaxBytes: 16 << 20, SegmentBytes: 256 << 10, PendingBytes: 128 << 10,
		Boot: frame.BootID{9}, Now: func() int64 { return 1000 }}
	if drops {
		o.MaxBytes, o.SegmentBytes, o.PendingBytes = 1<<20, 64<<10, 64<<10
	}
	return o
}

// verdict is what a judge found after a cut, beside its errors.
type verdict struct {
	lineage                // as a next life would begin
	Open     time.Duration // how long the store took to open
	Bytes    int64         // of its directory
	Salvaged int           // files that were damaged
	Frames   int           // that stood in the store behind the marks
	Gaps     int
	Repaired bool   // the file system did not mount before e2fsck
	Begun    uint64 // epoch of the run that judged
}

// judge opens the store in dir as the agent would after the cut and compares
// it with what was promised. repair runs Repair first. It leaves the store
// closed, with frames of its own life in it.
func judge(dir string, p *promise, drops, repair bool) (v verdict, err error) {
	v.lineage = lineage{Epoch: p.Epoch, Marks: p.Marks}
	if v.Saved, err = readCheckpoint(dir); err != nil || v.Saved < p.lineage.Saved || v.Saved > p.Saving {
		return v, fmt.Errorf("checkpoint holds %d, want %d..%d: %v", v.Saved, p.lineage.Saved, p.Saving, err)
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return v, err
	}
	before, err := store.Verify(dir)
	if err != nil {
		return v, fmt.Errorf("verify: %w", err)
	}
	if repair {
		r, err := store.Repair(dir)
		if err != nil || len(r.Salvaged) != unsound(before) {
			return v, fmt.Errorf("repair: %v, salvaged %+v; verify found %d damaged", err, r.Salvaged, unsound(before))
		}
		v.Salvaged = len(r.Salvaged)
		if before, err = store.Verify(dir); err != nil || !before.Sound() {
			return v, fmt.Errorf("verify after repair: %v, %+v", err, before)
		}
	}
	v.Bytes = dirBytes(dir)
	began := time.Now()
	s, r, err := store.Open(storeOptions(dir, drops))
	v.Open = time.Since(began)
	if err != nil {
		return v, fmt.Errorf("open: %w", err)
	}
	defer s.Close()
	v.Salvaged, v.Begun = v.Salvaged+len(r.Salvaged), r.Epoch
	switch {
	case len(r.Salvaged) != unsound(before):
		return v, fmt.Errorf("open salvaged %+v, verify found %d damaged files", r.Salvaged, unsound(before))
	case r.Epoch <= p.Epoch:
		return v, fmt.Errorf("epoch %d again, %d was in use", r.Epoch, p.Epoch)
	case p.Closed && r.Unclean != nil:
		return v, fmt.Errorf("closed in order, but %+v", *r.Unclean)
	}
	for lane := range frame.Lanes {
		if err := v.forward(s, frame.Lane(lane), p, drops); err != nil {
			return v, fmt.Errorf("%s: %w", frame.Lane(lane), err)
		}
	}
	return v, goOn(s, dir, r.Epoch)
}

// forward reads a lane as the uplink does, from the sink's mark on: each frame
// must be the next one that was put, or a gap record that counts those in its
// place.
func (v *verdict) forward(s *store.Store, lane frame.Lane, p *promise, drops bool) error {
	after, owed := p.Marks[lane], p.Items[lane]
	for len(owed) > 0 && !after.Less(owed[0].ID) {
		owed = owed[1:]
	}
	f := &frame.Frame{Payload: make([]byte, 0, 64<<10)}
	for {
		ok, err := s.Next(lane, after, f)
		if err != nil {
			return fmt.Errorf("next after %v: %w", after, err)
		}
		if !ok {
			break
		}
		// A store that has forgotten what it no longer holds names an elder
		// predecessor; the sink's mark covers what lies between.
		if forgot := after == p.Marks[lane] && f.Prev.Less(after); f.Prev != after && !forgot || !after.Less(f.ID) {
			return fmt.Errorf("%v (%v) comes after %v", f.ID, f.Prev, after)
		}
		n := int64(0)
		for len(owed) > 0 && !f.ID.Less(owed[0].ID) {
			if n += owed[0].N; f.Kind == frame.Data && owed[0].ID != f.ID {
				return fmt.Errorf("%v is missing before %v", owed[0].ID, f.ID)
			}
			owed = owed[1:]
		}
		if n == 0 {
			return fmt.Errorf("%v (kind %d) was never put", f.ID, f.Kind)
		}
		if err := compare(f, n, drops); err != nil {
			return err
		}
		v.Frames++
		if f.Kind == frame.Gap {
			v.Gaps++
		}
		v.Items[lane] = append(v.Items[lane], item{f.ID, n, f.Kind == frame.Gap})
		after = f.ID
	}
	if after.Less(p.Sure[lane]) {
		return fmt.Errorf("ends at %v, but Commit has returned for %v", after, p.Sure[lane])
	}
	return nil
}

// compare judges one frame, in the place of n samples.
func compare(f *frame.Frame, n int64, drops bool) error {
	if f.Kind == frame.Gap {
		g, err := frame.ParseGapInfo(f.Payload)
		if err != nil || g.N != n || g.Cause != frame.StoreFull || !drops {
			return fmt.Errorf("gap (%v..%v] says %+v (%v) in the place of %d samples", f.Prev, f.ID, g, err, n)
		}
		return nil
	}
	want := makeFrame(f.Lane, f.ID, f.Prev)
	if f.Class != want.Class || f.N != want.N || f.T0 != want.T0 || f.T1 != want.T1 || f.Boot != want.Boot ||
		f.Dating != want.Dating || !bytes.Equal(f.Payload, want.Payload) {
		return fmt.Errorf("%v is not as it was put", f.ID)
	}
	return nil
}

// goOn proves that the store works: it takes frames, keeps them and is sound.
func goOn(s *store.Store, dir string, epoch uint64) error {
	lane := frame.Live
	f := makeFrame(lane, frame.ID{Epoch: epoch, Seq: 1}, s.Last(lane))
	if err := s.Put(f); err != nil {
		return fmt.Errorf("put: %w", err)
	}
	if err := errors.Join(s.Commit(), s.Close()); err != nil {
		return fmt.Errorf("commit, close: %w", err)
	}
	in, err := store.Verify(dir)
	if err != nil || !in.Sound() || !in.Clean || in.Epoch != epoch {
		return fmt.Errorf("verify after close: %v, %+v", err, in)
	}
	return nil
}

func unsound(in *store.Inspection) (n int) {
	for _, g := range in.Segments {
		if g.Damage != nil {
			n++
		}
	}
	if in.Meta != nil {
		n++
	}
	return n
}

// counterName is the counter in which the workload numbers its saves.
const counterName = "saves"

// readCheckpoint returns the number that the checkpoint holds, 0 if there is
// none. It must be whole.
func readCheckpoint(dir string) (int, error) {
	path := filepath.Join(dir, checkpoint.Name)
	if b, err := os.ReadFile(path); err == nil && !json.Valid(b) {
		return -1, fmt.Errorf("%d bytes are not JSON", len(b))
	}
	c, damage, err := checkpoint.Open(path)
	if err != nil || damage != nil {
		return -1, errors.Join(damage, err)
	}
	if state := c.Counters()[counterName].State; len(state) > 0 {
		return int(state[0]), nil
	}
	return 0, nil
}

func dirBytes(dir string) (n int64) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			n += info.Size()
		}
	}
	return n
}
