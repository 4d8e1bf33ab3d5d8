package alarm

import "time"

// Options describe a channel's alarm. Limits that are not set are nil.
type Options struct {
	High, Low           *float64      // raised at or beyond
	ClearHigh, ClearLow *float64      // cleared at or within; nil: as soon as the limit is not reached any more
	For                 time.Duration // how long the limit must be exceeded, by the stamps of values
	Stale               bool          // also raised when the channel has no valid value …
	StaleAfter          time.Duration // … for so long; 0: as soon as its status says so
	Level               string        // severity for people and metrics: "info", "warn", "critical"
	Drive               []string      // indicators that are on while it is raised
}
