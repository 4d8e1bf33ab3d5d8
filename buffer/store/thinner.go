package store

import (
	"errors"
	"fmt"
	"os"

	bolt "go.etcd.io/bbolt"

	"github.com/telhub/telhub/uplink/frame"
)

// thinner copies what stays of segments into a new file. It needs no lock: its
// sources are written to no more.
type thinner struct {
	sources []*segment // the last one is to be thinned, the one before copied
	made    *segment   // under a temporary name

	aliases   aliases
	released  [frame.Lanes]frame.ID
	handed    [frame.Lanes]frame.ID // in flight up to here: kept as they are
	elsewhere uint64                // epoch of which others than lane backfill lie in memory, too
	fault     func() error
	noSync    bool

	db      *bolt.DB
	lane    frame.Lane
	thin    bool      // the source being read is to be thinned
	last    frame.ID  // where its lane ends
	batch   []byte    // records to be written
	record  []byte    // records of the frame being read
	frame   assembler // which they are
	gap     gapRun
	dropped uint64 // samples that are lost for certain
	written int64  // bytes
}

// gapRun is a run of frames that are being given up.
type gapRun struct {
	Extent
	prev, id frame.ID // its range (prev, id], as stored …
	first    frame.ID // … which begins with this one
	cause    frame.Cause
}

// run makes the thinned segment and proves it. largest is its largest payload.
func (t *thinner) run() (largest int, err error) {
	os.Remove(t.made.path)
	if t.db, err = openWriter(t.made.path, 0, true); err != nil {
		return 0, err
	}
	err = t.copy()
	if errors.Is(err, errStuck) {
		return 0, err
	}
	if t.written += 4 * pageSize; err == nil && !t.noSync { // a new file's first pages
		err = t.db.Sync()
	}
	if err = errors.Join(err, t.db.Close()); err != nil {
		return 0, err
	}
	return indexSegment(t.made, t.aliases)
}

// copy goes lane by lane, so that keys come in order.
func (t *thinner) copy() error {
	t.batch = make([]byte, 0, thinBatch)
	for t.lane = range frame.Lanes {
		for i, g := range t.sources {
			if g.spans[t.lane].Frames == 0 {
				continue
			}
			t.thin, t.last = i == len(t.sources)-1, g.spans[t.lane].last
			if _, err := checkFile(g.path, t.add); err != nil {
				return fmt.Errorf("read %s: %w", g.path, err)
			}
		}
		if err := t.endRun(); err != nil {
			return err
		}
	}
	return t.flush()
}

// add takes a record of a source.
func (t *thinner) add(k, v []byte) error {
	fk, err := parseKey(k)
	if err != nil || fk.lane() != t.lane {
		return err
	}
	data, err := openValue(k, v)
	if err != nil {
		return err
	}
	if fk.chunk() == 0 {
		t.record = t.record[:0]
	}
	t.record = append(append(t.record, k...), v...)
	done, err := t.frame.add(&fk, data)
	if err != nil || !done {
		return err
	}
	id := t.aliases.id(fk.id())
	switch {
	case !t.released[t.lane].Less(id) || t.last.Less(id):
		return nil
	case t.thin && t.frame.header.class == frame.Normal && t.handed[t.lane].Less(id):
		t.giveUp(fk.id())
		return nil
	}
	if err := t.endRun(); err != nil {
		return err
	}
	return t.write(t.record)
}

// giveUp adds the frame just read to the run. What is a gap record already
// keeps its cause if nothing else is in the run.
func (t *thinner) giveUp(id frame.ID) {
	r, h, cause := &t.gap, &t.frame.header, frame.StoreFull
	if h.kind == frame.Gap {
		if g, err := frame.ParseGapInfo(t.frame.payload); err == nil {
			cause = g.Cause
		}
	}
	if r.Frames == 0 {
		r.prev, r.first, r.cause = h.prev, id, cause
	} else if r.cause != cause {
		r.cause = frame.StoreFull
	}
	r.id, r.Extent = id, r.join(extentOf(h, t.frame.payload))
}

// endRun writes the gap record of the run, if there is one.
func (t *thinner) endRun() error {
	r := &t.gap
	if r.Frames == 0 {
		return nil
	}
	if t.lane == frame.Backfill || t.aliases.id(r.id).Epoch != t.elsewhere {
		t.dropped += uint64(max(r.N-r.thinned, 0))
	}
	info := frame.GapInfo{Cause: r.cause, N: r.N, T0: r.T0, T1: r.T1, T0Known: r.T0Known, Frames: int64(r.Frames)}
	if !info.T0Known {
		info.T0 = info.T1
	}
	if r.id.Epoch != r.first.Epoch { // what is stored under it must know the predecessor by the name that it has now
		r.prev = t.aliases.prev(r.first, r.prev)
	}
	f := frame.Frame{Lane: t.lane, Class: frame.High, ID: r.id, Prev: r.prev, Boot: r.Boot, Dating: r.Dating}
	if err := info.Seal(&f); err != nil {
		return err
	}
	*r = gapRun{}
	size, _ := recordBytes(len(f.Payload))
	return t.write(appendRecords(make([]byte, 0, size), &f))
}

// write appends records to the batch, which it commits when it is full.
func (t *thinner) write(records []byte) error {
	if len(t.batch)+len(records) > cap(t.batch) {
		if err := t.flush(); err != nil {
			return err
		}
	}
	t.batch = append(t.batch, records...)
	return nil
}

func (t *thinner) flush() error {
	if len(t.batch) == 0 {
		return nil
	}
	n, err := update(t.db, func(b *bolt.Bucket) error {
		if t.fault != nil {
			if err := t.fault(); err != nil {
				return err
			}
		}
		return putRecords(b, t.batch)
	})
	t.written += n
	t.batch = t.batch[:0]
	return err
}
