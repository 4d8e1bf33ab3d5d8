package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/telhub/telhub/internal/spell"
	"github.com/telhub/telhub/internal/toml"
	"github.com/telhub/telhub/internal/units"
)

// parse checks a value against the key and converts it: string, int64,
// float64, bool, time.Duration, []string, []float64 or chain.Spec.
func (k *Key) parse(n *toml.Node) (any, fault) {
	if f := fault(n.FirstFault()); !f.ok() {
		return nil, f
	}
	switch k.Type {
	case Text, Choice:
		return k.parseText(n)
	case Int:
		v, f := k.number(n)
		if f.ok() && len(k.Allowed) > 0 && !slices.Contains(k.Allowed, strconv.FormatInt(v, 10)) {
			f = fault{"must be one of " + strings.Join(k.Allowed, ", "), ""}
		}
		return v, k.inRange(f, v)
	case Float:
		v, f := k.float(n)
		return v, k.inFloatRange(f, v)
	case Bool:
		return k.bool(n)
	case Duration:
		v, f := k.duration(n)
		return v, k.inRange(f, int64(v))
	case Size, Rate:
		v, f := k.size(n)
		return v, k.inRange(f, v)
	case Pair:
		return k.numbers(n, 2, 2)
	case Numbers:
		return k.numbers(n, 1, 2)
	case Words:
		return k.words(n)
	case Silence:
		return k.silence(n)
	case Curve:
		return k.curve(n)
	}
	return k.texts(n) // Channels and Inner are read by the loader
}

// wrongType says what the value is and shows how it should look.
func (k *Key) wrongType(n *toml.Node) fault {
	_, name := splitPath(k.Path)
	return fault{"is " + n.Kind.String(), "write " + k.Type.wants() + ", as in " + name + " = " + k.Example}
}

func (k *Key) parseText(n *toml.Node) (string, fault) {
	if n.Kind != toml.Text && n.Kind != toml.Untyped {
		return "", k.wrongType(n)
	}
	if k.Type == Choice && !slices.Contains(k.Allowed, n.Text) {
		return "", fault{"must be one of " + strings.Join(k.Allowed, ", "), guess(n.Text, k.Allowed)}
	}
	if k.check != nil {
		return n.Text, k.check(n.Text)
	}
	return n.Text, checkPrintable(n.Text)
}

func guess(got string, allowed []string) string {
	if g := spell.Nearest(got, allowed); g != "" {
		return "did you mean " + g + "?"
	}
	return ""
}

func (k *Key) number(n *toml.Node) (int64, fault) {
	switch n.Kind {
	case toml.Int:
		return n.Int, fault{}
	case toml.Untyped:
		var v int64
		if !toml.ParseInt(&v, n.Text).OK() {
			return 0, fault{"is not a whole number", ""}
		}
		return v, fault{}
	}
	return 0, k.wrongType(n)
}

func (k *Key) float(n *toml.Node) (float64, fault) {
	switch n.Kind {
	case toml.Float:
		return n.Float, fault{}
	case toml.Int:
		return float64(n.Int), fault{}
	case toml.Untyped:
		var v float64
		f := toml.ParseFloat(&v, n.Text)
		return v, fault(f)
	}
	return 0, k.wrongType(n)
}

func (k *Key) bool(n *toml.Node) (bool, fault) {
	if n.Kind == toml.Bool {
		return n.Bool, fault{}
	}
	if n.Kind == toml.Untyped && (n.Text == "true" || n.Text == "false") {
		return n.Text == "true", fault{}
	}
	if n.Kind == toml.Untyped {
		return false, fault{"is neither true nor false", ""}
	}
	return false, k.wrongType(n)
}

func (k *Key) duration(n *toml.Node) (time.Duration, fault) {
	if n.Kind != toml.Text && n.Kind != toml.Untyped {
		f := k.wrongType(n)
		if n.Kind == toml.Int || n.Kind == toml.Float {
			f = fault{"has no unit", fmt.Sprintf("write \"%ss\" for seconds, \"%sms\" for milliseconds", n.Raw, n.Raw)}
		}
		return 0, f
	}
	d, err := units.Duration(n.Text)
	if err != nil {
		return 0, fault{"is not a duration", `write a number with ms, s, m, h or d, as in "10s" or "1h30m"`}
	}
	return d, fault{}
}

func (k *Key) size(n *toml.Node) (int64, fault) {
	switch n.Kind {
	case toml.Int:
		return n.Int, fault{}
	case toml.Text, toml.Untyped:
		s := n.Text
		if k.Type == Rate {
			s = strings.TrimSuffix(s, "/s")
		}
		v, err := units.Size(s)
		if err != nil {
			return 0, fault{"is not a size", `write a number with kB, MB, GB, KiB, MiB or GiB, as in "256MB"`}
		}
		return v, fault{}
	}
	return 0, k.wrongType(n)
}

func (k *Key) texts(n *toml.Node) ([]string, fault) {
	if n.Kind != toml.List {
		return nil, k.wrongType(n)
	}
	list := make([]string, 0, len(n.Items))
	for _, it := range n.Items {
		if it.Kind != toml.Text {
			return nil, fault{"holds " + it.Shown() + ", which is " + it.Kind.String(), "write " + Texts.wants() + ", as in " + k.Example}
		}
		if f := checkPrintable(it.Text); !f.ok() {
			return nil, f
		}
		list = append(list, it.Text)
	}
	if len(list) == 0 {
		return nil, fault{"is empty", "name at least one, or delete the line"}
	}
	return list, fault{}
}
