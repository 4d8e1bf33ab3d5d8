package uplink

import (
	"context"
	"errors"
	"fmt"

	"github.com/telhub/telhub/uplink/frame"
)

// MaxBatch is the most frames that one append carries.
const MaxBatch = 16

// Mark is what Redis knows of a lane: the agent that owns it and the last
// frame in it.
type Mark struct {
	Fence uint64 // epoch of the agent run that opened the lane last
	ID    frame.ID
}

// Item is one frame as it goes over the wire.
type Item struct {
	ID       frame.ID
	N        uint32
	T0, T1   int64 // Unix milliseconds, or since boot when Quality is Unset
	Quality  string
	Boot     string
	Encoding string
	// After and Before bound when an Unset frame was sampled, in Unix
	// milliseconds; 0: not known.
	After, Before int64
	Data          []byte // owned by the caller until Append returns
}

// Batch is a run of frames of one lane for one append. The sender owns it and
// reuses it.
type Batch struct {
	Lane  frame.Lane
	Fence uint64
	Prev  frame.ID // the lane's mark that the first item must follow
	Items []Item   // 1 to MaxBatch, in order
	Wire  int      // bytes that Append gave to the connection, set by it; 0: not known
}

// Sink is where frames go. One goroutine calls Open and Append, another Sync.
//
// Append puts a batch into its lane's stream at most once, however often it is
// called with the same frames: frames up to the mark are skipped. It returns
// a *GapError when the mark is not the batch's predecessor, a *FencedError when
// a later agent owns the device's lanes. Any other error is ambiguous: the
// batch may have arrived or not.
type Sink interface {
	// Open connects, raises the fence of every lane and reads their marks as
	// they were before. A *FencedError says that a lane's fence is higher. After
	// any error fences may have been raised or not.
	Open(ctx context.Context, fence uint64, marks *[frame.Lanes]Mark) (Durability, error)
	Append(ctx context.Context, b *Batch) error
	// Sync waits until everything appended before the call is as durable as
	// the level in force promises, and lowers marks to the server's own: a
	// server that lost its tail in between must not confirm it.
	Sync(ctx context.Context, marks *[frame.Lanes]frame.ID) error
}

// Prober is a Sink that can tell cheaply whether its server can be reached.
type Prober interface {
	Reachable(ctx context.Context) bool
}

// Leveller is a Sink that can find out whether the level of durability has
// changed since Open. The goroutine of Sync calls Level, which puts the level
// that it returns in force. Where something that confirmed frames is missing,
// that may be for a moment: then the level stays as it is.
type Leveller interface {
	Level(ctx context.Context) (Durability, error)
}

// Store keeps frames while they cannot be sent; buffer/store satisfies it.
type Store interface {
	// Put copies a frame into memory that the next Commit makes durable. It
	// never waits for the disk. ErrPending means: commit first, then again;
	// any other error means that the frame cannot be kept.
	Put(f *frame.Frame) error
	// Room reports whether the store is not too full for f and a gap record
	// before it. Gap records are Put where they must not be refused although
	// there is no Room: some is kept for them.
	Room(f *frame.Frame) bool
	// Commit makes all that was Put durable. One goroutine calls it.
	Commit() error
	// Next copies the first committed frame after id into dst. Frames that are
	// missing in between come first, as one gap frame.
	Next(lane frame.Lane, after frame.ID, dst *frame.Frame) (ok bool, err error)
	// Last returns the last frame of a lane that was Put.
	Last(lane frame.Lane) frame.ID
	// Release forgets a lane's frames up to and including id.
	Release(lane frame.Lane, upTo frame.ID)
	// Released returns up to where a lane's frames were released; some of them
	// may still be there.
	Released(lane frame.Lane) frame.ID
	// Sent notes that the server has a lane's frames up to id without Next having
	// handed them out: they were sent from memory. What is given up behind them is
	// counted apart.
	Sent(lane frame.Lane, id frame.ID)
	// Reassign renames the current epoch, on flash too.
	Reassign(epoch uint64) error
	// SetOpened notes, with the next Commit on flash, that Redis has heard of
	// an epoch of this store's. Opened returns the last one. A fence beyond it
	// is another store's.
	SetOpened(epoch uint64)
	Opened() uint64
	// Ran reports whether runs of this store were in a boot, and one before this
	// one had an epoch, as far as it knows.
	Ran(boot frame.BootID, epoch uint64) bool
}

// Dates tells what is known of wall time; agent/clock satisfies it. All
// methods are safe for concurrent use and allocate nothing.
type Dates interface {
	// Dating is what is known of wall time now.
	Dating() frame.Dating
	// Of returns the best date now known for a stamp (milliseconds of
	// CLOCK_BOOTTIME) of a boot, this one or an earlier one; Unset when that
	// boot never learnt the time.
	Of(boot frame.BootID, stamp int64) frame.Dating
	// Bounds returns between which instants, in Unix milliseconds, a stamp of
	// a boot without a date lies; 0 where that is not known.
	Bounds(boot frame.BootID, stamp int64) (after, before int64)
}

// Durability is what stands behind an accepted frame.
type Durability uint8

// The durability levels, weakest first.
const (
	Memory      Durability = iota // the server's memory only
	Age                           // five seconds old, by a server that writes a log but cannot be asked, or believed
	AOF                           // WAITAOF: on the server's disk
	Replica                       // WAIT: on a replica
	AgedReplica                   // both Age and Replica: whichever of the two servers comes back has it
)

// String gives the level as /api/status and the configuration name it.
func (d Durability) String() string {
	switch d {
	case Memory:
		return "memory"
	case Age:
		return "age"
	case AOF:
		return "aof"
	case Replica, AgedReplica:
		return "replica"
	}
	return "unknown"
}

// ErrPending: the store's memory for uncommitted frames is full.
var ErrPending = errors.New("store: uncommitted frames fill its memory")

// ErrUnreachable: nobody answers at the server's address.
var ErrUnreachable = errors.New("server unreachable")

// ErrLoading: the server is there and reads its data from disk.
var ErrLoading = errors.New("server is loading its data")

// GapError: the lane's mark is not the predecessor that a batch named.
type GapError struct{ Mark Mark }

func (e *GapError) Error() string {
	return fmt.Sprintf("stream continues after %v, not after what was sent", e.Mark.ID)
}

// FencedError: a later run, or another agent, owns this device's lanes.
type FencedError struct{ Mark Mark }

func (e *FencedError) Error() string {
	return fmt.Sprintf("an agent with fence %d has taken over this device's name", e.Mark.Fence)
}
