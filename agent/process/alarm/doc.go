// Package alarm decides when a channel's alarm is raised and cleared: limits
// with hysteresis, a minimum duration, and silence. An Alarm is a pure state
// machine over samples and their stamps. It imports drivers only.
//
// Two machines run side by side. The level machine is clear, high or low and
// moves with values only: what is raised stays raised through a gap in the
// data. The silence machine is on while the channel has no valid value. What
// is shown is stale while it is silent, else the level; each change of what is
// shown is one event.
package alarm
