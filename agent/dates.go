package agent

import (
	"github.com/telhub/telhub/agent/clock"
	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

// presentDates is what the clock knows as the uplink wants it: this boot's
// time, and nothing of earlier boots.
type presentDates struct {
	*clock.Clock
	boot frame.BootID
}

var _ uplink.Dates = presentDates{}

// Of implements uplink.Dates.
func (d presentDates) Of(boot frame.BootID, _ int64) frame.Dating {
	if boot == d.boot {
		return d.Dating()
	}
	return frame.Dating{}
}

// Bounds implements uplink.Dates.
func (d presentDates) Bounds(frame.BootID, int64) (after, before int64) { return 0, 0 }
