package uplink

import (
	"time"

	"github.com/telhub/telhub/uplink/frame"
)

// committer makes pending frames of the store durable: one goroutine, so that
// a slow disk never holds up the keeper.
type committer struct {
	busy    bool  // keeper's
	failed  int   // commits that failed in a row, keeper's
	notYet  int64 // no commit before, ms of CLOCK_BOOTTIME, keeper's
	jobs    chan struct{}
	results chan struct{}
	err     error // of the last commit; the keeper's while not busy
	store   Store
}

func (c *committer) init(o *Options) {
	c.jobs, c.results = make(chan struct{}, 1), make(chan struct{}, 1)
	c.store = o.Store
}

// run is the committer's goroutine. Uplink.Run starts it and ends it by
// closing jobs.
func (c *committer) run() {
	for range c.jobs {
		c.err = c.store.Commit()
		c.results <- struct{}{}
	}
}

const (
	// commitRetry is how long a store that failed is left alone: a dying card
	// must not be written to as fast as it can refuse.
	commitRetry = time.Second
	// lastTries is how many commits in a row may fail when the run ends.
	lastTries = 3
)

// commit starts a commit when the oldest frame that is not on flash would
// otherwise grow older than Window.
func (k *keeper) commit() {
	if k.committer.busy || k.nowMilli() < k.committer.notYet {
		return
	}
	if k.urgent() || k.contesting() {
		k.startCommit()
		return
	}
	if !k.dirty {
		if k.released {
			k.startCommit() // writes no frame; unlinks what is acknowledged
		}
		return
	}
	// The end of a backlog can be read only once it is committed, which a
	// stretched window lets wait for long: one commit a connection is worth it.
	if k.phase == connected && !k.caughtUp && !k.backlog() {
		k.caughtUp = true
		k.startCommit()
		return
	}
	age := time.Duration(k.nowMilli()-k.dirtySince) * time.Millisecond
	if len(k.hold) > 0 || age >= commitAt(k.window) {
		k.startCommit()
	}
}

func (k *keeper) startCommit() {
	if k.committer.busy {
		return
	}
	if a := &k.ahead; a.durable.Less(a.put) {
		a.notYet = k.nowMilli() + aheadEvery.Milliseconds()
	}
	k.ahead.asked, k.flushing = k.ahead.put, k.lanes[frame.Backfill].last
	k.dirty, k.released, k.committer.busy = false, false, true
	k.committer.jobs <- struct{}{}
}

// committed takes the committer's result.
func (k *keeper) committed() {
	c := &k.committer
	if c.err == nil {
		if c.failed > 0 || k.storeErr != nil {
			k.o.Event(Event{Kind: EventStoreRecovered})
		}
		c.failed, c.notYet, k.storeErr = 0, 0, nil
		k.ahead.durable, k.flushed = k.ahead.asked, k.flushing
		if k.dry {
			k.dry, k.nextDrain = false, time.Time{}
		}
		return
	}
	c.failed++
	c.notYet = k.nowMilli() + commitRetry.Milliseconds()
	k.storeFailed(c.err)
	k.soil(k.nowMilli())
}

// storeFailed notes a fault of the store and tells it once.
func (k *keeper) storeFailed(err error) {
	if k.storeErr == nil {
		k.o.Event(Event{Kind: EventStoreFailed, Err: err})
	}
	k.storeErr = err
}
