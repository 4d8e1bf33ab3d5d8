package model

import (
	"encoding/binary"

	"pgregory.net/rapid"

	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/uplink/frame"
)

// stepLook reads the store beside the running agent, as `spool verify` and
// `spool export` do: it is sound, what it yields is what was submitted, and
// nothing is left out that the agent could still send.
func (h *history) stepLook(t *rapid.T) {
	b := h.pick(t)
	if !b.running || b.disk == nil || b.disk.gone() {
		return
	}
	in, err := store.Verify(b.dir)
	if err != nil || !in.Sound() {
		h.fail("the store is not sound beside its agent: %+v, %v", in, err)
	}
	seen := [frame.Lanes]map[frame.ID]bool{}
	for l := range seen {
		seen[l] = map[frame.ID]bool{}
	}
	for f, err := range store.Frames(b.dir) {
		if err != nil {
			h.fail("export beside the agent: %v", err)
		}
		if seen[f.Lane][f.ID] {
			h.logf("%v %v", f.Lane, f.ID)
			h.fail("export yields a frame twice")
		}
		seen[f.Lane][f.ID] = true
		h.isSample(f)
	}
	for l := range frame.Lane(frame.Lanes) {
		h.peekAll(b, l, seen[l])
	}
	h.happened(lookedAt)
}

// peekAll looks at what the store holds of a lane and would still send: it is
// in the export, too.
func (h *history) peekAll(b *board, l frame.Lane, exported map[frame.ID]bool) {
	f := frame.Frame{Payload: make([]byte, 0, largeBytes)}
	for after := b.disk.Store.Released(l); ; after = f.ID {
		ok, err := b.disk.Store.Peek(l, after, &f)
		if err != nil {
			h.fail("peek: %v", err)
		}
		if !ok {
			return
		}
		if !after.Less(f.ID) {
			h.fail("peek does not go on")
		}
		h.isSample(&f)
		if f.Kind == frame.Data && !exported[f.ID] {
			h.logf("%v %v", l, f.ID)
			h.fail("export leaves a frame out")
		}
	}
}

// isSample checks that a frame holds what was submitted, under its date.
func (h *history) isSample(f *frame.Frame) {
	if f.Kind != frame.Data {
		return
	}
	if len(f.Payload) < 12 {
		h.fail("a frame in the store is not what was submitted")
	}
	first, n := binary.BigEndian.Uint64(f.Payload), binary.BigEndian.Uint32(f.Payload[8:])
	if n != f.N || first+uint64(n) > uint64(len(h.samples)) || f.T0+h.bootedAt[f.Boot.String()] != h.samples[first].at {
		h.fail("a frame in the store is not what was submitted")
	}
}
