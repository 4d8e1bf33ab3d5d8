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
}

// Latest holds the latest value and a thin history of every channel, so that
// pages and queries never touch the hot path. Updates allocate nothing.
type Latest struct {
	every int64 // ns between history points

	mu      sync.Mutex // guards entries
	entries []entry
}

type entry struct {
	now    Value
	points [HistoryPoints]Point
	head   int // where the next point goes
	n      int
}

func newLatest(channels int, every int64) *Latest {
	return &Latest{every: every, entries: make([]entry, channels)}
}

// update takes in one batch of samples.
func (l *Latest) update(batch []drivers.Sample) {
	l.mu.Lock()
	for i := range batch {
		l.entries[batch[i].Channel].update(&batch[i], l.every)
	}
	l.mu.Unlock()
}

func (e *entry) update(s *drivers.Sample, every int64) {
	e.now.Known = true
	e.now.Quality = s.Quality
	if s.Kind != drivers.KindValue {
		return
	}
	e.now.Value, e.now.Stamp = s.Value, s.Stamp
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
