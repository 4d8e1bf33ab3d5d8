package profile

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/telhub/telhub/internal/spell"
)

// Problem is one thing that is wrong with a profile.
type Problem struct {
	Path  string // within the profile: "out.temperature.type", "read[1].bytes"
	Value any    // what stands there; nil when it is missing
	Msg   string // what is wrong, and the cure
}

// String gives path, value and message on one line.
func (p Problem) String() string {
	if p.Value == nil {
		return p.Path + ": " + p.Msg
	}
	return fmt.Sprintf("%s = %s: %s", p.Path, show(p.Value), p.Msg)
}

// show prints a value about as TOML does, cut to a readable length.
func show(v any) string {
	s := fmt.Sprintf("%v", v)
	if text, ok := v.(string); ok {
		s = fmt.Sprintf("%q", text)
	}
	if r := []rune(s); len(r) > 60 {
		s = string(r[:57]) + "…"
	}
	return s
}

// table is one TOML table on its way through the compiler. Each getter
// reports what is wrong and then says that the key has no value.
type table struct {
	c    *compiler
	path string // "" for the profile itself
	m    map[string]any
}

// table makes v, which stands at path, a table with no other keys than known.
func (c *compiler) table(path string, v any, known ...string) (table, bool) {
	m, ok := v.(map[string]any)
	if !ok {
		c.problem(path, v, "want a table, { key = value, … }, with keys from: %s", strings.Join(known, ", "))
		return table{}, false
	}
	t := table{c, path, m}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if !slices.Contains(known, key) {
			c.problem(t.at(key), m[key], "unknown key%s", didYouMean(key, known))
		}
	}
	return t, true
}

func (t table) at(key string) string {
	if t.path == "" {
		return key
	}
	return t.path + "." + key
}

func (t table) has(key string) bool { _, ok := t.m[key]; return ok }

func (t table) problem(key, format string, args ...any) {
	t.c.problem(t.at(key), t.m[key], format, args...)
}

// text gives a string without control characters, or "".
func (t table) text(key string) string {
	v, ok := t.m[key]
	if !ok {
		return ""
	}
	s, ok := v.(string)
	if !ok || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' }) {
		t.problem(key, `want text in quotes`)
		return ""
	}
	return s
}

func (t table) flag(key string) bool {
	v, ok := t.m[key]
	b, isBool := v.(bool)
	if ok && !isBool {
		t.problem(key, "want true or false")
	}
	return b
}

// clock gives the frequency of a bus in Hz; 0 without the key.
func (t table) clock(key string) uint32 {
	v, ok := t.m[key]
	if !ok {
		return 0
	}
	hz, ok := v.(int64)
	if !ok || hz < 1000 || hz > 5_000_000 {
		t.problem(key, "want the bus clock in Hz, a whole number from 1000 to 5000000, as in 100_000")
		return 0
	}
	return uint32(hz)
}

// whole gives a whole number between lo and hi.
func (t table) whole(key string, lo, hi int64) (int64, bool) {
	v, ok := t.m[key]
	if !ok {
		return 0, false
	}
	n, ok := v.(int64)
	if !ok || n < lo || n > hi {
		t.problem(key, "want a whole number from %s to %s", bound(lo), bound(hi))
		return 0, false
	}
	return n, true
}

// bound prints limits beyond a few digits in hexadecimal.
func bound(n int64) string {
	if n > 1000 {
		return fmt.Sprintf("0x%X", n)
	}
	return fmt.Sprint(n)
}

// number makes v a finite number.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, !math.IsNaN(v) && !math.IsInf(v, 0)
	}
	return 0, false
}

// pair gives [low, high] with low < high.
func (t table) pair(key string) (lo, hi float64, ok bool) {
	v, ok := t.m[key]
	if !ok {
		return 0, 0, false
	}
	if l, isList := v.([]any); isList && len(l) == 2 {
		lo, ok1 := number(l[0])
		hi, ok2 := number(l[1])
		if ok1 && ok2 && lo < hi {
			return lo, hi, true
		}
	}
	t.problem(key, "want two numbers, [low, high], low below high")
	return 0, 0, false
}

// duration gives a duration between lo and hi.
func (t table) duration(key string, lo, hi time.Duration) (time.Duration, bool) {
	v, ok := t.m[key]
	if !ok {
		return 0, false
	}
	s, _ := v.(string)
	d, err := time.ParseDuration(s)
	if err != nil || d < lo || d > hi {
		t.problem(key, `want a duration from %v to %v, such as "10ms"`, lo, hi)
		return 0, false
	}
	return d, true
}

// octets makes v, at path, 1 to maxWrite bytes.
func (c *compiler) octets(path string, v any) ([]byte, bool) {
	l, ok := v.([]any)
	if !ok || len(l) == 0 || len(l) > maxWrite {
		c.problem(path, v, "want 1 to %d bytes, such as [0x01, 0x80]", maxWrite)
		return nil, false
	}
	out := make([]byte, len(l))
	for i, e := range l {
		n, isInt := e.(int64)
		if !isInt || n < 0 || n > 0xff {
			c.problem(fmt.Sprintf("%s[%d]", path, i), e, "want a byte from 0 to 0xFF")
			ok = false
		}
		out[i] = byte(n)
	}
	return out, ok
}

// list makes a list of v: of a single value, of one of values, or of tables.
func list(v any) []any {
	switch v := v.(type) {
	case []any:
		return v
	case []map[string]any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = v[i]
		}
		return out
	}
	return []any{v}
}

// didYouMean names the known word nearest to word, or all of them if none is near.
func didYouMean(word string, known []string) string {
	if best := spell.Nearest(word, known); best != "" {
		return fmt.Sprintf("; did you mean %q?", best)
	}
	if len(known) == 0 {
		return ""
	}
	return "; known here: " + strings.Join(known, ", ")
}
