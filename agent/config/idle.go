package config

import (
	"fmt"
	"slices"

	"github.com/telhub/telhub/agent/process/chain"
	"github.com/telhub/telhub/internal/toml"
)

// idleWindows reports windows that never hold more than one value, and
// throttles that let all of them pass. It leaves the distance of values after
// all steps in o.Every.
func (l *loader) idleWindows(o *outputDraft) {
	for i, s := range o.Steps {
		switch s.Op {
		case chain.Median, chain.Mean, chain.Min, chain.Max, chain.Outlier, chain.Throttle:
		default:
			continue
		}
		if s.Window > 0 && s.Window <= o.Every {
			l.failOutput(o, o.origin[i], fault{
				fmt.Sprintf("%s does nothing over %s: values come every %s", opName(s.Op), shortSpan(s.Window), shortSpan(o.Every)),
				fmt.Sprintf("make it %s or longer, or delete it", shortSpan(2*o.Every)),
			})
		}
		if s.Op == chain.Throttle && o.Every > 0 {
			o.Every = max(o.Every, s.Window)
		}
	}
}

// opName is what a filter is called in the file.
func opName(op chain.Op) string {
	switch op {
	case chain.Median:
		return "median"
	case chain.Mean:
		return "mean"
	case chain.Min:
		return "min"
	case chain.Max:
		return "max"
	case chain.Outlier:
		return "outlier"
	}
	return "throttle"
}

// settleSend finds a heartbeat that never beats.
func (l *loader) settleSend(o *outputDraft) {
	if e := o.Send.Every; e > 0 && o.Every > 0 && e < o.Every {
		l.failOutput(o, "send.every", fault{
			"values come only every " + shortSpan(o.Every),
			fmt.Sprintf("make it longer than %s, as in every = \"5m\"", shortSpan(o.Every)),
		})
	}
}

// settleSilence finds a stale alarm that is raised between any two values.
func (l *loader) settleSilence(o *outputDraft) {
	if a := o.Alarm; a != nil && a.StaleAfter > 0 && o.Every > 0 && a.StaleAfter < 2*o.Every {
		l.failOutput(o, "alarm.stale", fault{
			"values come only every " + shortSpan(o.Every),
			fmt.Sprintf("make it %s or longer, or true", shortSpan(2*o.Every)),
		})
	}
}

// settleReach finds limits of an alarm that no value can reach, because valid
// holds back what lies so far out.
func (l *loader) settleReach(o *outputDraft) {
	a, valid := o.Alarm, o.reach()
	if a == nil || valid == nil {
		return
	}
	cure := "choose one within, widen valid, or add stale = true, which tells of values that are not valid"
	if a.High != nil && *a.High > valid[1] {
		l.failOutput(o, "alarm.high", fault{fmt.Sprintf("is never reached, because valid ends at %v", valid[1]), cure})
	}
	if a.Low != nil && *a.Low < valid[0] {
		l.failOutput(o, "alarm.low", fault{fmt.Sprintf("is never reached, because valid begins at %v", valid[0]), cure})
	}
}

// reach is the range that values keep to after all steps; nil when it is not
// known, because there is no valid or the steps behind it change values.
func (o *outputDraft) reach() []float64 {
	for _, s := range slices.Backward(o.Steps) {
		switch s.Op {
		case chain.Valid:
			return s.Args
		case chain.Rate, chain.Median, chain.Mean, chain.Min, chain.Max, chain.EWMA, chain.Outlier, chain.Throttle:
		default:
			return nil
		}
	}
	return nil
}

// leftOut checks the table of an output that only does not keep.
func (l *loader) leftOut(o *outputDraft) {
	if o.Derived() || o.owner.Keeps(o.Name) {
		return
	}
	if n := o.table.Fields["send"]; n != nil && n.Kind == toml.Table {
		l.failOutput(o, "send", fault{"only leaves " + o.Name + " out, so nothing of it is sent", "add it to only, or delete the line"})
		return
	}
	if !o.used && !l.unsure && o.Alarm == nil && len(o.Aggregates) == 0 {
		l.failOutput(o, "", fault{"has no effect, because only leaves " + o.Name + " out", "add it to only, or delete the table"})
	}
	o.Send.Never = true
}
