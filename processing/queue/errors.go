package queue

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// What callers may want to tell apart. All errors of this package wrap one of
// these, or come from the context.
var (
	// ErrInvalid: a field of a task or an option is not what it must be.
	ErrInvalid = errors.New("invalid")
	// ErrFull: the stream holds Options.MaxLen tasks.
	ErrFull = errors.New("queue is full")
	// ErrNotFound: no such task, dead letter or recurring task.
	ErrNotFound = errors.New("not found")
	// ErrUnavailable: Redis could not be reached; nothing was changed.
	ErrUnavailable = errors.New("redis is not available")
	// ErrUnknown: the last reply was lost, and no attempt to ask again got
	// through: the call was executed, or it was not.
	ErrUnknown = errors.New("it is not known whether redis has executed this")
	// ErrClosed: the Queue was closed.
	ErrClosed = errors.New("queue is closed")
)

// shorten shows a value of somebody else's in a message.
func shorten(s string) string {
	const most = 60
	if len(s) > most {
		return strconv.Quote(strings.ToValidUTF8(s[:most], "")) + "…"
	}
	return strconv.Quote(s)
}

func isNoScript(err error) bool { return err != nil && strings.HasPrefix(err.Error(), "NOSCRIPT") }

// passing reports whether the server's error reply is of a state that ends by
// itself; nothing was executed then.
func passing(err error) bool {
	var re redis.Error
	if !errors.As(err, &re) {
		return false
	}
	word, _, _ := strings.Cut(re.Error(), " ")
	switch word {
	case "LOADING", "CLUSTERDOWN", "TRYAGAIN", "MASTERDOWN", "READONLY", "MOVED", "ASK", "NOREPLICAS", "BUSY":
		return true
	}
	return strings.Contains(re.Error(), "max number of clients")
}

// lost reports whether err is of the network: the call may be tried again, and
// whether it may have been executed already.
func lost(err error) (again, executed bool) {
	var op *net.OpError
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, redis.ErrClosed):
		return false, false
	case errors.As(err, &op) && op.Op == "dial":
		return true, false
	case errors.Is(err, redis.ErrPoolTimeout), errors.Is(err, redis.ErrPoolExhausted):
		return true, false
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &op):
		return true, true
	}
	var ne net.Error
	again = errors.As(err, &ne)
	return again, again
}
