package queue

import (
	"bytes"
	"errors"
	"unsafe"
)

// resp reads a reply of RESP2 that go-redis hands over as it came: entries are
// then parts of one buffer instead of maps of copies, which saves some ten
// allocations a task.
type resp struct{ b []byte }

var errReply = errors.New("reply is not what the command gives")

// replyError is the server's error in such a reply.
type replyError string

func (e replyError) Error() string { return string(e) }

// RedisError implements redis.Error.
func (e replyError) RedisError() {}

// line returns the next line behind its kind.
func (r *resp) line() (kind byte, rest []byte, err error) {
	i := bytes.IndexByte(r.b, '\n')
	if i < 2 {
		return 0, nil, errReply
	}
	kind, rest = r.b[0], r.b[1:i-1]
	r.b = r.b[i+1:]
	if kind == '-' {
		return 0, nil, replyError(rest)
	}
	return kind, rest, nil
}

// length reads a line of the kind and its number; -1 is nil.
func (r *resp) length(kind byte) (int, error) {
	k, rest, err := r.line()
	switch {
	case err != nil:
		return 0, err
	case len(rest) > 0 && rest[0] == '-' && (k == '*' || k == '$'):
		return -1, nil
	case k != kind || len(rest) == 0 || len(rest) > 10:
		return 0, errReply
	}
	n := 0
	for _, c := range rest {
		if c < '0' || c > '9' {
			return 0, errReply
		}
		n = 10*n + int(c-'0')
	}
	return n, nil
}

// array returns an array's length, -1 for nil.
func (r *resp) array() (int, error) { return r.length('*') }

// integer returns a number.
func (r *resp) integer() (int, error) { return r.length(':') }

// bulk returns a string, nil for nil. It is a part of the buffer.
func (r *resp) bulk() ([]byte, error) {
	n, err := r.length('$')
	if err != nil || n < 0 {
		return nil, err
	}
	if len(r.b) < n+2 {
		return nil, errReply
	}
	b := r.b[:n:n]
	r.b = r.b[n+2:]
	return b, nil
}

// text is b as a string without a copy. The buffer of a reply is never written
// to again; a handler owns its payload, which ends where b begins or before.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
