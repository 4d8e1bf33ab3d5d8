package telemetry

import (
	"context"
	"errors"
	"fmt"

	"github.com/telhub/telhub/uplink/frame"
)

// Sink is where frames go.
type Sink interface {
	// Store makes frames durable, all of them or none, and says what of them
	// was not there before. It may be called with frames that it has stored, in
	// any order, and by several goroutines at once. It keeps nothing of what it
	// is given.
	//
	// An error that is ErrRejected is about the frames themselves: the caller
	// halves the batch until the frame is found that the sink does not take,
	// and puts that one aside. After any other error the same batch is tried
	// again until it succeeds.
	Store(ctx context.Context, frames []*Frame) (Result, error)
}

// ErrRejected: a sink refuses frames for what they hold. Trying again is of no
// use.
var ErrRejected = errors.New("rejected by the sink")

// Result is what a Store did.
type Result struct {
	Frames     int // frames and gap records that were new
	Rows       int // samples of them
	Duplicates int // frames that were there before
}

// Frame is an entry of a stream, decoded.
type Frame struct {
	Device string
	Lane   frame.Lane
	ID     frame.ID

	Quality string // of the dates: "unset", "holdover", "ntp" or "gnss"
	Boot    string // the boot's id, 8-4-4-4-12
	// T0 and T1 are the first and last stamp: Unix milliseconds or, where
	// Quality is "unset", since the boot.
	T0, T1 int64
	// After and Before bound, in Unix milliseconds, when a frame without date was
	// sampled; 0: not known.
	After, Before int64

	Samples []Sample
	Gap     *Gap // of a gap record, which has no samples
}

// Kind says what a sample is.
type Kind uint8

// The kinds, as docs/wire.md, section 3, has them.
const (
	Value  Kind = iota
	Status      // Word is "ok", "stale", "bad" or "lost"
	Alarm       // Word is "high", "low", "stale" or "clear"
)

// Sample is one sample of a frame. Its index there is the last part of its
// correlation ID.
type Sample struct {
	Name   string // "<sensor>/<output>", of events too
	Unit   string // SenML unit; empty for a bare number and for events
	Millis int64  // on the clock of the frame's T0
	Kind   Kind
	Value  float64 // of a Value
	Word   string  // of an event
}

// Gap is what a gap record declares lost.
type Gap struct {
	Cause    string
	N        int64 // samples; -1: nobody knows
	T0       int64 // earliest stamp that may be missing, if T0Known
	T0Known  bool
	T1       int64
	Channels []string
}

// Dated reports whether the frame's stamps are Unix time.
func (f *Frame) Dated() bool { return f.Quality != unset }

// Identity gives "<device>/<lane>/<epoch>/<seq>".
func (f *Frame) Identity() string { return f.Device + "/" + f.Lane.String() + "/" + f.ID.String() }

// Correlation gives the correlation ID of sample i.
func (f *Frame) Correlation(i int) string { return fmt.Sprintf("%s#%d", f.Identity(), i) }

// StreamKey names the stream of a lane.
func StreamKey(stream string, shard int, lane frame.Lane) string {
	return fmt.Sprintf("%s:{%d}:%s", stream, shard, lane)
}

// DeadKey names the dead letter stream of a shard.
func DeadKey(stream string, shard int) string { return fmt.Sprintf("%s:{%d}:dead", stream, shard) }
