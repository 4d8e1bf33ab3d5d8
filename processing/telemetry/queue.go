package telemetry

import (
	"context"
	"sync"
	"time"

	"github.com/telhub/telhub/uplink/frame"
)

// item is an entry that waits, as it came.
type item struct {
	shard  int
	lane   frame.Lane
	id     string
	values map[string]any
	size   int
	since  time.Time
}

// queue is what stands between readers and workers: a line for each lane.
// Readers reserve room before they ask the server for entries.
type queue struct {
	capItems, capBytes int

	items  chan struct{} // something to take, for workers of all lanes
	urgent chan struct{} // an alarm to take
	room   chan struct{} // something was taken

	mu       sync.Mutex // guards what follows
	lines    [frame.Lanes][]item
	reserved [frame.Lanes]int
	bytes    int
	closed   bool // workers need not wait for more
}

func newQueue(capItems, capBytes int) *queue {
	return &queue{
		capItems: capItems, capBytes: capBytes,
		items: make(chan struct{}, 1), urgent: make(chan struct{}, 1), room: make(chan struct{}, 1),
	}
}

// wake signals a channel that somebody may be waiting on.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// reserve takes room for at most want entries of a lane. Each of them must be
// given to put or back to unreserve. Bytes count when they have come: beyond
// the bound no lane has room.
func (q *queue) reserve(lane frame.Lane, want int) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.bytes >= q.capBytes {
		return 0
	}
	n := max(min(want, q.capItems-len(q.lines[lane])-q.reserved[lane]), 0)
	q.reserved[lane] += n
	return n
}

func (q *queue) unreserve(lane frame.Lane, n int) {
	if n == 0 {
		return
	}
	q.mu.Lock()
	q.reserved[lane] -= n
	q.mu.Unlock()
	wake(q.room)
}

// put adds an entry that room was reserved for.
func (q *queue) put(it item) {
	q.mu.Lock()
	q.reserved[it.lane]--
	q.lines[it.lane] = append(q.lines[it.lane], it)
	q.bytes += it.size
	q.mu.Unlock()
	if it.lane == frame.Alarm {
		wake(q.urgent)
	}
	wake(q.items)
}

// close lets workers take what is there without waiting for more, and then
// return.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	wake(q.urgent)
	wake(q.items)
}

// take waits for a batch and appends it to dst: alarms at once and by
// themselves; others when there are most of them or the first has waited for
// flush. It returns nothing when the queue is closed and empty or ctx ends.
func (q *queue) take(ctx context.Context, dst []item, urgentOnly bool, most int, flush time.Duration) []item {
	signal := q.items
	if urgentOnly {
		signal = q.urgent
	}
	for {
		got, wait, end := q.tryTake(dst, urgentOnly, most, flush)
		if len(got) > len(dst) {
			wake(q.room)
			wake(signal) // for the next worker: there may be more
			return got
		}
		if end {
			wake(signal)
			return dst
		}
		var timer <-chan time.Time
		if wait > 0 {
			timer = time.After(wait)
		}
		select {
		case <-signal:
		case <-timer:
		case <-ctx.Done():
			return dst
		}
	}
}

// tryTake is take without waiting: wait says when there will be something.
func (q *queue) tryTake(dst []item, urgentOnly bool, most int, flush time.Duration) (got []item, wait time.Duration, end bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if n := len(q.lines[frame.Alarm]); n > 0 {
		return q.pop(dst, frame.Alarm, most), 0, false
	}
	live, old := len(q.lines[frame.Live]), len(q.lines[frame.Backfill])
	if urgentOnly || live+old == 0 {
		return dst, 0, q.closed
	}
	if age := time.Since(q.eldestLocked()); live+old < most && age < flush && !q.closed {
		return dst, max(flush-age, time.Microsecond), false
	}
	// Backfill gets a quarter at least, so that live never starves it.
	share := min(old, max(most/4, most-live))
	dst = q.pop(dst, frame.Live, most-share)
	return q.pop(dst, frame.Backfill, share), 0, false
}

func (q *queue) eldestLocked() time.Time {
	var t time.Time
	for _, l := range q.lines {
		if len(l) > 0 && (t.IsZero() || l[0].since.Before(t)) {
			t = l[0].since
		}
	}
	return t
}

// pop moves at most n entries of a lane to dst.
func (q *queue) pop(dst []item, lane frame.Lane, n int) []item {
	line := q.lines[lane]
	n = min(n, len(line))
	dst = append(dst, line[:n]...)
	for i := range n {
		q.bytes -= line[i].size
	}
	rest := copy(line, line[n:])
	clear(line[rest:])
	q.lines[lane] = line[:rest]
	return dst
}

// drain empties the queue: what nobody will take any more.
func (q *queue) drain() (left []item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for l := range q.lines {
		left = q.pop(left, frame.Lane(l), len(q.lines[l]))
	}
	return left
}

// waiting returns how many entries and bytes wait.
func (q *queue) waiting() (n, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, l := range q.lines {
		n += len(l)
	}
	return n, q.bytes
}
