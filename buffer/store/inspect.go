package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"github.com/telhub/telhub/uplink/frame"
)

// Inspection is what Verify found.
type Inspection struct {
	Epoch    uint64 // of the last run
	Clean    bool   // which ended in order, or is still running
	Meta     error  // damage of meta.db; nil if sound
	Notes    []Note // losses not yet declared, as of the last write of meta.db
	Segments []SegmentInfo
	Bad      []string // files set aside earlier
}

// SegmentInfo is what Verify found in a segment.
type SegmentInfo struct {
	File   string
	Bytes  int64 // on disk
	Lanes  [frame.Lanes]RangeInfo
	Damage error // nil if sound; the ranges are empty otherwise
}

// RangeInfo is what a segment holds of a lane.
type RangeInfo struct {
	First, Last frame.ID
	Extent
}

// Sound reports whether nothing is damaged.
func (i *Inspection) Sound() bool {
	for _, g := range i.Segments {
		if g.Damage != nil {
			return false
		}
	}
	return i.Meta == nil
}

// liveTries is how often a file is read again that changed meanwhile.
const liveTries = 5

// Verify reads a store without changing it. It works beside a running agent.
func Verify(dir string) (*Inspection, error) {
	list, err := listDir(dir)
	if err != nil {
		return nil, err
	}
	in := &Inspection{}
	var st state
	for range liveTries {
		st, _, in.Meta = loadMeta(filepath.Join(dir, metaName))
		if in.Meta == nil {
			break
		}
	}
	in.Epoch, in.Clean, in.Notes = st.Epoch, st.Clean, st.Notes
	if in.Bad, err = filepath.Glob(filepath.Join(dir, "*"+badMark+"*")); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	for _, file := range list.segs {
		info, gone := inspectSegment(dir, file, st.Aliases)
		if !gone {
			in.Segments = append(in.Segments, info)
		}
	}
	return in, nil
}

// inspectSegment checks one file, again while a running agent writes to it.
func inspectSegment(dir string, file segFile, as aliases) (info SegmentInfo, gone bool) {
	for try := 0; ; try++ {
		g := &segment{segFile: file, path: filepath.Join(dir, file.name())}
		info = SegmentInfo{File: g.path}
		_, info.Damage = indexSegment(g, as)
		if errors.Is(info.Damage, fs.ErrNotExist) {
			return info, true
		}
		info.Bytes, _ = diskSize(g.path)
		if info.Damage != nil && try < liveTries {
			continue
		}
		for lane, sp := range g.spans {
			info.Lanes[lane] = RangeInfo{sp.first, sp.last, sp.Extent}
		}
		return info, false
	}
}

// Repair brings a store in order as Open does, without starting a run: the
// epoch stays, and so does the mark that the last run did not end in order.
// The agent must not be running (ErrLocked).
func Repair(dir string) (*Report, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	s := &Store{o: Options{Dir: dir}, meta: metaFile{path: filepath.Join(dir, metaName)}}
	r, err := s.recover()
	if err != nil {
		return nil, err
	}
	r.Epoch = max(s.st.Epoch, s.st.Last[frame.Alarm].Epoch, s.st.Last[frame.Live].Epoch, s.st.Last[frame.Backfill].Epoch)
	if !r.Fresh || r.Epoch == 0 {
		return r, nil
	}
	s.st.Epoch, s.st.Clean = r.Epoch, false
	return r, s.writeState()
}

// Frames yields every readable frame in dir, segment by segment and lane by
// lane, in order. It changes nothing, needs no lock and reads damaged segments
// by their records, like salvage. The frame is valid until the next one; an
// error is about one file and the iteration goes on.
func Frames(dir string) iter.Seq2[*frame.Frame, error] {
	return func(yield func(*frame.Frame, error) bool) {
		list, err := listDir(dir)
		if err != nil {
			yield(nil, err)
			return
		}
		st, _, _ := loadMeta(filepath.Join(dir, metaName))
		for _, file := range list.segs {
			if !exportSegment(filepath.Join(dir, file.name()), st.Aliases, yield) {
				return
			}
		}
	}
}

// exportSegment yields a segment's frames in the order of their keys. A running
// agent overwrites pages whose frames it has copied elsewhere: a frame that was
// overwritten between finding and reading it is looked for again.
func exportSegment(path string, as aliases, yield func(*frame.Frame, error) bool) bool {
	var last key // of the last frame that was yielded
	for range exportTries {
		whole, _, partial, err := findFrames(path, true)
		if errors.Is(err, fs.ErrNotExist) {
			return true // Redis has it, and the agent unlinked it since the directory was read
		}
		if err != nil {
			return yield(nil, fmt.Errorf("store: %s: %w", path, err))
		}
		missed, more, err := exportFrames(path, whole, &last, as, yield)
		if errors.Is(err, fs.ErrNotExist) {
			return true
		}
		if err != nil {
			return yield(nil, fmt.Errorf("store: %w", err))
		}
		switch {
		case !more:
			return false
		case missed:
			continue
		case partial > 0:
			return yield(nil, fmt.Errorf("store: %s: %d frames are incomplete", path, partial))
		}
		return true
	}
	return yield(nil, fmt.Errorf("store: %s: changes too fast to be read; stop the agent and export again", path))
}

// exportTries is how often a segment is searched anew while an agent writes it.
const exportTries = 100

// exportFrames yields the frames behind last, which it moves on, until one was
// overwritten since it was found.
func exportFrames(path string, whole []found, last *key, as aliases, yield func(*frame.Frame, error) bool) (missed, more bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return false, true, err
	}
	defer f.Close()
	a, out, buf := assembler{keep: true}, frame.Frame{}, make([]byte, longestValue)
	for i := range whole {
		r := &whole[i]
		if bytes.Compare(r.key[:], last[:]) <= 0 {
			continue
		}
		value := buf[:r.len]
		if _, err := f.ReadAt(value, r.at+keyLen); err != nil {
			return false, true, err
		}
		data, err := openValue(r.key[:], value)
		if err != nil {
			return true, true, nil
		}
		if done, _ := a.add(&r.key, data); !done {
			continue
		}
		a.frame(&out, as)
		if !yield(&out, nil) {
			return false, false, nil
		}
		*last = r.key
	}
	return false, true, nil
}

// frame gives the assembled frame, sharing the assembler's payload.
func (a *assembler) frame(dst *frame.Frame, as aliases) {
	h := &a.header
	*dst = frame.Frame{Lane: a.key.lane(), Kind: h.kind, Class: h.class, ID: as.id(a.key.id()), Prev: as.prev(a.key.id(), h.prev),
		N: h.n, T0: h.t0, T1: h.t1, Boot: h.boot, Dating: h.dating, Payload: a.payload}
}
