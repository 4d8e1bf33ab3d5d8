package pipeline

import (
	"sync"

	"github.com/telhub/telhub/drivers"
)

// HistoryPoints is how many points of its past each channel keeps.
const HistoryPoints = 60

// Point is one value of a channel's history.
type Point struct {
	Stamp int64 // boottime ns
	Value float64
}

// Value is what is known of a channel now.
type Value struct {
	Value   float64
	Stamp   int64 // of Value, boottime ns; 0 while there was none
	Quality drivers.Quality
	Known   bool // false until the first value or status

	Alarm      drivers.Alarm
	AlarmSince int64 // boottime ns of the sample that told of Alarm; 0 while there was none
}

// Latest holds the latest value and a thin history of every channel, so that
// pages and queries never touch the hot path. Updates allocate nothing.
//
// With a Processor the values are those that it Observes, before it withholds
// any; what the drivers gave is in Raw.
type Latest struct {
	every int64 // ns between history points

	mu      sync.Mutex // guards the rest
	entries []entry
	raw     []Value // by channel; nil without a Processor
}

type entry struct {
	now    Value
	points [HistoryPoints]Point
	head   int // where the next point goes
	n      int
}

// NewLatest allocates a Latest for a schema of so many channels, whose history
// points are every nanoseconds apart.
func NewLatest(channels int, every int64) *Latest {
	return &Latest{every: every, entries: make([]entry, channels)}
}

// keepRaw tells apart what the drivers give and what a Processor makes of it.
func (l *Latest) keepRaw() { l.raw = make([]Value, len(l.entries)) }

// update takes in one batch of samples as drivers gave them.
func (l *Latest) update(batch []drivers.Sample) {
	l.mu.Lock()
	if l.raw != nil {
		for i := range batch {
			l.raw[batch[i].Channel].update(&batch[i])
		}
	} else {
		for i := range batch {
			l.entries[batch[i].Channel].update(&batch[i], l.every)
		}
	}
	l.mu.Unlock()
}

// Observe takes in one value, status or alarm that a Processor made. It does
// not keep s and allocates nothing. Safe for concurrent use.
func (l *Latest) Observe(s *drivers.Sample) {
	l.mu.Lock()
	l.entries[s.Channel].update(s, l.every)
	l.mu.Unlock()
}

// update takes in s and reports whether it is a value.
func (v *Value) update(s *drivers.Sample) bool {
	if s.Kind == drivers.KindAlarm {
		v.Alarm, v.AlarmSince = s.Alarm, s.Stamp
		return false
	}
	v.Known = true
	v.Quality = s.Quality
	if s.Kind != drivers.KindValue {
		return false
	}
	v.Value, v.Stamp = s.Value, s.Stamp
	return true
}

func (e *entry) update(s *drivers.Sample, every int64) {
	if !e.now.update(s) {
		return
	}
	if e.n > 0 {
		last := e.points[(e.head+HistoryPoints-1)%HistoryPoints].Stamp
		// A tenth of slack: a sensor of the same period must not lose every
		// other point to jitter.
		if s.Stamp-last < every-every/10 {
			return
		}
	}
	e.points[e.head] = Point{s.Stamp, s.Value}
	e.head = (e.head + 1) % HistoryPoints
	e.n = min(e.n+1, HistoryPoints)
}

// Get returns what is known of a channel.
func (l *Latest) Get(channel int) Value {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.entries[channel].now
}

// Raw returns what the driver gave last; of a channel that no driver measures
// nothing is Known. Without a Processor it is what Get returns.
func (l *Latest) Raw(channel int) Value {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.raw == nil {
		return l.entries[channel].now
	}
	return l.raw[channel]
}

// AppendHistory appends a channel's history to dst, oldest first.
func (l *Latest) AppendHistory(dst []Point, channel int) []Point {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := &l.entries[channel]
	for i := range e.n {
		dst = append(dst, e.points[(e.head-e.n+i+HistoryPoints)%HistoryPoints])
	}
	return dst
}
