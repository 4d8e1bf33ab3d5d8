package queue

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// A header is what a stream's entry holds in its field "t": all of a task but
// its payload, queue and (on the first attempt) its time. docs/task_queue.md
// has the format. Its first two bytes, the version and the class, are all
// that scripts read of it.
const headerVersion = '1'

// What is present, in this order, behind ID and type.
const (
	hasEnqueued = 1 << iota // ms since 1970
	hasNotBefore
	hasNotAfter
	hasTimeout // ms
	hasMaxAttempts
	hasUnique
	hasKeep // ms
	hasCorrelation
	hasTrace
	hasAttempt
	hasHistory // number, then for each attempt, ms, error

	knownFields = hasHistory<<1 - 1
)

const (
	maxHistory    = 5
	maxErrorBytes = 1 << 10
)

var (
	errShortHeader = errors.New("header ends too soon")
	errLongHeader  = errors.New("header holds more than it says")
)

// appendHeader appends the header of a task of the given ID whose next attempt
// is the given one. enqueued is in ms, 0 to leave it to the entry's own time.
func appendHeader(dst []byte, t *Task, id string, attempt int, enqueued int64, history []Failure) []byte {
	dst = append(dst, headerVersion, t.Class.letter())
	at := len(dst)
	dst = append(dst, 0, 0) // two bytes of flags: all of them fit, and most are 0
	dst = appendText(dst, id)
	dst = appendText(dst, t.Type)
	flags := uint64(0)
	number := func(flag uint64, v int64) {
		if v > 0 {
			flags |= flag
			dst = binary.AppendUvarint(dst, uint64(v))
		}
	}
	text := func(flag uint64, s string) {
		if s != "" {
			flags |= flag
			dst = appendText(dst, s)
		}
	}
	number(hasEnqueued, enqueued)
	number(hasNotBefore, millis(t.NotBefore))
	number(hasNotAfter, millis(t.NotAfter))
	number(hasTimeout, ceilMillis(t.Timeout))
	number(hasMaxAttempts, int64(t.MaxAttempts))
	text(hasUnique, t.Unique)
	number(hasKeep, ceilMillis(t.Keep))
	text(hasCorrelation, t.Correlation)
	text(hasTrace, t.Trace)
	if attempt > 1 {
		number(hasAttempt, int64(attempt))
	}
	if len(history) > 0 {
		flags |= hasHistory
		dst = appendHistory(dst, history)
	}
	dst[at], dst[at+1] = byte(flags>>8), byte(flags)
	return dst
}

func appendHistory(dst []byte, history []Failure) []byte {
	history = history[max(0, len(history)-maxHistory):]
	dst = binary.AppendUvarint(dst, uint64(len(history)))
	for _, f := range history {
		dst = binary.AppendUvarint(dst, uint64(max(f.Attempt, 0)))
		dst = binary.AppendUvarint(dst, uint64(max(millis(f.At), 0)))
		dst = appendText(dst, f.Err[:min(len(f.Err), maxErrorBytes)])
	}
	return dst
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// millis is a time in ms since 1970, 0 for the zero time.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// ceilMillis rounds up, so that nothing becomes 0 that is not.
func ceilMillis(d time.Duration) int64 { return int64((d + time.Millisecond - 1) / time.Millisecond) }

// parseHeader reads a header into d: all fields of its Task but Queue and
// Payload, Attempt, Enqueued (zero if the header leaves it to the entry) and
// History. d's strings are parts of s.
func parseHeader(s string, d *Delivery) error {
	if len(s) < 4 {
		return errShortHeader
	}
	if s[0] != headerVersion {
		return fmt.Errorf("header is of version %q; this program knows %q", s[0], headerVersion)
	}
	class, ok := classOf(s[1])
	if !ok {
		return fmt.Errorf("header has class %q", s[1])
	}
	flags := uint64(s[2])<<8 | uint64(s[3])
	if flags&^uint64(knownFields) != 0 {
		return fmt.Errorf("header has fields %#x, which this program does not know", flags&^uint64(knownFields))
	}
	r := reader{s: s[4:], flags: flags}
	d.Class = class
	d.ID, d.Type = r.text(), r.text()
	d.Enqueued = r.time(hasEnqueued)
	d.NotBefore, d.NotAfter = r.time(hasNotBefore), r.time(hasNotAfter)
	d.Timeout = r.duration(hasTimeout)
	d.MaxAttempts = int(min(r.number(hasMaxAttempts), 1<<20))
	d.Unique = r.textOf(hasUnique)
	d.Keep = r.duration(hasKeep)
	d.Correlation, d.Trace = r.textOf(hasCorrelation), r.textOf(hasTrace)
	d.Attempt = max(1, int(min(r.number(hasAttempt), 1<<30)))
	d.History = r.history()
	switch {
	case r.short:
		return errShortHeader
	case r.s != "":
		return errLongHeader
	case d.ID == "" || d.Type == "":
		return errors.New("header has no ID or no type")
	}
	return nil
}

// reader reads a header from the front; after an error all is empty.
type reader struct {
	s     string
	flags uint64
	short bool
}

func (r *reader) uvarint() uint64 {
	var v uint64
	for i := range min(len(r.s), binary.MaxVarintLen64) {
		c := r.s[i]
		if c < 0x80 {
			r.s = r.s[i+1:]
			return v | uint64(c)<<(7*i)
		}
		v |= uint64(c&0x7f) << (7 * i)
	}
	r.s, r.short = "", true
	return 0
}

func (r *reader) text() string {
	n := r.uvarint()
	if n > uint64(len(r.s)) {
		r.s, r.short = "", true
		return ""
	}
	t := r.s[:n]
	r.s = r.s[n:]
	return t
}

func (r *reader) number(flag uint64) uint64 {
	if r.flags&flag == 0 {
		return 0
	}
	return r.uvarint()
}

func (r *reader) textOf(flag uint64) string {
	if r.flags&flag == 0 {
		return ""
	}
	return r.text()
}

// maxMillis is past the year 9999, and a duration of it fits into an int64 of
// nanoseconds nowhere near; times beyond are cut.
const maxMillis = 1 << 48

func (r *reader) time(flag uint64) time.Time {
	if ms := r.number(flag); ms > 0 {
		return time.UnixMilli(int64(min(ms, maxMillis)))
	}
	return time.Time{}
}

func (r *reader) duration(flag uint64) time.Duration {
	return time.Duration(min(r.number(flag), uint64(maxKeep/time.Millisecond))) * time.Millisecond
}

func (r *reader) history() []Failure {
	n := r.number(hasHistory)
	if n == 0 {
		return nil
	}
	if n > maxHistory {
		r.short = true
		return nil
	}
	list := make([]Failure, 0, n)
	for range n {
		f := Failure{Attempt: int(min(r.uvarint(), 1<<30))}
		f.At = time.UnixMilli(int64(min(r.uvarint(), maxMillis)))
		f.Err = r.text()
		list = append(list, f)
	}
	return list
}
