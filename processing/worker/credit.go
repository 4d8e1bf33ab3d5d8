package worker

import (
	"time"

	"github.com/telhub/telhub/processing/queue"
)

// weights share what critical tasks leave over.
var weights = [queue.NumClasses]int{queue.High: 8, queue.Normal: 4, queue.Bulk: 1}

// lower are the classes below critical, the most urgent first.
var lower = [...]queue.Class{queue.High, queue.Normal, queue.Bulk}

// aged is how long a class that has tasks may go without before one of them is
// fetched whatever else waits.
const aged = 5 * time.Second

// shares decides which classes to ask for how many tasks of a shard. It is
// owned by the shard's fetcher.
//
// Critical is asked for all there is room for. The others share the rest by
// their weights, by smooth weighted round robin, among those that had tasks at
// the last look; the others are asked for one now and then, to find out.
type shares struct {
	carry  [queue.NumClasses]int
	active [queue.NumClasses]bool
	served [queue.NumClasses]time.Time // when the class last had nothing left, or got something
	flood  bool                        // critical had more than was asked for
	probed time.Time                   // when classes that had nothing were asked last
}

// probeEvery is how often a class that had nothing is asked again while others
// have tasks. Asking costs Redis as much as a task does; with every read, it
// would be a fifth of all at four workers.
const probeEvery = 2 * time.Millisecond

// split gives n credits of workers for all classes, and critical ones of those
// that are reserved.
func (s *shares) split(n, critical int, now time.Time) (want queue.Credits) {
	want[queue.Critical] = n + critical
	if n <= 0 {
		return want
	}
	left := n
	for _, c := range lower {
		if left > 0 && s.active[c] && now.Sub(s.served[c]) > aged {
			want[c]++
			left--
		}
	}
	if s.flood {
		return want
	}
	sum := 0
	for _, c := range lower {
		if s.active[c] {
			sum += weights[c]
		}
	}
	if sum == 0 || now.Sub(s.probed) >= probeEvery {
		s.probed = now
		for _, c := range lower {
			if !s.active[c] {
				want[c] = 1
			}
		}
	}
	if sum == 0 {
		return want
	}
	rounds := left / sum
	for _, c := range lower {
		if s.active[c] {
			want[c] += rounds * weights[c]
		}
	}
	for range left % sum {
		want[s.next(sum)]++
	}
	return want
}

// next is a step of smooth weighted round robin.
func (s *shares) next(sum int) queue.Class {
	best := queue.Class(queue.NumClasses)
	for _, c := range lower {
		if !s.active[c] {
			continue
		}
		s.carry[c] += weights[c]
		if best == queue.NumClasses || s.carry[c] > s.carry[best] {
			best = c
		}
	}
	s.carry[best] -= sum
	return best
}

// learn takes what a read brought.
func (s *shares) learn(want, got queue.Credits, now time.Time) {
	s.flood = want[queue.Critical] > 0 && got[queue.Critical] >= want[queue.Critical]
	for _, c := range lower {
		if got[c] > 0 {
			s.served[c] = now
		}
		switch {
		case want[c] == 0:
		case got[c] >= want[c]:
			if !s.active[c] {
				s.active[c], s.carry[c], s.served[c] = true, 0, now
			}
		default:
			s.active[c] = false
		}
	}
}

// woken takes what a read that waited brought.
func (s *shares) woken(got queue.Credits) {
	for _, c := range lower {
		if got[c] > 0 {
			s.active[c] = true
		}
	}
}
