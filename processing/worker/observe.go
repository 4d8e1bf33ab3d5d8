package worker

import (
	"time"

	"github.com/telhub/telhub/processing/queue"
)

// Observer hears what a pool does. Its methods are called by many goroutines
// at once and must not block; they may not keep what they are given.
type Observer interface {
	// Began is called before a handler runs.
	Began(d *queue.Delivery)
	// Ended is called after it, and for deliveries that were not run.
	Ended(d *queue.Delivery, e *End)
	// Happened is called for everything else.
	Happened(e Event)
}

// End is how a delivery ended.
type End struct {
	Kind   queue.OutcomeKind
	Reason queue.Reason  // of Dead
	Err    error         // of Retry and Dead; of Done: why its result was not kept
	Ran    bool          // false: expired, canceled, poison, malformed or without a handler
	Panic  bool          // the handler panicked
	Wait   time.Duration // from when it was ready in its stream to its begin
	Took   time.Duration // of the handler
	After  time.Duration // of Retry
}

// Event is something that is not about a single delivery's run.
type Event struct {
	Kind  EventKind
	Shard int
	N     int           // how many tasks it is about
	Took  time.Duration // of Fetched, Committed
	Err   error         // of Trouble
}

// EventKind says what happened.
type EventKind uint8

// The kinds.
const (
	Fetched   EventKind = iota // N deliveries, Took from the question to the answer
	Committed                  // N outcomes are in Redis
	Lost                       // N outcomes or leases were not ours any more
	Renewed                    // N leases
	Recovered                  // N deliveries of dead workers or given back, or our own after a lost reply
	GivenBack                  // N deliveries that were not begun, or not ended at a stop
	Promoted                   // N delayed tasks
	Fired                      // N recurring tasks
	Hung                       // N tasks that did not end after timeout and grace
	Trouble                    // Redis did not do what was asked
)

// String names the kind.
func (k EventKind) String() string {
	names := [...]string{"fetched", "committed", "lost", "renewed", "recovered", "given back", "promoted", "fired", "hung", "trouble"}
	if int(k) < len(names) {
		return names[k]
	}
	return "unknown"
}

type nobody struct{}

func (nobody) Began(*queue.Delivery)       {}
func (nobody) Ended(*queue.Delivery, *End) {}
func (nobody) Happened(Event)              {}

// Stats are a pool's gauges.
type Stats struct {
	Workers     int // of all classes
	Reserved    int // more, for critical tasks
	Running     int // handlers under way
	Waiting     int // fetched and not begun
	Uncommitted int // ended, and Redis does not know yet
	Unreachable int // shards whose last call failed
}
