package model

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

// disk is the real store behind a disk that can be slow or fail. It keeps the
// agent's record of alarms, too, which lets the store forget them.
type disk struct {
	*store.Store
	dead     chan struct{} // closed when the run is cut short
	happened func(fault)

	io sync.Mutex // held while files are written or copied

	mu            sync.Mutex // guards all below
	failing       int        // so many commits fail
	before, after time.Duration
	sick          bool      // it failed or was slow in this run: alarms may have gone without it
	put           frame.ID  // last alarm frame that the store took
	committed     frame.ID  // … and that is committed
	kept          frame.ID  // … and that the agent's record has
	waiting       []uint64  // alarms put, not committed
	last          time.Time // when Next was called last …
	many          int       // … and how often at that instant
	cleared       map[uint64]time.Time
	bomb          func() // cuts the power …
	fuse          int    // … at the instant before or after a write that so many others precede
}

var _ uplink.Store = (*disk)(nil)

var errDisk = errors.New("input/output error")

func (d *disk) gone() bool {
	select {
	case <-d.dead:
		return true
	default:
		return false
	}
}

// Put implements uplink.Store.
func (d *disk) Put(f *frame.Frame) error {
	if d.gone() {
		return nil
	}
	err := d.Store.Put(f)
	if f.Lane == frame.Alarm {
		d.mu.Lock()
		defer d.mu.Unlock()
		switch {
		case err == nil && f.Kind == frame.Data:
			d.put = f.ID
			d.waiting = append(d.waiting, binary.BigEndian.Uint64(f.Payload))
		case err != nil && !errors.Is(err, store.ErrPendingFull):
			d.sick = true
		}
	}
	if errors.Is(err, store.ErrPendingFull) {
		return uplink.ErrPending
	}
	return err
}

// pause lets a slow disk take its time.
func (d *disk) pause(t time.Duration) {
	select {
	case <-time.After(t):
	case <-d.dead:
	}
}

// Commit implements uplink.Store.
func (d *disk) Commit() error {
	d.mu.Lock()
	before, after, failing := d.before, d.after, d.failing > 0
	if failing {
		d.failing--
		d.sick = true
	}
	put, n := d.put, len(d.waiting)
	d.mu.Unlock()
	if before > 0 {
		d.pause(before)
	}
	if before+after >= time.Second {
		d.happened(commitSlow)
	}
	if failing {
		d.happened(commitFailed)
		return errDisk
	}
	err := d.write(d.Store.Commit)
	if after > 0 {
		d.pause(after)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		d.sick = true
		return err
	}
	d.committed = put
	now := time.Now()
	for _, alarm := range d.waiting[:n] {
		d.cleared[alarm] = now
	}
	d.waiting = d.waiting[n:]
	return nil
}

// write writes files, and lets the power fail before or after that.
func (d *disk) write(do func() error) error {
	d.io.Lock()
	defer d.io.Unlock()
	d.burn(cutBeforeWrite)
	if d.gone() {
		return nil
	}
	err := do()
	d.burn(cutAfterWrite)
	return err
}

// burn shortens the fuse.
func (d *disk) burn(f fault) {
	d.mu.Lock()
	bomb := d.bomb
	if bomb == nil || d.gone() {
		d.mu.Unlock()
		return
	}
	if d.fuse--; d.fuse >= 0 {
		d.mu.Unlock()
		return
	}
	d.bomb = nil
	d.mu.Unlock()
	d.happened(f)
	bomb()
}

// arm lets the power fail at an instant before or after a write that so many
// others precede; nil never.
func (d *disk) arm(bomb func(), fuse int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.bomb, d.fuse = bomb, fuse
}

// SetOpened implements uplink.Store.
func (d *disk) SetOpened(epoch uint64) {
	if !d.gone() {
		d.Store.SetOpened(epoch)
	}
}

// Next implements uplink.Store.
func (d *disk) Next(lane frame.Lane, after frame.ID, dst *frame.Frame) (bool, error) {
	if d.gone() {
		return false, nil
	}
	d.mu.Lock()
	if now := time.Now(); now != d.last {
		d.last, d.many = now, 0
	}
	d.many++
	spins := d.many > 20000
	d.mu.Unlock()
	if spins {
		panic(fmt.Sprintf("the uplink spins over the store: lane %v after %v", lane, after))
	}
	return d.Store.Next(lane, after, dst)
}

// Reassign implements uplink.Store.
func (d *disk) Reassign(to uint64) error {
	if d.gone() {
		return nil
	}
	from := d.Store.Epoch()
	err := d.write(func() error { return d.Store.Reassign(to) })
	if err == nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		for _, id := range []*frame.ID{&d.put, &d.committed, &d.kept} {
			if id.Epoch == from {
				id.Epoch = to
			}
		}
	}
	return err
}

// trouble sets how the disk behaves from now on.
func (d *disk) trouble(failing int, before, after time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failing, d.before, d.after = failing, before, after
	d.sick = d.sick || before+after >= 400*time.Millisecond
}

// alarmsKept is uplink.Options.AlarmsKept.
func (d *disk) alarmsKept() frame.ID {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.kept
}

// save saves the agent's record of alarms.
func (d *disk) save() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.kept.Less(d.committed) {
		d.kept = d.committed
	}
}

// copyDir copies what a cut leaves of a directory.
func copyDir(to, from string) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	list, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range list {
		if err := copyFile(filepath.Join(to, e.Name()), filepath.Join(from, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(to, from string) error {
	r, err := os.Open(from)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err = io.Copy(w, r); err != nil {
		w.Close()
		return err
	}
	return w.Close()
}
