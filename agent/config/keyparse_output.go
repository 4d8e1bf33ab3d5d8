package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/telhub/telhub/agent/process/chain"
	"github.com/telhub/telhub/internal/toml"
)

// Bounds of a calibration: it is kept in memory and searched for each value.
const (
	maxPoints       = 64
	maxCoefficients = 10
)

// numbers reads a list of numbers, or a single one where one is enough.
func (k *Key) numbers(n *toml.Node, least, most int) ([]float64, fault) {
	if n.Kind != toml.List {
		if least > 1 {
			return nil, k.wrongType(n)
		}
		v, f := k.float(n)
		return []float64{v}, f
	}
	if len(n.Items) < least || len(n.Items) > most {
		_, name := splitPath(k.Path)
		return nil, fault{
			fmt.Sprintf("holds %d numbers", len(n.Items)),
			"write a " + k.Type.String() + ", as in " + name + " = " + k.Example,
		}
	}
	return k.floats(n)
}

// floats reads the numbers of a list.
func (k *Key) floats(list *toml.Node) ([]float64, fault) {
	vs := make([]float64, len(list.Items))
	for i, it := range list.Items {
		if it.Kind != toml.Int && it.Kind != toml.Float {
			return nil, fault{"holds " + it.Shown() + ", which is " + it.Kind.String(), "write numbers without quotes, as in " + k.Example}
		}
		vs[i], _ = k.float(it)
	}
	return vs, fault{}
}

// words reads one text or a list of them.
func (k *Key) words(n *toml.Node) ([]string, fault) {
	var list []string
	var f fault
	if n.Kind == toml.Text {
		list, f = []string{n.Text}, checkPrintable(n.Text)
	} else {
		list, f = k.texts(n)
	}
	for i, word := range list {
		switch {
		case !f.ok() || len(k.Allowed) == 0:
		case !slices.Contains(k.Allowed, word):
			f = fault{toml.Shorten(word) + " is not one of " + strings.Join(k.Allowed, ", "), guess(word, k.Allowed)}
		case slices.Contains(list[:i], word):
			f = fault{word + " stands there twice", "delete one"}
		}
	}
	return list, f
}

// silence reads true, false or a duration; 0 is true, and negative is false.
func (k *Key) silence(n *toml.Node) (time.Duration, fault) {
	if n.Kind == toml.Bool {
		if n.Bool {
			return 0, fault{}
		}
		return -1, fault{}
	}
	if n.Kind == toml.Table || n.Kind == toml.Tables || n.Kind == toml.List || n.Kind == toml.Date {
		return 0, k.wrongType(n)
	}
	d, f := k.duration(n)
	return d, k.inRange(f, int64(d))
}

// curve reads a calibration: points in any order, or a polynomial.
func (k *Key) curve(n *toml.Node) (chain.Spec, fault) {
	switch n.Kind {
	case toml.List:
		return k.points(n)
	case toml.Table:
		return k.polynomial(n)
	}
	return chain.Spec{}, k.wrongType(n)
}

// points reads [[measured, true], …] and puts them into ascending order.
func (k *Key) points(n *toml.Node) (chain.Spec, fault) {
	if len(n.Items) > maxPoints {
		return chain.Spec{}, fault{fmt.Sprintf("has %d points", len(n.Items)), fmt.Sprintf("the most is %d", maxPoints)}
	}
	pairs := make([][]float64, 0, len(n.Items))
	for _, it := range n.Items {
		if it.Kind != toml.List || len(it.Items) != 2 {
			return chain.Spec{}, fault{"each point is a list of two numbers, measured and true", "write calibrate = " + k.Example}
		}
		p, f := k.floats(it)
		if !f.ok() {
			return chain.Spec{}, f
		}
		pairs = append(pairs, p)
	}
	switch len(pairs) {
	case 0:
		return chain.Spec{}, fault{"has no points", "write calibrate = " + k.Example}
	case 1:
		return chain.Spec{}, fault{"has one point", "with one, write offset = " + brief(pairs[0][1]-pairs[0][0]) + "; a line takes two"}
	}
	slices.SortStableFunc(pairs, func(a, b []float64) int { return cmp.Compare(a[0], b[0]) })
	spec := chain.Spec{Op: chain.Calibrate}
	for i, p := range pairs {
		if i > 0 && p[0] == pairs[i-1][0] {
			return chain.Spec{}, fault{fmt.Sprintf("has two points for the measured value %v", p[0]), "delete one"}
		}
		spec.Args = append(spec.Args, p...)
	}
	return spec, fault{}
}

// polynomial reads { polynomial = [c0, c1, …] }.
func (k *Key) polynomial(t *toml.Node) (chain.Spec, fault) {
	const name, example = "polynomial", "calibrate = { polynomial = [0.2, 1.01, -0.0003] }"
	for _, key := range t.Keys {
		if key != name {
			return chain.Spec{}, fault{"unknown key " + toml.Shorten(key), didYouMean(key, []string{name})}
		}
	}
	n := t.Fields[name]
	if n == nil || n.Kind != toml.List {
		return chain.Spec{}, fault{"names no coefficients", "write " + example}
	}
	if len(n.Items) < 2 || len(n.Items) > maxCoefficients {
		return chain.Spec{}, fault{
			fmt.Sprintf("has %d coefficients", len(n.Items)),
			fmt.Sprintf("write from 2 to %d, the constant term first, as in %s", maxCoefficients, example),
		}
	}
	args, f := k.floats(n)
	return chain.Spec{Op: chain.Polynomial, Args: args}, f
}
