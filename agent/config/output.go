package config

import (
	"time"

	"github.com/telhub/telhub/agent/process"
	"github.com/telhub/telhub/agent/process/alarm"
	"github.com/telhub/telhub/agent/process/chain"
)

// Clock is what is demanded of the board's time.
type Clock struct {
	RequireSync bool // samples wait in the store until their dates are known
}

// Output is what becomes of one output of a sensor: of one that the engine
// measures, or of one that is derived from others. Everything in it was
// checked: Steps compile with Info, Value compiles, Inputs exist.
type Output struct {
	Name string

	// Value is the expression of a derived output, "" of a measured one.
	// Inputs are the channels ("<sensor>/<output>") that stand for the
	// program's Refs, in their order; measured or derived ones, never
	// aggregates, and without cycles.
	Value  string
	Inputs []string

	// Period is at most how far apart values are that enter Steps, 0 when it
	// is not known: for expr.Program.SetPeriod. Info is what else is known of
	// them. Its Every, which sizes windows, is shorter where something is
	// derived from several sensors, because each reading of each brings a value.
	Period time.Duration
	Info   chain.Info
	Steps  []chain.Spec // in the order written

	Unit       string        // of what leaves Steps: the channel's
	Resolution float64       // of what leaves Steps; 0 when it is not known
	Every      time.Duration // at most how far apart what leaves Steps is; 0 when it is not known

	Send       process.Send   // Never also where Sensor.Only leaves the output out
	Alarm      *alarm.Options // nil: none
	Aggregates []Aggregate    // in the order written, one a statistic
}

// Derived reports whether the output is computed, not measured.
func (o *Output) Derived() bool { return o.Value != "" }

// Aggregate is a statistic of an output over windows, an output of its own.
type Aggregate struct {
	Name       string // of the output that carries it: "temperature_mean_1m"
	Of         process.Statistic
	Window     time.Duration
	Unit       string
	Resolution float64
}

// Indicator is a light or a line that shows alarms: LED or Chip is set.
type Indicator struct {
	Name      string
	LED       string // name under /sys/class/leds
	Chip      string // "gpiochip0"
	Line      int    // of Chip
	ActiveLow bool
}

// High reports whether the sensor's samples ride before others'.
func (s *Sensor) High() bool { return s.Priority == priorityHigh }

// Output finds what the configuration says of one of the sensor's outputs;
// nil when it says nothing.
func (s *Sensor) Output(name string) *Output {
	for i := range s.Outputs {
		if s.Outputs[i].Name == name {
			return &s.Outputs[i]
		}
	}
	return nil
}

// Keeps reports whether a measured output is one of those that Only keeps.
func (s *Sensor) Keeps(output string) bool {
	for _, name := range s.Only {
		if name == output {
			return true
		}
	}
	return len(s.Only) == 0
}
