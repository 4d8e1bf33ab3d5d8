package metrics

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Label is one name and value that tell the series of a metric apart.
type Label struct{ Name, Value string }

// Registry holds metrics. The zero value is empty and ready; it must not be
// copied. Registering takes names that Prometheus accepts (else it panics): a
// counter ends in "_total", and all series of one name share help, type and
// label names.
type Registry struct {
	mu       sync.Mutex
	families []*family // guarded by mu; sorted by name
}

// family is all series of one name.
type family struct {
	name, help, kind string
	labels           string    // the label names, joined, that each series must have
	series           []*series // sorted by labels
}

// series is one line of the output, or several for a histogram. Exactly one
// of the sources is set.
type series struct {
	labels string // rendered and escaped, without braces: `lane="live"`

	counter   *Counter
	gauge     *Gauge
	histogram *Histogram
	fn        func() float64
}

// Counter registers a counter.
func (r *Registry) Counter(name, help string, labels ...Label) *Counter {
	c := new(Counter)
	r.add("counter", name, help, labels, &series{counter: c})
	return c
}

// CounterFunc registers a counter that is kept elsewhere. f is called at each
// scrape from the scraping goroutine and must not use the registry; what it
// returns must never fall.
func (r *Registry) CounterFunc(name, help string, f func() float64, labels ...Label) {
	r.add("counter", name, help, labels, &series{fn: f})
}

// Gauge registers a gauge.
func (r *Registry) Gauge(name, help string, labels ...Label) *Gauge {
	g := new(Gauge)
	r.add("gauge", name, help, labels, &series{gauge: g})
	return g
}

// GaugeFunc registers a gauge that is kept elsewhere. f is called at each
// scrape from the scraping goroutine and must not use the registry.
func (r *Registry) GaugeFunc(name, help string, f func() float64, labels ...Label) {
	r.add("gauge", name, help, labels, &series{fn: f})
}

// Histogram registers a histogram with these upper bounds, which must rise
// and be finite; the bucket above the last is added by itself.
func (r *Registry) Histogram(name, help string, bounds []float64, labels ...Label) *Histogram {
	for i, b := range bounds {
		if b-b != 0 || i > 0 && b <= bounds[i-1] {
			panic(fmt.Sprintf("metrics: %s: bucket bounds %v must be finite and rise", name, bounds))
		}
	}
	h := &Histogram{bounds: slices.Clone(bounds), counts: make([]atomic.Uint64, len(bounds)+1)}
	r.add("histogram", name, help, labels, &series{histogram: h})
	return h
}

func (r *Registry) add(kind, name, help string, labels []Label, s *series) {
	mustBeNames(kind, name, help, labels)
	s.labels = render(labels)
	names := labelNames(labels)

	r.mu.Lock()
	defer r.mu.Unlock()
	i, found := slices.BinarySearchFunc(r.families, name, func(f *family, name string) int { return cmp.Compare(f.name, name) })
	if !found {
		r.families = slices.Insert(r.families, i, &family{name: name, help: help, kind: kind, labels: names})
	}
	f := r.families[i]
	if f.kind != kind || f.help != help || f.labels != names {
		panic(fmt.Sprintf("metrics: %s is registered as %s{%s} %q, cannot add %s{%s} %q", name, f.kind, f.labels, f.help, kind, names, help))
	}
	j, found := slices.BinarySearchFunc(f.series, s.labels, func(s *series, l string) int { return cmp.Compare(s.labels, l) })
	if found {
		panic(fmt.Sprintf("metrics: %s{%s} is registered twice", name, s.labels))
	}
	f.series = slices.Insert(f.series, j, s)
}

// mustBeNames panics at what Prometheus would refuse or misread.
func mustBeNames(kind, name, help string, labels []Label) {
	switch {
	case !isName(name):
		panic(fmt.Sprintf("metrics: %q is no metric name", name))
	case help == "":
		panic(fmt.Sprintf("metrics: %s has no help text", name))
	case (kind == "counter") != strings.HasSuffix(name, "_total"):
		panic(fmt.Sprintf("metrics: %s: the suffix _total is for counters, and only for them", name))
	}
	for i, l := range labels {
		if !isName(l.Name) || strings.HasPrefix(l.Name, "__") || l.Name == "le" {
			panic(fmt.Sprintf("metrics: %s: %q is no label name", name, l.Name))
		}
		for _, other := range labels[:i] {
			if other.Name == l.Name {
				panic(fmt.Sprintf("metrics: %s: label %q twice", name, l.Name))
			}
		}
	}
}

// isName checks for [a-zA-Z_][a-zA-Z0-9_]*; colons are for recording rules.
func isName(s string) bool {
	for i, c := range []byte(s) {
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

func labelNames(labels []Label) string {
	var names []string
	for _, l := range labels {
		names = append(names, l.Name)
	}
	return strings.Join(names, ",")
}

// render writes labels as they stand between the braces.
func render(labels []Label) string {
	var b []byte
	for i, l := range labels {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(b, l.Name...), `="`...)
		b = append(appendEscaped(b, strings.ToValidUTF8(l.Value, "\uFFFD"), true), '"')
	}
	return string(b)
}
