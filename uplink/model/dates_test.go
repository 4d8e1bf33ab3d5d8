package model

import (
	"sync"

	"github.com/telhub/telhub/uplink/frame"
)

const (
	// unixBase is the date at which a history begins, in Unix milliseconds.
	unixBase = int64(2_000_000_000_000)
	// clockStep is one step of a clock, far more than a history lasts: an
	// audit finds the true time of any date by it.
	clockStep = int64(1_000_000_000)
)

// almanac is what a board knows of dates.
type almanac struct {
	mu    sync.Mutex
	boot  frame.BootID
	boots map[frame.BootID]frame.Dating
	true_ int64 // offset of this boot without any error
}

// begin begins a boot that was switched on then.
func (a *almanac) begin(boot frame.BootID, booted int64, q frame.ClockQuality) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.boot, a.true_ = boot, unixBase+booted
	a.boots[boot] = frame.Dating{Offset: a.true_, Quality: q}
}

// step sets this boot's clock wrong by so many steps, with a quality.
func (a *almanac) step(steps int64, q frame.ClockQuality) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.boots[a.boot] = frame.Dating{Offset: a.true_ + steps*clockStep, Quality: q}
}

// forget forgets all earlier boots.
func (a *almanac) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.boots = map[frame.BootID]frame.Dating{a.boot: a.boots[a.boot]}
}

// Dating implements uplink.Dates.
func (a *almanac) Dating() frame.Dating {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.boots[a.boot]
}

// Of implements uplink.Dates.
func (a *almanac) Of(boot frame.BootID, _ int64) frame.Dating {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.boots[boot]
}

// Bounds implements uplink.Dates.
func (a *almanac) Bounds(frame.BootID, int64) (after, before int64) { return 0, 0 }

// undate returns the milliseconds of the history for a Unix date, whatever
// steps its clock was wrong by.
func undate(unix int64) int64 {
	ms := (unix - unixBase) % clockStep
	if ms < 0 {
		ms += clockStep
	}
	if ms > clockStep/2 {
		ms -= clockStep
	}
	return ms
}
