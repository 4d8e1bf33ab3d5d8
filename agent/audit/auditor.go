package audit

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/telhub/telhub/uplink/frame"
)

// Options say what counts as unexplained.
type Options struct {
	// Whole: the streams were never trimmed, so that a missing beginning is
	// unexplained, too.
	Whole bool
	// Partial: what is read is a part by its nature, as a spool is, which holds
	// only what the server has not confirmed. Missing frames say nothing then.
	Partial bool
}

// Mark is what the state hash says of a lane. The streams may grow while they
// are read: the mark is read before and behind their ends.
type Mark struct {
	There       bool // the hash has the lane's field
	Fence       uint64
	Least, Most frame.ID // the last frame is between these
	Bad         string   // a value that is no mark
	Bare        bool     // the stream holds no entry at all, of any device
}

// ParseMark reads what the state hash held of a lane before and behind the
// stream's end, "fence;epoch;seq" or, where the field was not there, "".
func ParseMark(before, after string) Mark {
	m := Mark{There: after != ""}
	ok := true
	if before != "" {
		_, m.Least, ok = parseMark(before)
	}
	if !ok {
		m.Bad = before
	} else if m.There {
		if m.Fence, m.Most, ok = parseMark(after); !ok {
			m.Bad = after
		}
	}
	return m
}

func parseMark(text string) (fence uint64, id frame.ID, ok bool) {
	part := strings.Split(text, ";")
	if len(part) != 3 {
		return 0, id, false
	}
	var n [3]uint64
	for i := range part {
		v, err := strconv.ParseUint(part[i], 10, 63)
		if err != nil {
			return 0, id, false
		}
		n[i] = v
	}
	return n[0], frame.ID{Epoch: n[1], Seq: n[2]}, true
}

// maxForeign bounds the foreign entries that are shown.
const maxForeign = 200

// Auditor takes entries and marks and judges them. One goroutine uses it.
type Auditor struct {
	o       Options
	devices map[key]*device
	last    *device // of the entry before, to spare the look-up
	set     checker // shared: one entry at a time is opened

	foreign     []Finding
	moreForeign int
}

type key struct {
	shard int
	name  string
}

// device is what is known of a device in a shard.
type device struct {
	key
	lanes [frame.Lanes]*lane
}

// New returns an auditor that has seen nothing.
func New(o Options) *Auditor { return &Auditor{o: o, devices: map[key]*device{}} }

// Add takes the next entry of a stream. It does not keep e.Data.
func (a *Auditor) Add(e *Entry) { a.lane(e.Shard, e.Device, e.Lane).add(e) }

// Foreign notes an entry that is no frame: Parse's error says why.
func (a *Auditor) Foreign(stream, at string, err error) {
	if len(a.foreign) == maxForeign {
		a.moreForeign++
		return
	}
	a.foreign = append(a.foreign, Finding{Kind: Foreign, ID: stream, At: at, Text: err.Error(), Cure: cureForeign})
}

// Mark notes what the state hash says of a lane.
func (a *Auditor) Mark(shard int, name string, l frame.Lane, m Mark) {
	a.lane(shard, name, l).mark = &m
}

// Unmarked notes that the state hash of a shard was read: lanes of which Mark
// was not told are not in it.
func (a *Auditor) Unmarked(shard int) {
	for k, d := range a.devices {
		if k.shard != shard {
			continue
		}
		for _, l := range d.lanes {
			if l != nil && l.mark == nil {
				l.mark = &Mark{}
			}
		}
	}
}

// Trimmed notes that a stream, after it was read, began with the entry first:
// what is missing before that may have been trimmed while it was read.
func (a *Auditor) Trimmed(shard int, l frame.Lane, first string) {
	for k, d := range a.devices {
		if k.shard == shard && d.lanes[l] != nil {
			d.lanes[l].keptFrom = first
		}
	}
}

func (a *Auditor) lane(shard int, name string, l frame.Lane) *lane {
	d := a.last
	if d == nil || d.name != name || d.shard != shard {
		d = a.devices[key{shard, name}]
	}
	if d == nil {
		name = strings.Clone(name) // of an entry, which it would keep in memory
		d = &device{key: key{shard, name}}
		a.devices[d.key] = d
	}
	a.last = d
	if d.lanes[l] == nil {
		d.lanes[l] = &lane{name: d.name + "/" + l.String(), set: &a.set}
	}
	return d.lanes[l]
}

// Finish ends the audit; the auditor is of no use after it.
func (a *Auditor) Finish() *Report {
	r := &Report{Devices: []Device{}, Foreign: []Finding{}, MoreForeign: a.moreForeign}
	r.Foreign = append(r.Foreign, a.foreign...)
	for _, d := range a.devices {
		r.Devices = append(r.Devices, d.report(&a.o))
	}
	slices.SortFunc(r.Devices, func(x, y Device) int {
		return cmp.Or(strings.Compare(x.Device, y.Device), cmp.Compare(x.shard, y.shard))
	})
	r.Unexplained = len(r.Foreign) + r.MoreForeign
	for i := range r.Devices {
		r.Unexplained += r.Devices[i].Unexplained
	}
	r.Balanced = r.Unexplained == 0
	return r
}

// report sums up a device.
func (d *device) report(o *Options) Device {
	out := Device{Device: d.name, shard: d.shard, Lanes: []Lane{}, Findings: []Finding{}}
	if d.shard != NoShard {
		out.Shard = &d.shard
	}
	d.compareBoots()
	for _, l := range d.lanes {
		if l == nil {
			continue
		}
		l.finish(o)
		view := l.view()
		out.sum(&view)
		out.Lanes = append(out.Lanes, view)
		for _, f := range l.found {
			out.Findings = append(out.Findings, f.named(l.name))
		}
		out.More += l.more
	}
	out.Runs = d.runs()
	out.Unexplained = len(out.Findings) + out.More
	out.Balanced = out.Unexplained == 0
	return out
}

// compareBoots looks for an epoch whose lanes are of different boots.
func (d *device) compareBoots() {
	for i, l := range d.lanes {
		for j := range i {
			if l != nil && d.lanes[j] != nil {
				l.compareBoots(d.lanes[j])
			}
		}
	}
}

func (l *lane) compareBoots(other *lane) {
	for _, r := range l.runs {
		i, ok := other.runOf(r.epoch)
		if !ok || r.boot == "" || other.runs[i].boot == "" || r.boot == other.runs[i].boot {
			continue
		}
		id := frame.ID{Epoch: r.epoch, Seq: r.last}
		l.keep(Finding{
			Kind: Boot, from: id, to: id, At: l.prev.at, Cure: cureBoot,
			Text: fmt.Sprintf("its epoch is of boot %s, in %s of boot %s", r.boot, other.name, other.runs[i].boot),
		})
	}
}

// runs sums up the epochs of all lanes.
func (d *device) runs() Runs {
	var epochs, cuts []uint64
	for _, l := range d.lanes {
		if l == nil {
			continue
		}
		for _, r := range l.runs {
			epochs = append(epochs, r.epoch)
		}
		cuts = append(cuts, l.cuts...)
	}
	slices.Sort(epochs)
	slices.Sort(cuts)
	epochs, cuts = slices.Compact(epochs), slices.Compact(cuts)
	out := Runs{Seen: len(epochs), AfterCut: len(cuts)}
	if len(epochs) > 0 {
		out.First, out.Last = epochs[0], epochs[len(epochs)-1]
		out.Silent = int64(out.Last-out.First) + 1 - int64(len(epochs))
	}
	return out
}
