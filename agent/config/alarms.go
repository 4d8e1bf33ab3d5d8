package config

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/telhub/telhub/agent/process/alarm"
	"github.com/telhub/telhub/internal/toml"
)

// readAlarm reads alarm = { … }.
func (l *loader) readAlarm(o *outputDraft, n *toml.Node) {
	if n.Kind != toml.Table {
		l.notATable(o, "alarm", n)
		return
	}
	a := &alarm.Options{Level: "warn"}
	var clear []float64
	before := o.broken
	o.broken = false
	l.inner(o, "alarm", "alarm", n, func(key string, v any) {
		switch key {
		case "high":
			a.High = number(v)
		case "low":
			a.Low = number(v)
		case "clear":
			clear = v.([]float64)
		case "for":
			a.For = v.(time.Duration)
		case "stale":
			a.Stale, a.StaleAfter = v.(time.Duration) >= 0, max(0, v.(time.Duration))
		case "level":
			a.Level = v.(string)
		case "drive":
			a.Drive = v.([]string)
		}
	})
	if !o.broken {
		if key, f := settleAlarm(a, clear); !f.ok() {
			l.failOutput(o, key, f)
		}
		l.drives(o, a.Drive)
	}
	o.broken = o.broken || before
	o.Alarm = a
}

// brief writes a number that is only a proposal, without the noise of binary
// fractions.
func brief(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

func number(v any) *float64 {
	f := v.(float64)
	return &f
}

// settleAlarm checks the limits against each other and gives clear its
// places. The fault concerns key.
func settleAlarm(a *alarm.Options, clear []float64) (key string, f fault) {
	limits := a.High != nil || a.Low != nil
	switch {
	case !limits && !a.Stale:
		return "alarm", fault{"is never raised", "add high, low or stale"}
	case a.High != nil && a.Low != nil && *a.Low >= *a.High:
		return "alarm.low", fault{fmt.Sprintf("is not below high, which is %v", *a.High), "it is raised at low and below, and at high and above"}
	case a.For > 0 && !limits:
		return "alarm.for", fault{"has no limit that it could belong to", "add high or low; for silence write the time itself: stale = \"10m\""}
	case clear == nil:
		return "", fault{}
	case !limits:
		return "alarm.clear", fault{"has no limit that it could belong to", "delete it: a stale alarm is cleared by the next valid value"}
	case a.High != nil && a.Low != nil && len(clear) == 1:
		return "alarm.clear", fault{"stands for two limits", "write one for each, low's first: clear = [" +
			brief(*a.Low+(*a.High-*a.Low)/10) + ", " + brief(*a.High-(*a.High-*a.Low)/10) + "]"}
	case (a.High == nil || a.Low == nil) && len(clear) == 2:
		return "alarm.clear", fault{"holds two numbers for one limit", "write one"}
	}
	if a.Low != nil {
		a.ClearLow = &clear[0]
	}
	if a.High != nil {
		a.ClearHigh = &clear[len(clear)-1]
	}
	return "alarm.clear", checkClear(a)
}

// checkClear finds a value to clear at on the wrong side of its limit.
func checkClear(a *alarm.Options) fault {
	switch {
	case a.ClearHigh != nil && *a.ClearHigh >= *a.High:
		return fault{fmt.Sprintf("%v is not below high, which is %v", *a.ClearHigh, *a.High), "a high alarm is cleared at a lower value than it is raised at"}
	case a.ClearLow != nil && *a.ClearLow <= *a.Low:
		return fault{fmt.Sprintf("%v is not above low, which is %v", *a.ClearLow, *a.Low), "a low alarm is cleared at a higher value than it is raised at"}
	case a.ClearLow != nil && a.ClearHigh != nil && *a.ClearLow > *a.ClearHigh:
		return fault{"has its numbers the wrong way round", fmt.Sprintf("low's comes first: clear = [%v, %v]", *a.ClearHigh, *a.ClearLow)}
	}
	return fault{}
}

// drives checks that the indicators exist.
func (l *loader) drives(o *outputDraft, names []string) {
	var known []string
	for i := range l.cfg.Indicators {
		known = append(known, l.cfg.Indicators[i].Name)
	}
	for i, name := range names {
		switch {
		case slices.Contains(names[:i], name):
			l.failOutput(o, "alarm.drive", fault{toml.Shorten(name) + " stands there twice", "delete one"})
		case !slices.Contains(known, name) && !l.broken["indicator."+toml.Shorten(name)]:
			cure := didYouMean(name, known)
			if len(known) == 0 {
				cure = `define one: [indicator.` + toml.Shorten(name) + `] with led = "ACT" or gpio = "gpiochip0/17"`
			}
			l.failOutput(o, "alarm.drive", fault{"there is no indicator " + toml.Shorten(name), cure})
		}
	}
}
