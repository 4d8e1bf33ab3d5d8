package alarm

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// DefaultLevel is the severity of an alarm that names none.
const DefaultLevel = "warn"

// Levels lists the severities, mildest first.
func Levels() []string { return []string{"info", DefaultLevel, "critical"} }

// Options describe a channel's alarm. Limits that are not set are nil.
type Options struct {
	High, Low           *float64      // raised at or beyond
	ClearHigh, ClearLow *float64      // cleared at or within; nil: as soon as the limit is not reached any more
	For                 time.Duration // how long the limit must be exceeded, by the stamps of values
	Stale               bool          // also raised when the channel has no valid value …
	StaleAfter          time.Duration // … for so long; 0: as soon as its status says so
	Level               string        // severity for people and metrics, one of Levels; empty: DefaultLevel
	Drive               []string      // indicators that are on while it is raised
}

// Check reports everything that makes the options contradict themselves, each
// problem with its value and a cure, joined into one error.
func (o *Options) Check() error {
	problems := append(o.checkLimits(), o.checkClear()...)
	if o.For < 0 {
		problems = append(problems, fmt.Errorf("for = %v must not be negative: write 0 to raise at the first value", o.For))
	}
	if o.For > 0 && o.High == nil && o.Low == nil {
		problems = append(problems, fmt.Errorf("for = %v has no limit to wait for: set high or low, or write the time as stale", o.For))
	}
	if o.StaleAfter < 0 {
		problems = append(problems, fmt.Errorf("stale = %v must not be negative: write 0 to raise when the status says so", o.StaleAfter))
	}
	if o.StaleAfter > 0 && !o.Stale {
		problems = append(problems, fmt.Errorf("stale = %v is switched off: switch stale on, or leave the time out", o.StaleAfter))
	}
	if o.Level != "" && !slices.Contains(Levels(), o.Level) {
		problems = append(problems, fmt.Errorf("level = %q is unknown: write one of %s", o.Level, strings.Join(Levels(), ", ")))
	}
	return errors.Join(problems...)
}

func (o *Options) checkLimits() (problems []error) {
	for _, l := range []struct {
		name  string
		value *float64
	}{{"high", o.High}, {"low", o.Low}, {"clear of high", o.ClearHigh}, {"clear of low", o.ClearLow}} {
		if l.value != nil && !finite(*l.value) {
			problems = append(problems, fmt.Errorf("%s = %v is no limit: write a finite number", l.name, *l.value))
		}
	}
	switch {
	case o.High == nil && o.Low == nil && !o.Stale:
		problems = append(problems, errors.New("nothing to watch: set high, low or stale"))
	case o.High != nil && o.Low != nil && *o.High <= *o.Low:
		problems = append(problems, fmt.Errorf("low = %v must be below high = %v: swap them, or leave one out", *o.Low, *o.High))
	}
	return problems
}

// checkClear makes sure that a value can be neither raised and cleared at once
// nor beyond the other limit before it is cleared.
func (o *Options) checkClear() (problems []error) {
	if c := o.ClearHigh; c != nil {
		switch {
		case o.High == nil:
			problems = append(problems, fmt.Errorf("clear = %v belongs to high, which is not set: set high, or leave clear out", *c))
		case *c >= *o.High:
			problems = append(problems, fmt.Errorf("clear = %v must be below high = %v: leave it out for an alarm without hysteresis", *c, *o.High))
		case o.Low != nil && *c <= *o.Low:
			problems = append(problems, fmt.Errorf("clear = %v of high must be above low = %v: choose it between low and high", *c, *o.Low))
		}
	}
	if c := o.ClearLow; c != nil {
		switch {
		case o.Low == nil:
			problems = append(problems, fmt.Errorf("clear = %v belongs to low, which is not set: set low, or leave clear out", *c))
		case *c <= *o.Low:
			problems = append(problems, fmt.Errorf("clear = %v must be above low = %v: leave it out for an alarm without hysteresis", *c, *o.Low))
		case o.High != nil && *c >= *o.High:
			problems = append(problems, fmt.Errorf("clear = %v of low must be below high = %v: choose it between low and high", *c, *o.High))
		}
	}
	return problems
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
