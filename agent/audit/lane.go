package audit

import (
	"fmt"
	"slices"

	"github.com/telhub/telhub/uplink/frame"
)

// Bounds of what a lane remembers. What goes beyond is still counted; only an
// entry that comes later than that may then get a less precise word.
const (
	maxRuns    = 4096 // epochs
	maxHoles   = 1024 // open at a time
	maxCovered = 4096 // gap records
	maxFound   = 200  // findings shown of a lane
)

// run is what a lane holds of an epoch: numbers first to last, less the holes.
type run struct {
	epoch, first, last uint64
	boot               string // of its frames
}

// hole is a run of missing numbers of one epoch. It may still be filled by
// entries that come late.
type hole struct {
	epoch, first, last uint64
	after, before      string // where the entries around it stand
}

// cover is what a gap record declares, or a part of it: the numbers behind
// from, to included. own is the record's number.
type cover struct{ from, to, own frame.ID }

// lane judges the entries of one lane of a device, in the order of the stream.
type lane struct {
	name string // "pi-01/live"
	set  *checker

	prev   place // the entry read last
	first  place // the first one
	last   frame.ID
	start  bool // first is the lane's beginning, or a gap record covers what was before
	runs   []run
	holes  []hole
	covers []cover
	dim    frame.ID // up to here details were forgotten

	epochs, frames, records, samples, missing int64
	empty                                     int64 // frames whose payload cannot be read
	causes                                    []Cause
	cuts                                      []uint64 // epochs that declare a power cut

	found   []Finding
	more    int
	growing bool // the entry read last added to the last finding

	mark     *Mark
	trimmed  *Trimmed
	keptFrom string // what stood before this entry was removed while it was read
}

// place is a frame and where it stands.
type place struct {
	id frame.ID
	at string
}

// add judges an entry.
func (l *lane) add(e *Entry) {
	grown := l.growing
	l.growing = false
	isGap := e.Encoding == "gap"
	if l.first.id == (frame.ID{}) {
		l.begin(e, isGap)
	} else if l.last.Less(e.ID) {
		l.advance(e, isGap)
	} else if !l.late(e, isGap, grown) {
		l.prev = place{e.ID, e.At}
		return // each identity counts once
	}
	l.prev = place{e.ID, e.At}
	for _, f := range e.faults {
		l.find(Header, e, f, cureHeader)
	}
	if isGap {
		l.declare(e)
	} else {
		l.deliver(e)
	}
}

// begin takes the first entry. What was before it may have been trimmed.
func (l *lane) begin(e *Entry, isGap bool) {
	l.first, l.last = place{e.ID, e.At}, e.ID
	l.start = e.ID.Seq == 1 || isGap
	l.runs = append(l.runs, run{epoch: e.ID.Epoch, first: e.ID.Seq, last: e.ID.Seq})
	l.epochs = 1
	if isGap {
		l.cover(frame.ID{}, e.ID)
	}
}

// advance takes an entry that goes forward: the next one, or there is a hole.
func (l *lane) advance(e *Entry, isGap bool) {
	id, last := e.ID, l.last
	r := &l.runs[len(l.runs)-1]
	first := uint64(1)
	if id.Epoch == r.epoch {
		first, r.last = r.last+1, id.Seq
	} else {
		l.newRun(len(l.runs), run{epoch: id.Epoch, first: 1, last: id.Seq})
	}
	l.last = id
	switch {
	case isGap && (first < id.Seq || id.Epoch != last.Epoch):
		l.cover(last, id)
	case isGap:
		l.cover(frame.ID{Epoch: id.Epoch, Seq: id.Seq - 1}, id)
	case first < id.Seq:
		l.open(hole{id.Epoch, first, id.Seq - 1, l.prev.at, e.At})
	}
}

// late judges an entry that does not go forward. It reports whether the frame
// is one that was not there yet.
func (l *lane) late(e *Entry, isGap, grown bool) bool {
	id := e.ID
	if i := l.holeAt(id); i >= 0 {
		l.fill(i, id, isGap)
		l.step(Order, e, grown, "stands behind "+l.last.String()+", out of order", cureOrder)
		return true
	}
	if i := l.coverAt(id); i >= 0 {
		own := l.covers[i].own
		switch {
		case isGap && own == id:
			l.step(Twice, e, grown, "is there twice, a gap record", cureTwice)
		case isGap:
			l.step(Overlap, e, grown, "declares lost what a gap record has declared before", cureOverlap)
		default:
			l.uncover(i, id)
			l.step(Overlap, e, grown, "was delivered although gap record "+own.String()+" declares it lost", cureOverlap)
			return true
		}
		return false
	}
	if !l.dim.Less(id) {
		l.step(Twice, e, grown, "comes long after its place: twice, or out of order", cureTwice)
		return false
	}
	if l.known(id) {
		if isGap {
			l.step(Overlap, e, grown, "declares lost what was delivered under the same number", cureOverlap)
		} else {
			l.step(Twice, e, grown, "is there twice", cureTwice)
		}
		return false
	}
	l.insert(e, isGap)
	l.step(Order, e, grown, "stands behind "+l.last.String()+", out of order", cureOrder)
	return true
}

