package audit

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/telhub/telhub/uplink/frame"
)

// finish judges what only the end shows.
func (l *lane) finish(o *Options) {
	for i := range l.holes {
		l.settle(&l.holes[i], o)
	}
	l.holes = nil
	l.beginning(o)
	if l.mark != nil {
		l.compare(l.mark, o)
	}
	slices.SortStableFunc(l.found, func(a, b Finding) int { return a.from.Compare(b.from) })
}

// settle decides what a hole is that nothing filled.
func (l *lane) settle(h *hole, o *Options) {
	n := int64(h.last - h.first + 1)
	switch {
	case o.Partial:
		return
	case l.keptFrom != "" && !idLess(l.keptFrom, h.before):
		l.trim().WhileRead += n
		return
	}
	l.report(h)
}

func (l *lane) trim() *Trimmed {
	if l.trimmed == nil {
		l.trimmed = &Trimmed{}
	}
	return l.trimmed
}

// beginning notes what was trimmed before the first entry.
func (l *lane) beginning(o *Options) {
	if l.none() || l.start || o.Partial {
		return
	}
	id := l.first.id
	if o.Whole {
		l.keep(Finding{
			Kind: Beginning, from: id, to: id, At: l.first.at,
			Text: fmt.Sprintf("the lane begins with it: at least %d frames before it are not there", id.Seq-1), Cure: cureBeginning,
		})
		return
	}
	t := l.trim()
	t.First, t.Frames = l.name+"/"+id.String(), int64(id.Seq-1)
}

// compare judges the state hash's mark of the lane.
func (l *lane) compare(m *Mark, o *Options) {
	switch end := l.last; {
	case m.Bad != "":
		l.note(fmt.Sprintf("the state hash holds %.60q for it, not fence;epoch;seq", m.Bad), cureMark)
	case !m.There && !l.none():
		l.note(fmt.Sprintf("the state hash does not know the lane, whose last frame is %v", end), cureMark)
	case !m.There:
	case l.none() && m.Least != (frame.ID{}):
		l.gone(m, o)
	case end.Less(m.Least):
		l.note(fmt.Sprintf("the state hash says that the last frame is %v, the stream's is %v%s", m.Least, end, short(end, m.Least)), cureTail)
	case m.Most.Less(end):
		l.note(fmt.Sprintf("the state hash says that the last frame is %v, the stream's is %v", m.Most, end), cureMark)
	case m.Fence < end.Epoch:
		l.fence(m.Fence)
	}
}

// short says how many frames lie between two ends, where that is known.
func short(end, mark frame.ID) string {
	if end.Epoch != mark.Epoch {
		return ""
	}
	return fmt.Sprintf(": %d frames fewer", mark.Seq-end.Seq)
}

// gone judges a lane that had frames and has none now: other devices may have
// filled the stream since. Trimming by length leaves no stream empty.
func (l *lane) gone(m *Mark, o *Options) {
	if o.Whole || m.Bare {
		l.note(fmt.Sprintf("the state hash says that the last frame is %v, the stream holds none of the lane", m.Least), cureTail)
		return
	}
	t := l.trim()
	t.All, t.Frames = true, int64(m.Least.Seq)
}

func (l *lane) fence(fence uint64) {
	l.keep(Finding{
		Kind: Fence, from: l.last, to: l.last, At: l.prev.at,
		Text: fmt.Sprintf("it is of epoch %d, the state hash says that none after %d has opened the lane", l.last.Epoch, fence), Cure: cureMark,
	})
}

// note is a finding about the lane as a whole.
func (l *lane) note(text, cure string) {
	l.keep(Finding{Kind: MarkDiffers, lane: true, from: l.last, to: l.last, At: l.prev.at, Text: text, Cure: cure})
}

// idLess orders the IDs of stream entries, "1780315200000-0".
func idLess(a, b string) bool {
	ams, aseq := splitID(a)
	bms, bseq := splitID(b)
	return cmp.Or(cmp.Compare(ams, bms), cmp.Compare(aseq, bseq)) < 0
}

func splitID(id string) (ms, seq uint64) {
	a, b, _ := strings.Cut(id, "-")
	ms, _ = strconv.ParseUint(a, 10, 64)
	seq, _ = strconv.ParseUint(b, 10, 64)
	return ms, seq
}
