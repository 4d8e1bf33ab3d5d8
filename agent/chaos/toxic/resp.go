package toxic

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// errProtocol: what came is no message of the Redis protocol.
var errProtocol = errors.New("toxic: no RESP message")

// maxMessage bounds what is kept of one message.
const maxMessage = 64 << 20

// appendMessage reads one message, nested ones included, and appends it to dst
// as it came (RESP2 and RESP3, redis.io/docs/reference/protocol-spec).
func appendMessage(dst []byte, r *bufio.Reader) ([]byte, error) {
	begin := len(dst)
	for todo := 1; todo > 0; todo-- {
		line, err := r.ReadSlice('\n')
		dst = append(dst, line...)
		if err != nil {
			return dst, err
		}
		if len(line) < 3 || len(dst)-begin > maxMessage {
			return dst, fmt.Errorf("%w: %q", errProtocol, line)
		}
		kind := line[0]
		switch kind {
		case '+', '-', ':', ',', '#', '(', '_':
			continue
		}
		n, err := strconv.Atoi(string(bytes.TrimRight(line[1:], "\r\n")))
		if err != nil || n > maxMessage {
			return dst, fmt.Errorf("%w: %q", errProtocol, line)
		}
		switch kind {
		case '$', '=', '!':
			if dst, err = appendBytes(dst, r, n); err != nil {
				return dst, err
			}
		case '*', '~', '>':
			todo += max(n, 0)
		case '%':
			todo += 2 * max(n, 0)
		default:
			return dst, fmt.Errorf("%w: %q", errProtocol, line)
		}
	}
	return dst, nil
}

// appendBytes appends n bytes and the end of line behind them; n < 0 is null.
func appendBytes(dst []byte, r *bufio.Reader, n int) ([]byte, error) {
	if n < 0 {
		return dst, nil
	}
	for left := n + len("\r\n"); left > 0; {
		chunk, err := r.Peek(min(left, r.Size()))
		dst = append(dst, chunk...)
		r.Discard(len(chunk))
		left -= len(chunk)
		if err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// An append is "EVALSHA sha 2 stream state field fence epoch seq maxlen device"
// and nine arguments a frame (docs/wire.md and the script's own heading).
const (
	headArgs  = 11
	frameArgs = 9
)

// framesIn tells how many frames a request gives to the append script, 0 if it
// is something else.
func framesIn(request []byte) int {
	rest, ok := bytes.CutPrefix(request, []byte("*"))
	if !ok {
		return 0
	}
	line, rest, _ := bytes.Cut(rest, []byte("\r\n"))
	args, err := strconv.Atoi(string(line))
	if err != nil || args <= headArgs || (args-headArgs)%frameArgs != 0 {
		return 0
	}
	_, rest, _ = bytes.Cut(rest, []byte("\r\n"))
	name, _, _ := bytes.Cut(rest, []byte("\r\n"))
	if !bytes.EqualFold(name, []byte("evalsha")) && !bytes.EqualFold(name, []byte("eval")) {
		return 0
	}
	return (args - headArgs) / frameArgs
}

// integer returns the number that a reply is.
func integer(reply []byte) (int, bool) {
	if len(reply) == 0 || reply[0] != ':' {
		return 0, false
	}
	n, err := strconv.Atoi(string(bytes.TrimRight(reply[1:], "\r\n")))
	return n, err == nil
}
