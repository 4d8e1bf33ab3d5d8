package config

import (
	"fmt"
	"strconv"
	"time"

	"github.com/telhub/telhub/internal/toml"
)

// Type is the type of a key's value.
type Type uint8

// The types.
const (
	Text     Type = iota // "pi-01"
	Choice               // one of Key.Allowed
	Int                  // 8192, 0x76
	Float                // 0.1
	Bool                 // true
	Duration             // "10s", "7d"
	Size                 // "256MB", "256MiB", or a number of bytes
	Rate                 // like Size, a second
	Texts                // ["a", "b"]
	Channels             // { weight = { unit = "kg" } }
	Pair                 // [-40, 85]
	Numbers              // 33, [7, 33]
	Words                // "a", ["a", "b"]
	Silence              // true, "10m"
	Curve                // [[10.9, 11.3], [77.0, 75.3]], { polynomial = [0.2, 1.01] }
	Inner                // a table whose keys are Keys, too
)

// String names the type for the reference.
func (t Type) String() string {
	return [...]string{"text", "choice", "whole number", "number", "true or false", "duration",
		"size", "rate", "list of texts", "table of outputs", "list of two numbers", "number or list of two numbers",
		"text or list of texts", "true or duration", "list of points, or polynomial", "table"}[t]
}

// wants says in messages how a value of the type is written.
func (t Type) wants() string {
	switch t {
	case Text, Choice:
		return "text in double quotes"
	case Duration:
		return "a number and its unit in double quotes"
	case Size, Rate:
		return "a number with its unit in double quotes"
	case Int, Float:
		return "a " + t.String() + " without quotes"
	case Bool:
		return "true or false without quotes"
	case Words:
		return "text in double quotes, or a list of such"
	case Silence:
		return "true, or a number and its unit in double quotes"
	}
	return "a " + t.String()
}

// Key describes one setting: everything that decoding, "telhub init" and the
// reference need to know of it.
type Key struct {
	Path    string   // "queue.capacity"; within its table for buses, sensors and engine options
	Type    Type     //
	Default string   // as text: 8192, 1s; see rootKeys for ""
	Unit    string   // of numbers, for people
	Min     string   // as text; "" is no bound
	Max     string   //
	Allowed []string // of a Choice or an Int: the only values
	Doc     string   // a sentence or a few
	Example string   // as TOML writes it: 4096, "10s"

	check  func(string) fault // of a Text, beyond its type
	secret bool               // the value may hold a password: show it Redacted
	field  func(target) any   // pointer to where the value goes; nil for engine options
}

// Env returns the environment variable that sets a root key.
func (k *Key) Env() string { return envPrefix + envName(k.Path) }

// inRange checks a whole number, a duration's nanoseconds or a size's bytes
// against the key's bounds, unless there is a fault already.
func (k *Key) inRange(f fault, v int64) fault {
	switch {
	case !f.ok():
	case k.Min != "" && v < k.bound(k.Min):
		f = k.outside()
	case k.Max != "" && v > k.bound(k.Max):
		f = k.outside()
	}
	return f
}

func (k *Key) inFloatRange(f fault, v float64) fault {
	below := k.Min != "" && v < mustFloat(k.Min)
	above := k.Max != "" && v > mustFloat(k.Max)
	if f.ok() && (below || above) {
		f = k.outside()
	}
	return f
}

func (k *Key) outside() fault {
	unit := ""
	if k.Unit != "" && k.Type != Size && k.Type != Rate {
		unit = " " + k.Unit
	}
	switch {
	case k.Max == "":
		return fault{"must be at least " + k.Min + unit, ""}
	case k.Min == "":
		return fault{"must be at most " + k.Max + unit, ""}
	}
	return fault{"must be from " + k.Min + " to " + k.Max + unit, ""}
}

// bound reads Min or Max. They are part of the program and a test reads them
// all, so a mistake there is not the user's.
func (k *Key) bound(s string) int64 {
	v, f := (&Key{Type: k.Type}).parse(&toml.Node{Kind: toml.Untyped, Text: s})
	if !f.ok() {
		panic("config: bound of " + k.Path + ": " + f.Msg)
	}
	switch v := v.(type) {
	case time.Duration:
		return int64(v)
	case int64:
		return v
	}
	panic("config: bound of " + k.Path + " for a key without order")
}

func mustFloat(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		panic("config: bound " + s + " is not a number")
	}
	return v
}

// assign stores a parsed value where a key's field points.
func assign(dst, v any) {
	switch p := dst.(type) {
	case *string:
		*p = v.(string)
	case *URL:
		*p = URL(v.(string))
	case *int:
		*p = int(v.(int64)) // Max keeps it within 32 bits, as a test verifies
	case *uint8:
		*p = uint8(v.(int64))
	case *uint16:
		*p = uint16(v.(int64))
	case *int64:
		*p = v.(int64)
	case *time.Duration:
		*p = v.(time.Duration)
	case *bool:
		*p = v.(bool)
	case *[]string:
		*p = v.([]string)
	default:
		panic(fmt.Sprintf("config: no field of type %T", dst))
	}
}
