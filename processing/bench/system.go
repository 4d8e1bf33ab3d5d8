package bench

import (
	"context"
	"encoding/binary"
	"math"
	"time"
)

// Job is a task to be queued.
type Job struct {
	Payload  []byte // the system keeps nothing of it when Enqueue has returned
	Critical bool
	Bulk     bool      // neither: normal
	Due      time.Time // zero: now
}

// System is a task queue with workers, connected to a server of its own.
type System interface {
	// Enqueue returns when all jobs are safely queued. It may be called by
	// several goroutines.
	Enqueue(ctx context.Context, jobs []Job) error
	// Work begins to execute tasks, at most workers at a time; handle may be
	// called by that many goroutines and keeps nothing of the payload. The
	// returned function stops in order and waits.
	Work(ctx context.Context, workers int, handle func(payload []byte)) (stop func() error, err error)
	Close() error
}

// Contender says how a system is opened, and how it is used best.
type Contender struct {
	Name      string
	Batch     int // jobs given to one Enqueue
	Producers int // goroutines that enqueue at once
	// Inline says that handlers run in the loop that fetches: only for handlers
	// that take no time.
	Inline bool
	Open   func(ctx context.Context, srv *Server, o OpenOptions) (System, error)
}

// OpenOptions say what a run needs of a system.
type OpenOptions struct {
	Prefix  string   // of keys
	Classes bool     // critical and bulk tasks come, not only normal ones
	Shards  int      // 0: one
	Nodes   []string // of a cluster, host:port; nil: the server alone
}

// headBytes is what each payload begins with: the task's number, and the moment
// at which it was to be sent, in nanoseconds of the wall clock.
const headBytes = 16

// PutHead writes the head of a payload.
func PutHead(payload []byte, number int, intended time.Time) {
	binary.LittleEndian.PutUint64(payload, uint64(number))
	binary.LittleEndian.PutUint64(payload[8:], uint64(intended.UnixNano()))
}

// Head reads it. ok is false for what is no payload of ours.
func Head(payload []byte) (number int, intended int64, ok bool) {
	if len(payload) < headBytes {
		return 0, 0, false
	}
	n := binary.LittleEndian.Uint64(payload)
	if n > math.MaxInt {
		return 0, 0, false
	}
	return int(n), int64(binary.LittleEndian.Uint64(payload[8:])), true
}

// fill writes what follows the head: bytes that do not compress, the same each time.
func fill(payload []byte) {
	x := uint64(0x9e3779b97f4a7c15)
	for i := headBytes; i < len(payload); i++ {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		payload[i] = byte(x)
	}
}

// newJobs makes a batch whose payloads are used again and again.
func newJobs(n, bytes int) []Job {
	jobs := make([]Job, n)
	for i := range jobs {
		jobs[i].Payload = make([]byte, max(bytes, headBytes))
		fill(jobs[i].Payload)
	}
	return jobs
}
