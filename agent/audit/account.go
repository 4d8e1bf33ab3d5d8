package audit

import (
	"fmt"

	"github.com/telhub/telhub/uplink/frame"
)

// deliver counts a frame and opens its payload.
func (l *lane) deliver(e *Entry) {
	l.frames++
	l.boot(e)
	got, err := l.set.open(e)
	if err != nil {
		l.empty++
		l.find(Payload, e, fmt.Sprintf("its payload does not decode: %v", err), curePayload)
		return
	}
	l.samples += int64(got.n)
	switch {
	case e.Bare || len(e.faults) > 0:
	case uint32(got.n) != e.N:
		l.find(Header, e, fmt.Sprintf("it holds %d samples, its header says %d", got.n, e.N), cureHeader)
	case got.n > 0 && (got.t0 != e.T0 || got.t1 != e.T1):
		l.find(Header, e, fmt.Sprintf("its stamps reach from %d to %d, its header says %d to %d", got.t0, got.t1, e.T0, e.T1), cureHeader)
	}
}

// boot compares the boot of a frame with that of its epoch: an epoch is one
// start of one agent.
func (l *lane) boot(e *Entry) {
	if e.Bare || len(e.faults) > 0 {
		return
	}
	i, ok := l.runOf(e.ID.Epoch)
	if !ok {
		return
	}
	switch r := &l.runs[i]; r.boot {
	case "":
		r.boot = e.Boot
	case e.Boot:
	default:
		l.find(Boot, e, fmt.Sprintf("it is of boot %s, the frames of epoch %d before it are of boot %s", e.Boot, r.epoch, r.boot), cureBoot)
		r.boot = e.Boot
	}
}

// declare counts a gap record.
func (l *lane) declare(e *Entry) {
	l.records++
	g, err := openGap(e)
	if err != nil {
		l.find(Record, e, fmt.Sprintf("the gap record cannot be counted: %v", err), cureRecord)
		if g.cause == "" {
			return
		}
	}
	c := l.cause(g.cause)
	c.Records++
	if g.n < 0 {
		c.Unknown++
	} else {
		c.Samples += g.n
	}
	if g.cause == "power_cut" && (len(l.cuts) == 0 || l.cuts[len(l.cuts)-1] < e.ID.Epoch) && len(l.cuts) < maxRuns {
		l.cuts = append(l.cuts, e.ID.Epoch)
	}
}

// maxCauses bounds the list of causes: a stream may hold any words.
const maxCauses = 32

func (l *lane) cause(name string) *Cause {
	for i := range l.causes {
		if l.causes[i].Cause == name {
			return &l.causes[i]
		}
	}
	if len(l.causes) == maxCauses {
		return &l.causes[maxCauses-1]
	}
	l.causes = append(l.causes, Cause{Cause: name})
	return &l.causes[len(l.causes)-1]
}

// find adds a finding about an entry.
func (l *lane) find(k Kind, e *Entry, text, cure string) {
	l.keep(Finding{Kind: k, from: e.ID, to: e.ID, Frames: 1, At: e.At, Text: text, Cure: cure})
}

// step is find for what may befall a run of frames: a finding of the entry
// before it grows.
func (l *lane) step(k Kind, e *Entry, grown bool, text, cure string) {
	l.growing = true
	if n := len(l.found); grown && n > 0 && l.found[n-1].Kind == k && e.ID.Follows(l.found[n-1].to) && l.found[n-1].stem == text {
		l.found[n-1].to = e.ID
		l.found[n-1].Frames++
		return
	}
	l.keep(Finding{Kind: k, from: e.ID, to: e.ID, Frames: 1, At: e.At, Text: text, stem: text, Cure: cure})
}

func (l *lane) keep(f Finding) {
	if len(l.found) == maxFound {
		l.more++
		l.growing = false
		return
	}
	l.found = append(l.found, f)
}

// none reports whether the lane has no entry.
func (l *lane) none() bool { return l.first.id == (frame.ID{}) }
