package worker

import (
	"slices"
	"sync"
	"time"

	"github.com/telhub/telhub/processing/queue"
)

// desk is where fetched tasks wait for a worker, and where credits are counted.
type desk struct {
	critical chan *task
	others   chan *task

	workers, reserved int // how many there are

	mu       sync.Mutex // guards all below
	running  int        // workers that run a task
	extra    int        // reserved ones that do
	waiting  int        // tasks fetched and not begun
	waitCrit int        // of these: critical ones
	asked    int        // credits of fetches under way
	wanting  []chan struct{}
	mean     time.Duration // of handlers, exponentially weighted
}

// quick is how long a handler may take, in the mean, so that tasks are fetched
// which have to wait for it: no other pool can run them meanwhile.
const quick = 20 * time.Millisecond

func newDesk(workers, reserved, shards int) *desk {
	// Room for what credits allow, and for what blocked reads and recoveries
	// bring beside them; a fetcher waits when there is none.
	room := 4*(workers+reserved) + 64 + 16*shards
	return &desk{critical: make(chan *task, room), others: make(chan *task, room), workers: workers, reserved: reserved}
}

// creditLocked is how many tasks may be fetched: as many as workers are free,
// twice as many while handlers are quick.
func (k *desk) creditLocked() int {
	free := k.workers - k.running
	if k.mean < quick {
		free *= 2
	}
	return max(0, free-k.waiting-k.asked)
}

// take returns credits for tasks of all classes, and more for critical ones.
// The former count as asked for until settle. Each of several fetchers gets its
// share at most, so that they do not keep each other waiting.
func (k *desk) take(fetchers int) (n, critical int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	n = min(k.creditLocked(), max(1, 2*k.workers/max(1, fetchers)))
	k.asked += n
	return n, max(0, k.reserved-k.extra-k.waitCrit)
}

// settle ends a take of n credits.
func (k *desk) settle(n int) {
	k.mu.Lock()
	k.asked -= n
	k.mu.Unlock()
}

// arrived counts tasks as waiting.
func (k *desk) arrived(n, critical int) {
	k.mu.Lock()
	k.waiting += n
	k.waitCrit += critical
	k.mu.Unlock()
}

// put hands a task that has arrived to the workers; it waits while the desk is
// full, and returns false if stop is closed sooner.
func (k *desk) put(t *task, stop <-chan struct{}) bool {
	ch := k.others
	if t.d.Class == queue.Critical {
		ch = k.critical
	}
	select {
	case ch <- t:
		return true
	default:
	}
	select {
	case ch <- t:
		return true
	case <-stop:
		return false
	}
}

// next returns the next task for a worker, nil if stop is closed. A reserved
// worker gets critical ones only.
func (k *desk) next(reserved bool, stop <-chan struct{}) *task {
	select {
	case <-stop:
		return nil
	case t := <-k.critical:
		return t
	default:
	}
	others := k.others
	if reserved {
		others = nil
	}
	select {
	case <-stop:
		return nil
	case t := <-k.critical:
		return t
	case t := <-others:
		return t
	}
}

// left returns a task that still waits, nil if none does.
func (k *desk) left() *task {
	select {
	case t := <-k.critical:
		return t
	case t := <-k.others:
		return t
	default:
		return nil
	}
}

// begin counts a waiting task as running.
func (k *desk) begin(t *task, reserved bool) {
	k.mu.Lock()
	k.leftLocked(t)
	if reserved {
		k.extra++
	} else {
		k.running++
	}
	k.mu.Unlock()
}

// drop counts a waiting task as gone.
func (k *desk) drop(t *task) {
	k.mu.Lock()
	k.leftLocked(t)
	k.mu.Unlock()
}

func (k *desk) leftLocked(t *task) {
	k.waiting--
	if t.d.Class == queue.Critical {
		k.waitCrit--
	}
}

// end counts a running task as ended, and wakes the fetchers that lack credits.
func (k *desk) end(reserved bool, took time.Duration) {
	k.mu.Lock()
	if reserved {
		k.extra--
	} else {
		k.running--
	}
	k.mean += (took - k.mean) / 16
	for _, w := range k.wanting {
		select {
		case w <- struct{}{}:
		default:
		}
	}
	k.wanting = k.wanting[:0]
	k.mu.Unlock()
}

// await has w woken at the next end of a task. It returns false if there are
// credits already.
func (k *desk) await(w chan struct{}) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.creditLocked() > 0 {
		return false
	}
	if !slices.Contains(k.wanting, w) { // a fetcher that polls asks many times during one task
		k.wanting = append(k.wanting, w)
	}
	return true
}

// gauges returns how many tasks run and wait.
func (k *desk) gauges() (running, waiting int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.running + k.extra, k.waiting
}
