package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/telhub/telhub/agent/process"
	"github.com/telhub/telhub/internal/toml"
)

// readAggregates reads aggregate = { … } or a list of such tables.
func (l *loader) readAggregates(o *outputDraft, n *toml.Node) {
	switch n.Kind {
	case toml.Table:
		l.readAggregate(o, "aggregate", n)
	case toml.List, toml.Tables:
		if len(n.Items) == 0 {
			l.failOutput(o, "aggregate", fault{"is empty", "delete the line"})
		}
		for i, it := range n.Items {
			at := "aggregate[" + strconv.Itoa(i) + "]"
			if it.Kind != toml.Table {
				l.failOutput(o, at, fault{"is " + it.Kind.String(), `write a table, as in { window = "1m", of = ["mean", "max"] }`})
				continue
			}
			l.readAggregate(o, at, it)
		}
	default:
		l.notATable(o, "aggregate", n)
	}
}

// readAggregate reads one table of window and statistics.
func (l *loader) readAggregate(o *outputDraft, path string, t *toml.Node) {
	var window time.Duration
	var of []string
	before := o.broken
	o.broken = false
	l.inner(o, "aggregate", path, t, func(key string, v any) {
		switch key {
		case "window":
			window = v.(time.Duration)
		case "of":
			of = v.([]string)
		}
	})
	if !o.broken && window == 0 {
		l.failOutput(o, path, fault{"has no window", `add window = "1m"`})
	}
	if !o.broken && of == nil {
		l.failOutput(o, path, fault{"names no statistic", `add of = ["mean", "max"], or others of ` + strings.Join(statistics(), ", ")})
	}
	if window%time.Millisecond != 0 {
		l.failOutput(o, path+".window", fault{"is not a whole number of milliseconds", "write one that is"})
	}
	if !o.broken {
		l.addAggregates(o, path, window, of)
	}
	o.broken = o.broken || before
}

func (l *loader) addAggregates(o *outputDraft, path string, window time.Duration, of []string) {
	for _, word := range of {
		name := o.Name + "_" + word + "_" + shortSpan(window)
		for i := range o.Aggregates {
			if o.Aggregates[i].Name == name {
				l.failOutput(o, path, fault{"gives " + name + " a second time", "delete one"})
				return
			}
		}
		for _, s := range process.Statistics() {
			if s.String() == word {
				o.Aggregates = append(o.Aggregates, Aggregate{Name: name, Of: s, Window: window})
			}
		}
	}
}

// settleAggregates gives each aggregate its unit and the step that its
// values keep, and checks the windows against the distance of values.
func (l *loader) settleAggregates(o *outputDraft) {
	for i := range o.Aggregates {
		a := &o.Aggregates[i]
		switch a.Of {
		case process.Count:
			a.Resolution = 1
		case process.Min, process.Max, process.Last:
			a.Unit, a.Resolution = o.Unit, o.Resolution
		default:
			a.Unit = o.Unit
		}
		first := i == 0 || o.Aggregates[i-1].Window != a.Window
		if first && o.Every > 0 && a.Window < 2*o.Every {
			l.failOutput(o, "aggregate", fault{
				fmt.Sprintf("a window of %s holds less than two values, which come every %s", shortSpan(a.Window), shortSpan(o.Every)),
				fmt.Sprintf("make it %s or longer", shortSpan(2*o.Every)),
			})
		}
	}
}

// shortSpan writes a span of whole milliseconds as people do, without parts
// that are zero: 1m, 90s, 1h30m, 1d. Less than two of a unit are told in the
// one below when that is exact and this is not.
func shortSpan(d time.Duration) string {
	units := []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}, {time.Millisecond, "ms"}, {time.Microsecond, "us"}}
	var b strings.Builder
	for i, u := range units {
		plain := u.size > time.Minute || d >= 2*u.size || d%u.size == 0 // 90s, but 1h30m
		if n := d / u.size; n > 0 && (plain || i == len(units)-1 || b.Len() > 0) {
			b.WriteString(strconv.FormatInt(int64(n), 10) + u.name)
			d -= n * u.size
		}
	}
	return b.String()
}
