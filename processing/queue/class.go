package queue

import (
	"fmt"
	"strings"

	"github.com/telhub/telhub/internal/spell"
)

// Class is how urgent a task is. Each class of a queue has a stream of its own
// in each shard.
type Class uint8

// The classes. The zero value is Normal, so they do not stand in the order of
// their urgency; Classes gives that.
const (
	Normal Class = iota
	Critical
	High
	Bulk

	NumClasses = 4
)

// Classes returns all classes, the most urgent first.
func Classes() [NumClasses]Class { return [NumClasses]Class{Critical, High, Normal, Bulk} }

// classWords are the names of the classes, which are the last part of the
// streams' names too.
const classWords = "normal critical high bulk"

func classNames() []string { return strings.Fields(classWords) }

// String returns the name: "critical", "high", "normal" or "bulk".
func (c Class) String() string {
	switch c {
	case Normal:
		return "normal"
	case Critical:
		return "critical"
	case High:
		return "high"
	case Bulk:
		return "bulk"
	}
	return fmt.Sprintf("class(%d)", uint8(c))
}

// letter is the class in a header.
func (c Class) letter() byte { return "nchb"[c] }

// classOf is the reverse of letter.
func classOf(letter byte) (Class, bool) {
	i := strings.IndexByte("nchb", letter)
	return Class(max(i, 0)), i >= 0
}

// ParseClass reads a name as String gives it; "" is Normal.
func ParseClass(s string) (Class, error) {
	if s == "" {
		return Normal, nil
	}
	for c := range Class(NumClasses) {
		if c.String() == s {
			return c, nil
		}
	}
	if near := spell.Nearest(s, classNames()); near != "" {
		return 0, fmt.Errorf("%w: class %s is unknown; did you mean %s?", ErrInvalid, shorten(s), near)
	}
	return 0, fmt.Errorf("%w: class %s is unknown; known are critical, high, normal and bulk", ErrInvalid, shorten(s))
}

// MarshalText implements encoding.TextMarshaler.
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Class) UnmarshalText(b []byte) (err error) {
	*c, err = ParseClass(string(b))
	return err
}