// known reports whether a number lies within what was read of its epoch.
func (l *lane) known(id frame.ID) bool {
	i, ok := l.runOf(id.Epoch)
	return ok && id.Seq >= l.runs[i].first && id.Seq <= l.runs[i].last
}

func (l *lane) runOf(epoch uint64) (int, bool) {
	return slices.BinarySearchFunc(l.runs, epoch, func(r run, e uint64) int {
		switch {
		case r.epoch < e:
			return -1
		case r.epoch > e:
			return 1
		}
		return 0
	})
}

// insert remembers a frame before the last one that lies in no hole. A gap
// record covers what would be a hole before it.
func (l *lane) insert(e *Entry, isGap bool) {
	id := e.ID
	first, last := id.Seq, id.Seq // of what is before it and not there
	switch i, ok := l.runOf(id.Epoch); {
	case !ok:
		if !id.Less(l.first.id) { // else what is before it may have been trimmed
			first = 1
		}
		l.newRun(i, run{epoch: id.Epoch, first: first, last: id.Seq})
	case id.Seq > l.runs[i].last:
		first, l.runs[i].last = l.runs[i].last+1, id.Seq
	default:
		first, last, l.runs[i].first = id.Seq+1, l.runs[i].first, id.Seq
	}
	if isGap {
		l.cover(frame.ID{Epoch: id.Epoch, Seq: min(first, id.Seq) - 1}, id)
		first = max(first, id.Seq)
	}
	if first = max(first, 1); first < last {
		l.open(hole{id.Epoch, first, last - 1, l.prev.at, e.At})
	}
}

// newRun remembers an epoch at its place in the list.
func (l *lane) newRun(i int, r run) {
	l.epochs++
	l.runs = slices.Insert(l.runs, i, r)
	if len(l.runs) > maxRuns {
		l.forget(frame.ID{Epoch: l.runs[0].epoch, Seq: l.runs[0].last})
		l.runs = slices.Delete(l.runs, 0, 1)
	}
}

// cover remembers what a gap record declares.
func (l *lane) cover(from, to frame.ID) {
	l.covers = append(l.covers, cover{from, to, to})
	if len(l.covers) > maxCovered {
		n := len(l.covers) / 2
		l.forget(l.covers[n-1].to)
		l.covers = slices.Delete(l.covers, 0, n)
	}
}

func (l *lane) forget(upTo frame.ID) {
	if l.dim.Less(upTo) {
		l.dim = upTo
	}
}

func (l *lane) coverAt(id frame.ID) int {
	for i := len(l.covers) - 1; i >= 0; i-- {
		if c := &l.covers[i]; c.from.Less(id) && !c.to.Less(id) {
			return i
		}
	}
	return -1
}

// uncover takes a number out of what a gap record declares: it was delivered.
func (l *lane) uncover(i int, id frame.ID) {
	c := l.covers[i]
	before := cover{c.from, frame.ID{Epoch: id.Epoch, Seq: id.Seq - 1}, c.own}
	l.covers[i].from = id
	l.covers = slices.Insert(l.covers, i, before)
	k, ok := l.runOf(id.Epoch)
	if !ok {
		l.newRun(k, run{epoch: id.Epoch, first: id.Seq, last: id.Seq})
		return
	}
	l.runs[k].first, l.runs[k].last = min(l.runs[k].first, id.Seq), max(l.runs[k].last, id.Seq)
}

// open notes a hole.
func (l *lane) open(h hole) {
	if len(l.holes) == maxHoles {
		l.report(&l.holes[0])
		l.holes = slices.Delete(l.holes, 0, 1)
	}
	l.holes = append(l.holes, h)
}

func (l *lane) holeAt(id frame.ID) int {
	return slices.IndexFunc(l.holes, func(h hole) bool {
		return h.epoch == id.Epoch && h.first <= id.Seq && id.Seq <= h.last
	})
}

// fill takes a number out of a hole; a gap record takes those before it, too.
func (l *lane) fill(i int, id frame.ID, isGap bool) {
	h := l.holes[i]
	if isGap {
		l.cover(frame.ID{Epoch: h.epoch, Seq: h.first - 1}, id)
	}
	l.holes = slices.Delete(l.holes, i, i+1)
	if id.Seq < h.last {
		l.holes = slices.Insert(l.holes, i, hole{h.epoch, id.Seq + 1, h.last, h.after, h.before})
	}
	if h.first < id.Seq && !isGap {
		l.holes = slices.Insert(l.holes, i, hole{h.epoch, h.first, id.Seq - 1, h.after, h.before})
	}
}

// report turns a hole that nothing filled into a finding.
func (l *lane) report(h *hole) {
	n := int64(h.last - h.first + 1)
	l.missing += n
	l.keep(Finding{
		Kind: Hole, from: frame.ID{Epoch: h.epoch, Seq: h.first}, to: frame.ID{Epoch: h.epoch, Seq: h.last}, Frames: n,
		At: h.before, Text: fmt.Sprintf("missing between the entries %s and %s, and no gap record covers it", h.after, h.before), Cure: cureHole,
	})
}
