package chain

import (
	"fmt"
	"math"
)

// check finds what is wrong with a spec in itself; what depends on the steps
// before it, Compile finds.
func (s *Spec) check() error {
	switch s.Op {
	case Offset:
		return s.numbers("number", 1)
	case Scale:
		if err := s.numbers("factor", 1); err != nil || s.Args[0] != 0 {
			return err
		}
		return fmt.Errorf("the factor 0 leaves nothing of a value; want another")
	case Calibrate:
		return s.checkPoints()
	case Polynomial:
		if n := len(s.Args); n < 2 || n > maxDegree+1 {
			return fmt.Errorf("%d coefficients; want 2 to %d, the constant first", n, maxDegree+1)
		}
		return s.finite()
	case Convert:
		return nil
	case Valid:
		return s.checkRange()
	case Rate, Outlier, Step:
		return s.checkPositive()
	case Median, Mean, Min, Max:
		return s.checkWindow()
	case EWMA, Throttle:
		if s.Window <= 0 {
			return fmt.Errorf("time %v; want more than 0", s.Window)
		}
		return nil
	case Round:
		return s.checkPlaces()
	}
	return fmt.Errorf("there is no such step")
}

// numbers wants n finite arguments.
func (s *Spec) numbers(what string, n int) error {
	if len(s.Args) != n {
		return fmt.Errorf("%d arguments; want %d: a %s", len(s.Args), n, what)
	}
	return s.finite()
}

func (s *Spec) finite() error {
	for i, a := range s.Args {
		if a-a != 0 {
			return fmt.Errorf("argument %d is %v; want a finite number", i+1, a)
		}
	}
	return nil
}

func (s *Spec) checkPoints() error {
	switch n := len(s.Args); {
	case n%2 != 0:
		return fmt.Errorf("the measured value %v has no true one; want pairs [measured, true]", s.Args[n-1])
	case n < 4:
		return fmt.Errorf("%d points; want at least 2: [[measured, true], [measured, true]]", n/2)
	case n > 2*maxPoints:
		return fmt.Errorf("%d points; want at most %d", n/2, maxPoints)
	}
	return s.finite()
}

// checkRange allows infinities: a range may be open.
func (s *Spec) checkRange() error {
	if len(s.Args) != 2 {
		return fmt.Errorf("%d limits; want 2: [lowest, highest]", len(s.Args))
	}
	lo, hi := s.Args[0], s.Args[1]
	switch {
	case math.IsNaN(lo) || math.IsNaN(hi):
		return fmt.Errorf("NaN is no limit; want a number")
	case lo > hi:
		return fmt.Errorf("the lowest value %v is above the highest %v; swap them", lo, hi)
	}
	return nil
}

func (s *Spec) checkPositive() error {
	if err := s.numbers("number above 0", 1); err != nil {
		return err
	}
	if s.Args[0] <= 0 {
		return fmt.Errorf("%v is not above 0", s.Args[0])
	}
	return nil
}

func (s *Spec) checkWindow() error {
	switch {
	case s.Count != 0 && s.Window != 0:
		return fmt.Errorf("a window of %d values and of %v; want one of the two", s.Count, s.Window)
	case s.Count < 0 || s.Count > maxWindow:
		return fmt.Errorf("a window of %d values; want 1 to %d", s.Count, maxWindow)
	case s.Window < 0 || s.Count == 0 && s.Window == 0:
		return fmt.Errorf("a window of %v; want a number of values (1 to %d) or a time above 0", s.Window, maxWindow)
	}
	return nil
}

func (s *Spec) checkPlaces() error {
	if err := s.numbers("number of decimals", 1); err != nil {
		return err
	}
	if p := s.Args[0]; p != math.Trunc(p) || p < minPlaces || p > maxPlaces {
		return fmt.Errorf("%v decimals; want a whole number from %d to %d", p, minPlaces, maxPlaces)
	}
	return nil
}
