package agent

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/telhub/telhub/agent/clock"
	"github.com/telhub/telhub/uplink/frame"
)

// readWait is how long the uplink waits for the disk when it reads a frame back:
// live frames and alarms go by the same goroutine. Cards take some tenths of a
// second when they clear up.
const readWait = 500 * time.Millisecond

// errReadHangs: the disk has not given a frame back in time. It is asked for
// again when it has answered.
var errReadHangs = errors.New("spool: the disk does not answer a read")

// spoolReader reads the store in a goroutine of its own, so that a disk that
// hangs holds up nobody else. The caller owns all fields while no read is under
// way, the goroutine while one is.
type spoolReader struct {
	read  func(frame.Lane, frame.ID, *frame.Frame) (bool, error)
	asks  chan struct{}
	gives chan struct{}
	timer *time.Timer
	busy  bool // caller's: a read is under way that nobody waits for any more

	lane  frame.Lane
	after frame.ID
	frame frame.Frame // the frame that was read
	ok    bool
	err   error

	since atomic.Int64 // when the read under way began, ns of CLOCK_BOOTTIME; 0: none is
}

func newSpoolReader(read func(frame.Lane, frame.ID, *frame.Frame) (bool, error)) *spoolReader {
	r := &spoolReader{read: read, asks: make(chan struct{}, 1), gives: make(chan struct{}, 1), timer: time.NewTimer(readWait)}
	r.timer.Stop()
	return r
}

// run is the reader's goroutine. Agent.Run starts it; close ends it, or leaves it
// behind in a read that does not come back.
func (r *spoolReader) run() {
	for range r.asks {
		r.ok, r.err = r.read(r.lane, r.after, &r.frame)
		r.since.Store(0)
		r.gives <- struct{}{}
	}
}

// close lets run end when it is in no read. Nobody may call next any more.
func (r *spoolReader) close() { close(r.asks) }

// next is the store's Next that gives up waiting after readWait. One goroutine
// calls it. What comes too late is not used: the store may have given it up
// since. Read again, it comes from memory.
func (r *spoolReader) next(lane frame.Lane, after frame.ID, dst *frame.Frame) (bool, error) {
	if r.busy {
		select {
		case <-r.gives:
			r.busy = false
		default:
			return false, errReadHangs
		}
	}
	r.lane, r.after = lane, after
	r.since.Store(clock.Boottime())
	r.asks <- struct{}{}
	r.timer.Reset(readWait)
	select {
	case <-r.gives:
		r.timer.Stop()
	case <-r.timer.C:
		r.busy = true
		return false, errReadHangs
	}
	if r.ok && r.err == nil {
		payload := append(dst.Payload[:0], r.frame.Payload...)
		*dst = r.frame // neither is of a pool
		dst.Payload = payload
	}
	return r.ok, r.err
}

// hangs reports whether a read takes longer than anybody waits.
func (r *spoolReader) hangs() bool {
	since := r.since.Load()
	return since != 0 && clock.Boottime()-since > int64(readWait)
}
