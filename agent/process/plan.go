package process

import (
	"time"

	"github.com/telhub/telhub/agent/process/alarm"
	"github.com/telhub/telhub/agent/process/chain"
	"github.com/telhub/telhub/agent/process/expr"
	"github.com/telhub/telhub/drivers"
)

// Plan says what an Engine does with each channel of the schema, by index.
type Plan struct {
	Channels []Channel

	// OnAlarm, if set, is told of each event as it is made, in the Engine's
	// goroutine. It must not block. What is restored is no event.
	OnAlarm func(channel int, from, to drivers.Alarm)

	// Observe, if set, is shown each value as it leaves the channel's steps,
	// sent or not, and each status and alarm. It must neither block nor
	// allocate nor keep the sample.
	Observe func(*drivers.Sample)
}

// Channel is what becomes of one channel's samples. The zero value sends them
// as they come.
type Channel struct {
	Name   string // "<sensor>/<output>", as in the schema
	Sensor int    // index of its sensor; outputs of one reading have the same sensor and the same stamp

	Chain *chain.Chain // steps; nil: values stay as they are

	// Value computes a derived channel from Inputs, the channels that stand
	// for the program's variables, in their order; nil: a driver measures it.
	Value  *expr.Program
	Inputs []int

	Send       Send
	Alarm      *alarm.Options // nil: none
	Aggregates []Aggregate
}

// Send says which values are sent: the deadband. A channel's statuses always
// are, and, unless Never is set, the first value after any status but ok and
// a value that changes the channel's alarm.
type Send struct {
	Never  bool          // none: the channel serves as input, or for its aggregates
	Change float64       // a value that differs by at least so much from the last one sent; 0 = any
	Every  time.Duration // and the one nearest to so long after it, though it has not changed; 0 = no heartbeat
	// Zero value: every value is sent. With Change = 0 and Every > 0 a value
	// is sent when it differs at all, or when Every has passed.
}

// Aggregate is a statistic over windows of one channel's values, sent as a
// channel of its own and stamped with the window's end. A window without a
// value has none; a value that comes after its window was closed counts in none.
type Aggregate struct {
	Of      Statistic
	Window  time.Duration // windows lie on multiples of it since boot and do not overlap
	Channel int           // index of the channel that carries the result
}

// Statistic names what an Aggregate computes.
type Statistic uint8

// The statistics.
const (
	Mean Statistic = iota
	Min
	Max
	Count
	Last
	StdDev // of the sample: n-1 in the denominator; not sent for fewer than two values
)

// String gives the word that ends the channel's name and stands in the
// configuration.
func (s Statistic) String() string {
	return [...]string{"mean", "min", "max", "count", "last", "stddev"}[s]
}

// Statistics lists them all.
func Statistics() []Statistic { return []Statistic{Mean, Min, Max, Count, Last, StdDev} }
