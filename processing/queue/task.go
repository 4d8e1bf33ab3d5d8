package queue

import "time"

// Task is what somebody wants done. Type is required; the zero value of any
// other field means what its comment says.
type Task struct {
	// ID names the task, in at most 128 bytes. A second task of the same ID is
	// not taken within Options.Dedup. Empty: the queue makes a ULID.
	ID string `json:"id,omitempty"`
	// Type says which handler runs the task, in at most 128 bytes.
	Type string `json:"type"`
	// Queue is where it waits; empty: "default".
	Queue string `json:"queue,omitempty"`
	// Class is how urgent it is.
	Class Class `json:"class"`
	// Payload is the handler's business, at most Options.MaxPayload bytes. It
	// is not changed and not kept after Enqueue.
	Payload []byte `json:"payload,omitempty"`
	// NotBefore is when it is due; zero: at once.
	NotBefore time.Time `json:"not_before,omitzero"`
	// NotAfter is when it is worth nothing any more: then it becomes a dead
	// letter of reason "expired". Zero: never.
	NotAfter time.Time `json:"not_after,omitzero"`
	// Timeout bounds one attempt; 0: the worker's Options.Timeout.
	Timeout time.Duration `json:"timeout,omitempty"`
	// MaxAttempts is after how many attempts it becomes a dead letter; 0: the
	// worker's Options.MaxAttempts.
	MaxAttempts int `json:"max_attempts,omitempty"`
	// Unique is a key of which at most one task waits or runs, in at most 256
	// bytes; it holds for Options.UniqueFor at most. Empty: none.
	Unique string `json:"unique,omitempty"`
	// Keep is how long state and result are kept after the end, for Inspect
	// and Wait; 0: not at all.
	Keep time.Duration `json:"keep,omitempty"`
	// Correlation is the correlation ID of the sample that it is about.
	Correlation string `json:"correlation,omitempty"`
	// Trace is the W3C traceparent of the caller.
	Trace string `json:"trace,omitempty"`
}

// Receipt is the answer to one task of an Enqueue.
type Receipt struct {
	// ID is the task's, or that of the task that holds its unique key.
	ID string
	// Existing: the task was there before, by its ID or its unique key.
	Existing bool
	// Err is why this task was not taken; others of the batch may have been.
	Err error
}

// Failure is one failed attempt in a task's history.
type Failure struct {
	Attempt int       `json:"attempt"`
	At      time.Time `json:"at"` // to the millisecond
	Err     string    `json:"error"`
}

// Delivery is a task that this consumer owns until its lease ends.
type Delivery struct {
	Task // Queue and Class say where it came from; Timeout and MaxAttempts are filled from the Options

	Attempt  int       // from 1
	Enqueued time.Time // for the first time, to the millisecond
	Fetched  time.Time
	History  []Failure // of earlier attempts, the last 5

	// Refused is why this delivery must not be run, but be finished as Dead with
	// this reason and RefusedFor; empty: it is to be run.
	Refused    Reason
	RefusedFor string // what is wrong, for people

	shard  int
	stream int      // number among the consumer's streams
	entry  string   // ID of the stream's entry
	fields []string // of a foreign entry: all of them
}

// Shard is the shard that the task lies in.
func (d *Delivery) Shard() int { return d.shard }

// Entry is the ID of the entry in the stream.
func (d *Delivery) Entry() string { return d.entry }

// Ready is when this attempt could begin: when its entry came into the stream,
// by the server's clock.
func (d *Delivery) Ready() time.Time {
	ms, _, _ := entryParts(d.entry)
	return time.UnixMilli(int64(ms))
}

// OutcomeKind is what came of a delivery.
type OutcomeKind uint8

// The kinds.
const (
	Done     OutcomeKind = iota // it is over
	Retry                       // it runs again, Outcome.After from now
	Dead                        // it becomes a dead letter
	Released                    // it was not begun, and another may run it at once
)

// String names the kind.
func (k OutcomeKind) String() string {
	switch k {
	case Done:
		return "done"
	case Retry:
		return "retry"
	case Dead:
		return "dead"
	case Released:
		return "released"
	}
	return "unknown"
}

// Outcome tells what came of a delivery.
type Outcome struct {
	Delivery *Delivery
	Kind     OutcomeKind
	Result   []byte        // of Done, kept for Task.Keep
	Err      string        // of Retry and Dead: goes into the history, cut to 1 KB
	Reason   Reason        // of Dead; empty: Failed
	After    time.Duration // of Retry
}

// Reason is why a task became a dead letter.
type Reason string

// The reasons.
const (
	Failed    Reason = "failed"    // all attempts are used up
	Fatal     Reason = "fatal"     // the handler said that no attempt can succeed
	Expired   Reason = "expired"   // Task.NotAfter has passed
	Canceled  Reason = "canceled"  // by Cancel
	Poison    Reason = "poison"    // its workers died, again and again
	Unhandled Reason = "unhandled" // no handler for its type
	Malformed Reason = "malformed" // the entry is not a task, or of another version
)
