package uplink

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/telhub/telhub/uplink/frame"
)

// Options configure an Uplink. Store may be nil: frames then stay in memory.
// All other fields are required unless they say otherwise.
type Options struct {
	Device   string
	Boot     frame.BootID
	Epoch    uint64 // of this run; from the store, or 1 without one
	Encoding string // "senml" or "compact"

	Flush      time.Duration // a live frame's greatest age
	Frame      int           // a live frame's most samples
	LargeFrame int           // most samples of a frame that goes to the store
	MaxLoss    time.Duration // what a power cut may cost while spooling
	// Window is what it may cost now, where a limit on writes stretches MaxLoss;
	// it is never shorter. It must be safe for concurrent use and not block.
	// nil: MaxLoss.
	Window       func() time.Duration
	BackfillRate int64 // bytes/s of backlog; 0: four fifths of what live leaves
	LargeBytes   int   // what such a frame's payload can take
	SenMLBytes   int   // what it can take as SenML

	// RequireSync holds all sending back until the date is NTP or GNSS for the
	// first time. It may then run on as Holdover.
	RequireSync bool

	Breaker BreakerOptions
	Store   Store
	Sink    Sink
	Pool    *frame.Pool
	Frames  int // frames in Pool

	// PowerCut is what the last run may have lost by ending without its
	// shutdown, from the last sample on flash; nil: nothing.
	PowerCut *frame.GapInfo
	// CutWindow is the longest Window that can have been in force in that run;
	// 0: MaxLoss.
	CutWindow time.Duration
	// Carried is how many samples the store held at the start, or had given up
	// and not declared.
	Carried uint64

	Boottime func() int64 // CLOCK_BOOTTIME, nanoseconds
	Dates    Dates
	Seed     uint64 // of the breaker's jitter

	// AlarmsKept returns up to which frame of lane alarm the caller has what
	// the frames tell on its own record; the store keeps later ones although
	// Redis has them. It is called by the keeper and must not block. May be
	// nil: the store forgets what Redis has.
	AlarmsKept func() frame.ID
	// AlarmTaken is told of each frame of lane alarm that Redis has taken from
	// memory. It is called by the keeper, must not block and does not keep the
	// frame. May be nil.
	AlarmTaken func(*frame.Frame)

	// Trace is told of each frame that Redis accepted, for debug logs. May be nil.
	Trace func(lane frame.Lane, id frame.ID, samples uint32)
	// Event is told what happens, from the keeper's goroutine; it must not
	// block. May be nil.
	Event func(Event)
	// Reshaped is told that Shape has changed. It must not block. May be nil.
	Reshaped func()
	// Delivered is told how long the oldest sample of an accepted frame took
	// from its stamp, in seconds. May be nil.
	Delivered func(seconds float64)
}

// stopSend is how long Run goes on sending after its context has ended.
const stopSend = 2 * time.Second

// Uplink carries frames to Redis. Create it with New, feed it with Submit,
// and let one goroutine call Run.
type Uplink struct {
	opts Options
	in   chan *frame.Frame // room for every frame of the pool, so that Submit never waits
	down atomic.Bool       // frames go to the store: Shape asks for large ones
	hung atomic.Bool       // Run has ended without its committer
	// begun: a frame of samples was submitted. The first is sealed with the
	// first reading, so that whoever starts a board sees at once that it works.
	begun atomic.Bool

	mu     sync.Mutex // guards status
	status Status

	keeper keeper
}

// New returns an uplink that has not connected yet.
func New(o Options) *Uplink {
	if o.Event == nil {
		o.Event = func(Event) {}
	}
	if o.Reshaped == nil {
		o.Reshaped = func() {}
	}
	if o.Window == nil {
		o.Window = func() time.Duration { return o.MaxLoss }
	}
	o.CutWindow = max(o.CutWindow, o.MaxLoss)
	if o.Delivered == nil {
		o.Delivered = func(float64) {}
	}
	u := &Uplink{opts: o, in: make(chan *frame.Frame, o.Frames+1)}
	rng := rand.New(rand.NewPCG(o.Seed, uint64(len(o.Device))+0x9E3779B97F4A7C15))
	u.keeper = newKeeper(u, NewBreaker(o.Breaker, rng))
	return u
}

// Submit hands over a sealed frame of the pool, samples or gap. It never blocks.
// Safe for concurrent use until Run's context ends.
func (u *Uplink) Submit(f *frame.Frame) {
	if f.Kind == frame.Data && !u.begun.Load() {
		u.begun.Store(true)
	}
	u.in <- f
}

// Shape says how large frames should be now: small and prompt while they go
// live, large while they go to the store, where each commit has its price.
func (u *Uplink) Shape() (samples int, age time.Duration) {
	switch {
	case u.down.Load():
		return u.opts.LargeFrame, fill(u.opts.Window())
	case !u.begun.Load():
		return u.opts.Frame, 0
	}
	return u.opts.Frame, u.opts.Flush
}

// fill is how long a frame for the store may be filled. Two such frames, each a
// little late, are ready when the commit begins (commitAt) that the first of
// them brings about: a third of flash's wear hangs on the second.
func fill(window time.Duration) time.Duration { return window * 3 / 8 }

// commitAt is how old the oldest sample may grow that is not on flash before a
// commit begins; the rest of the window is for the commit.
func commitAt(window time.Duration) time.Duration { return window * 4 / 5 }

// Run is the keeper's goroutine. It starts the sender, the committer and the
// syncer and ends them. When ctx ends, which the caller lets happen after its
// last Submit, Run sends what is left for at most two seconds, puts what Redis
// does not hold durably into the store, commits, and returns. It reports
// whether everything is in Redis, in the store or declared; if not, the store
// must not be closed as if the run had ended in order. A commit that has hung
// for 20 seconds is left behind, and hangs on, see Hung.
func (u *Uplink) Run(ctx context.Context) (safe bool) {
	// The I/O goroutines outlive ctx: the keeper ends them.
	ioCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	k := &u.keeper
	wg.Go(func() { k.sender.run(ioCtx) })
	committer := make(chan struct{})
	go func() {
		defer close(committer)
		k.committer.run()
	}()
	wg.Go(func() { k.syncer.run(ioCtx) })

	k.loop(ctx)

	cancel()
	close(k.sender.jobs)
	close(k.committer.jobs)
	close(k.syncer.jobs)
	wg.Wait()
	if !k.committer.busy {
		<-committer
	}
	u.hung.Store(k.committer.busy)
	k.publish()
	return !k.undeclared
}

// Hung reports whether Run ended while the store was in a commit that does not
// end. Closing the store would wait for it.
func (u *Uplink) Hung() bool { return u.hung.Load() }
