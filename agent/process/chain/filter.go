package chain

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/telhub/telhub/internal/brief"
	"github.com/telhub/telhub/internal/spell"
)

// takes says what stands behind a filter's name.
type takes uint8

const (
	aNumber takes = iota
	aWindow       // a number of values, or a time
	aTime
	aStep // a number above 0
	decimals
)

// word is how an Op is written.
type word struct {
	op     Op
	name   string
	takes  takes
	filter bool // may stand in a list of filters
}

func words() []word {
	return []word{
		{Offset, "offset", aNumber, false}, {Scale, "scale", aNumber, false},
		{Calibrate, "calibrate", aNumber, false}, {Polynomial, "polynomial", aNumber, false},
		{Convert, "convert", aNumber, false}, {Valid, "valid", aNumber, false}, {Rate, "rate", aStep, false},
		{Median, "median", aWindow, true}, {Mean, "mean", aWindow, true},
		{Min, "min", aWindow, true}, {Max, "max", aWindow, true},
		{EWMA, "ewma", aTime, true}, {Outlier, "outlier", aStep, true},
		{Throttle, "throttle", aTime, true}, {Round, "round", decimals, true}, {Step, "step", aStep, true},
	}
}

// wants says what a filter's argument may be, with an example.
func (w *word) wants() string {
	switch w.takes {
	case aWindow:
		return fmt.Sprintf("a whole number of values (%s 5) or a time (%s 30s)", w.name, w.name)
	case aTime:
		return fmt.Sprintf("a time (%s 30s)", w.name)
	case decimals:
		return fmt.Sprintf("a whole number of decimals (%s 1)", w.name)
	}
	example := "3"
	if w.op == Step {
		example = "0.25"
	}
	return fmt.Sprintf("a number above 0 (%s %s)", w.name, example)
}

// String writes the step as the configuration does: "median 5", "mean 1m30s".
func (s Spec) String() string {
	name := fmt.Sprintf("step %d", s.Op)
	for _, w := range words() {
		if w.op == s.Op {
			name = w.name
		}
	}
	switch {
	case s.Count != 0:
		name += " " + strconv.Itoa(s.Count)
	case s.Window != 0:
		name += " " + brief.Duration(s.Window)
	}
	if s.Unit != "" {
		name += " " + s.Unit
	}
	for _, a := range s.Args {
		name += " " + strconv.FormatFloat(a, 'f', -1, 64)
	}
	return name
}

// ParseFilter reads a filter as the configuration writes it: "median 5",
// "mean 1m", "ewma 30s", "outlier 3", "throttle 10s", "round 1", "step 0.25". A
// window is a whole number of values or a time.
func ParseFilter(text string) (Spec, error) {
	fields := strings.Fields(text)
	if len(fields) == 0 {
		return Spec{}, fmt.Errorf("filter %q: empty; want one of %s", text, strings.Join(filterNames(), ", "))
	}
	w, err := findFilter(fields[0])
	if err != nil {
		return Spec{}, fmt.Errorf("filter %q: %w", text, err)
	}
	switch {
	case len(fields) == 1:
		err = fmt.Errorf("nothing follows %q; want %s", w.name, w.wants())
	case len(fields) > 2:
		err = fmt.Errorf("%q is too much; want %s", fields[2], w.wants())
	}
	if err != nil {
		return Spec{}, fmt.Errorf("filter %q: %w", text, err)
	}
	s := Spec{Op: w.op}
	if err = s.argument(&w, fields[1]); err == nil {
		err = s.check()
	}
	if err != nil {
		return Spec{}, fmt.Errorf("filter %q: %w", text, err)
	}
	return s, nil
}

func filterNames() (names []string) {
	for _, w := range words() {
		if w.filter {
			names = append(names, w.name)
		}
	}
	return names
}

func findFilter(name string) (word, error) {
	for _, w := range words() {
		switch {
		case w.name != name:
		case w.filter:
			return w, nil
		default:
			return w, fmt.Errorf("%s is not a filter but a key of its own: %s = …", name, name)
		}
	}
	if near := spell.Nearest(name, filterNames()); near != "" {
		return word{}, fmt.Errorf("unknown filter %q; did you mean %s?", name, near)
	}
	return word{}, fmt.Errorf("unknown filter %q; want one of %s", name, strings.Join(filterNames(), ", "))
}

// argument reads what stands behind the name.
func (s *Spec) argument(w *word, text string) (err error) {
	wrong := fmt.Errorf("%q is not %s", text, w.wants())
	n, whole := wholeNumber(text)
	d, isTime := parseTime(text)
	x, number := parseNumber(text)
	switch {
	case w.takes == aWindow && whole:
		if s.Count = n; n == 0 {
			return fmt.Errorf("a window of 0 values; want at least 1")
		}
	case w.takes == aWindow && isTime, w.takes == aTime && isTime && !whole:
		if s.Window = d; d == 0 {
			return fmt.Errorf("%q is no time at all; want more than 0", text)
		}
	case w.takes == aTime && number:
		return fmt.Errorf("%q has no unit of time; want %s", text, w.wants())
	case w.takes == decimals && whole:
		s.Args = []float64{float64(n)}
	case w.takes == aStep && number:
		s.Args = []float64{x}
	default:
		return wrong
	}
	return nil
}

// wholeNumber reads an optional minus and digits. What is too long for an int32
// becomes the largest, which no step accepts.
func wholeNumber(text string) (int, bool) {
	if !digitsIn(strings.TrimPrefix(text, "-"), "") {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 32)
	return int(n), err == nil || n != 0
}

// parseNumber reads a decimal number as people write it: no hexadecimal, no
// NaN, no infinity.
func parseNumber(text string) (float64, bool) {
	x, err := strconv.ParseFloat(text, 64)
	return x, err == nil && digitsIn(text, "+-.eE") && !math.IsInf(x, 0)
}

// parseTime reads a time as Go writes it, with days in front if wanted: "7d12h".
func parseTime(text string) (time.Duration, bool) {
	var whole time.Duration
	if days, rest, found := strings.Cut(text, "d"); found {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return 0, false
		}
		if whole = time.Duration(n) * 24 * time.Hour; rest == "" {
			return whole, true
		}
		text = rest
	}
	d, err := time.ParseDuration(text)
	return whole + d, err == nil && d >= 0 && whole+d >= whole && digitsIn(text, ".hmsnuµ")
}

// digitsIn reports whether text holds a digit, and only digits and what is in
// others.
func digitsIn(text, others string) (found bool) {
	for _, c := range text {
		if c >= '0' && c <= '9' {
			found = true
		} else if !strings.ContainsRune(others, c) {
			return false
		}
	}
	return found
}
