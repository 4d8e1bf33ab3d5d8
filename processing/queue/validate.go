package queue

import (
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	// DefaultQueue is where tasks wait that name no queue.
	DefaultQueue = "default"

	maxID          = 128
	maxType        = 128
	maxQueueName   = 64
	maxUnique      = 256
	maxCorrelation = 256
	maxTrace       = 128
)

// reserved are the words that keys of single tasks have in a queue's place.
func reserved(queue string) bool { return slices.Contains([]string{"id", "u", "r", "batch"}, queue) }

const reservedName = "keys of single tasks use that word; take another name"

// CheckQueue checks the name of a queue; "" is the default one.
func CheckQueue(name string) error {
	if name == "" {
		return nil
	}
	if err := checkName(name, maxQueueName); err != nil {
		return invalid("queue", shorten(name), err.Error())
	}
	if reserved(name) {
		return invalid("queue", shorten(name), reservedName)
	}
	return nil
}

func invalid(field, value, cure string) error {
	return fmt.Errorf("%w: %s = %s: %s", ErrInvalid, field, value, cure)
}

// check checks a task against the options; the first fault is the answer.
func (q *Queue) check(t *Task, now time.Time) error {
	if t == nil {
		return fmt.Errorf("%w: the task is nil", ErrInvalid)
	}
	for _, f := range [...]struct {
		name, value string
		most        int
		required    bool
	}{
		{"type", t.Type, maxType, true},
		{"id", t.ID, maxID, false},
		{"unique", t.Unique, maxUnique, false},
		{"correlation", t.Correlation, maxCorrelation, false},
		{"trace", t.Trace, maxTrace, false},
	} {
		if err := checkText(f.name, f.value, f.most, f.required); err != nil {
			return err
		}
	}
	if err := CheckQueue(t.Queue); err != nil {
		return err
	}
	if t.Class >= NumClasses {
		return invalid("class", t.Class.String(), "must be Critical, High, Normal or Bulk")
	}
	if len(t.Payload) > q.o.MaxPayload {
		return invalid("payload", strconv.Itoa(len(t.Payload))+" bytes",
			fmt.Sprintf("at most %d are allowed: raise MaxPayload, or keep it elsewhere and queue its address", q.o.MaxPayload))
	}
	return t.checkTimes(now)
}

func (t *Task) checkTimes(now time.Time) error {
	switch {
	case !plausible(t.NotBefore):
		return invalid("not_before", t.NotBefore.String(), "must be between the years 1970 and 9999")
	case !plausible(t.NotAfter):
		return invalid("not_after", t.NotAfter.String(), "must be between the years 1970 and 9999")
	case !t.NotAfter.IsZero() && !t.NotAfter.After(now):
		return invalid("not_after", t.NotAfter.Format(time.RFC3339), "has passed; drop the task, or give it more time")
	case !t.NotAfter.IsZero() && !t.NotAfter.After(t.NotBefore):
		return invalid("not_after", t.NotAfter.Format(time.RFC3339), "is not after not_before, so the task could never run")
	case t.Timeout < 0 || t.Timeout > maxTimeout:
		return invalid("timeout", t.Timeout.String(), "must be from 0, which means the worker's, to "+maxTimeout.String())
	case t.MaxAttempts < 0 || t.MaxAttempts > maxAttempts:
		return invalid("max_attempts", strconv.Itoa(t.MaxAttempts), fmt.Sprintf("must be from 0, which means the worker's, to %d", maxAttempts))
	case t.Keep < 0 || t.Keep > maxKeep:
		return invalid("keep", t.Keep.String(), "must be from 0, which means not at all, to "+maxKeep.String())
	}
	return nil
}

func plausible(t time.Time) bool {
	return t.IsZero() || t.Unix() > 0 && t.Year() <= 9999
}

// checkText checks what stands in keys, messages and logs.
func checkText(field, s string, most int, required bool) error {
	switch {
	case s == "" && required:
		return invalid(field, `""`, "is missing; say what kind of task it is")
	case len(s) > most:
		return invalid(field, shorten(s), fmt.Sprintf("has %d bytes, and %d are allowed", len(s), most))
	}
	for i := range len(s) { // nearly all are plain ASCII
		if c := s[i]; c <= ' ' || c >= 0x7f {
			return checkRunes(field, s)
		}
	}
	return nil
}

func checkRunes(field, s string) error {
	if !utf8.ValidString(s) {
		return invalid(field, shorten(s), "is not valid UTF-8")
	}
	for _, r := range s {
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			return invalid(field, shorten(s), fmt.Sprintf("must not contain %q", r))
		}
	}
	return nil
}
