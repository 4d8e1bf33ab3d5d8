package chain

import "time"

// Op is what a step does.
type Op uint8

// The steps.
const (
	Offset     Op = iota // v + Args[0]
	Scale                // v · Args[0]
	Calibrate            // piecewise linear through the points (Args[0], Args[1]), (Args[2], Args[3]), …: measured, true
	Polynomial           // Args[0] + Args[1]·v + Args[2]·v² + …
	Convert              // into Unit
	Valid                // Args[0] ≤ v ≤ Args[1], else the value is bad
	Rate                 // |change| ≤ Args[0] a second, else the value is bad
	Median               // of the window
	Mean                 // of the window
	Min                  // of the window
	Max                  // of the window
	EWMA                 // exponentially weighted mean of time constant Window
	Outlier              // holds back what deviates from the median by more than Args[0] scaled median deviations
	Throttle             // at most one value per Window
	Round                // to Args[0] decimals, half away from zero
	Step                 // to the nearest multiple of Args[0]
)

// Spec describes one step.
type Spec struct {
	Op     Op
	Args   []float64
	Count  int           // size of a window in values; 0: Window says it
	Window time.Duration // size of a window in time; time constant; period
	Unit   string        // of Convert
}

// Info says what is known of the values that enter a chain.
type Info struct {
	Every      time.Duration // expected distance of values; 0 = unknown
	Unit       string        // SenML
	Resolution float64       // as in drivers.Output
}

// Verdict says what became of a value.
type Verdict uint8

// The verdicts.
const (
	Pass    Verdict = iota // the result goes on
	Hold                   // nothing goes on: throttled, or an outlier
	Invalid                // the value cannot be true: the channel's quality is bad
)
