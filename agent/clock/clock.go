package clock

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/telhub/telhub/uplink/frame"
)

// Options say what a Clock needs. Only NotBefore must be set.
type Options struct {
	// NotBefore is the earliest date that can be true: when the program was
	// built. A board without a battery clock starts long before it.
	NotBefore time.Time
	Boot      frame.BootID // the running boot
	Boots     []Boot       // what Boots returned and the owner has saved, oldest first

	// Root is where the system's files are looked up; "" is "/".
	Root string
	// Changed, if not nil, is called from Run, one call at a time, after what
	// is known of the date has changed.
	Changed func(Change)
}

// Change is what Changed is told.
type Change struct {
	From, To frame.Dating
	Step     time.Duration // To's offset less From's; 0 when there was no date before
	Redated  bool          // samples taken before have other dates now
}

// Clock knows the date as well as it can be known.
type Clock struct {
	notBefore int64 // ns
	root      string
	changed   func(Change)
	openSteps func() (steps, error)
	wake      chan struct{} // capacity 1: Run is to look now

	mu      sync.Mutex // guards what follows
	kernel  kernel
	judge   judge
	table   table
	pending Change // not yet told; From is the state told last
	untold  bool
}

// fresh is how long a reading of the kernel serves. Run reads more often.
const fresh = int64(1500 * time.Millisecond)

// New returns a clock that has looked at the kernel's clock once and, where
// that has no date, at the clock chip.
func New(o Options) *Clock {
	c := newClock(o, kernel{boottime: Boottime, realtime: realtime, adjtimex: unix.Adjtimex})
	c.openSteps = openTimer
	c.start()
	return c
}

func newClock(o Options, k kernel) *Clock {
	if o.Root == "" {
		o.Root = "/"
	}
	c := &Clock{
		notBefore: max(o.NotBefore.UnixMilli(), 0) * 1e6, root: o.Root, changed: o.Changed,
		wake: make(chan struct{}, 1), kernel: k,
	}
	c.judge.notBefore = c.notBefore
	self := boot{id: o.Boot}
	for _, b := range o.Boots {
		if b.ID == o.Boot {
			self = load(b)
			continue
		}
		c.table.add(load(b))
	}
	if self.built == 0 {
		self.built, self.since = c.notBefore, k.boottime()
	}
	c.table.add(self)
	c.judge.restore(&self)
	return c
}

// start takes the first reading, of which nobody is told.
func (c *Clock) start() {
	c.mu.Lock()
	c.lookLocked()
	unset := !c.judge.known()
	c.mu.Unlock()
	if unset {
		c.askChip()
	}
	c.mu.Lock()
	c.pending, c.untold = Change{From: c.judge.dating()}, false
	c.mu.Unlock()
}

// Dating returns what is known of wall time now.
func (c *Clock) Dating() frame.Dating {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refreshLocked()
	return c.judge.dating()
}

// Of returns the best date now known for a stamp, milliseconds of
// CLOCK_BOOTTIME, of a boot: this one or one of the table. It is Unset for
// others, and for a boot that never learnt the time. Stamps of this boot up to
// the last confirmation have the quality that it gave; older boots likewise.
func (c *Clock) Of(boot frame.BootID, stamp int64) frame.Dating {
	c.mu.Lock()
	defer c.mu.Unlock()
	if boot == c.table.running().id {
		c.refreshLocked()
		return c.judge.of(stamp * 1e6)
	}
	if i := c.table.find(boot); i >= 0 {
		return c.table.b[i].of(stamp * 1e6)
	}
	return frame.Dating{}
}

// Bounds returns between which instants, in Unix milliseconds, a stamp of a
// boot lies; 0 where that is not known. They rest on confirmed dates of other
// boots, on their order, and on when the programs were built that ran in them.
// Of a boot that is not in the table only the upper bound can be known.
func (c *Clock) Bounds(boot frame.BootID, stamp int64) (after, before int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refreshLocked()
	c.recordLocked(c.kernel.boottime())
	i := c.table.find(boot)
	if i < 0 {
		return 0, ceilMillis(c.table.beforeAll())
	}
	return c.table.after(i, stamp*1e6) / 1e6, ceilMillis(c.table.before(i, stamp*1e6))
}

func ceilMillis(ns int64) int64 { return (ns + 1e6 - 1) / 1e6 }

// Synced reports whether the date is confirmed now, by a synchronised kernel
// or a satellite receiver.
func (c *Clock) Synced() bool { return c.Dating().Quality >= frame.NTP }

// GNSS tells the clock what a receiver that the program reads itself says: UTC
// in Unix milliseconds at a stamp in nanoseconds of CLOCK_BOOTTIME, from a
// valid fix. Call it for each reading; 0 and dates past 2115 are ignored. It
// judges the date itself and needs three seconds in a row.
func (c *Clock) GNSS(utc, stamp int64) {
	if utc <= 0 || !fits(utc) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refreshLocked()
	before := c.viewLocked()
	c.judge.hear(utc, stamp)
	c.noteLocked(before)
}

// Boots returns the table for saving, oldest first, the running boot last,
// alive until now. Save it when Generation has changed, at the end of a run,
// and now and then in between: what a power cut leaves of Alive and Until is
// what was saved last.
func (c *Clock) Boots() []Boot {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.recordLocked(c.kernel.boottime())
	out := make([]Boot, c.table.n)
	for i := range out {
		out[i] = c.table.b[i].export()
	}
	return out
}

// Generation grows with each change of Boots that is worth a write: the first
// date, the first confirmation, an offset that moved.
func (c *Clock) Generation() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.judge.version
}

// Seen tells that a sample of an earlier boot bears a stamp, in milliseconds:
// that boot lived at least so long, which makes the bounds of others narrower.
func (c *Clock) Seen(boot frame.BootID, stamp int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := c.table.find(boot); i >= 0 && i < c.table.n-1 && fits(stamp) {
		c.table.b[i].alive = max(c.table.b[i].alive, stamp*1e6)
	}
}

// refreshLocked reads the kernel if that was long ago, so that the date is
// right without Run, too.
func (c *Clock) refreshLocked() {
	if now := c.kernel.boottime(); now-c.judge.kernel.boot > fresh {
		c.lookLocked()
	}
}

// lookLocked takes a reading of the kernel's clock.
func (c *Clock) lookLocked() {
	before := c.viewLocked()
	c.judge.observe(c.kernel.read())
	c.noteLocked(before)
}

// recordLocked writes what is known now into the running boot's entry.
func (c *Clock) recordLocked(now int64) {
	b, j := c.table.running(), &c.judge
	b.alive, b.track = max(b.alive, now), j.track
	b.quality, b.until = j.confirmed, j.until
	if j.confirmed == frame.Unset {
		b.quality = j.quality
	}
}

// view is what a Change compares.
type view struct {
	dating  frame.Dating
	changes uint64
	known   bool
}

func (c *Clock) viewLocked() view {
	return view{c.judge.dating(), c.judge.changes, c.judge.known()}
}

// noteLocked adds what has changed since before to what Run is to tell.
func (c *Clock) noteLocked(before view) {
	now := c.viewLocked()
	if now == before {
		return
	}
	p := &c.pending
	p.To = now.dating
	p.Redated = p.Redated || now.changes != before.changes || now.known != before.known
	c.untold = true
	c.nudge()
}

// nudge makes Run look now. It never waits.
func (c *Clock) nudge() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}
