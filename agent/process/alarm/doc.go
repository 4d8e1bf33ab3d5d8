// Package alarm decides when a channel's alarm is raised and cleared: limits
// with hysteresis, a minimum duration, and silence. An Alarm is a pure state
// machine over samples and their stamps. It imports drivers only.
package alarm
