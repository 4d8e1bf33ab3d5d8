package link

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/telhub/telhub/drivers"
)

// Defaults and bounds of Options.
const (
	DefaultTimeout = time.Second
	DefaultQuiet   = 100 * time.Millisecond
	MaxAnswer      = 1024 // bytes that one exchange looks at, echo and strays included
)

// Port is the transport below a Link. Its errors are drivers.ErrTimeout where
// nothing arrived by the deadline, and drivers.ErrUnplugged where only opening
// it anew can help.
type Port interface {
	// ReadBefore fills p with what has arrived, at least a byte, waiting for it
	// until deadline.
	ReadBefore(p []byte, deadline time.Time) (n int, err error)
	Write(p []byte) (n int, err error)
	// Discard throws away what has arrived and was not read.
	Discard() error
}

// Options adjust a Link. Zero fields take the defaults.
type Options struct {
	Name    string        // of the bus, for messages
	Timeout time.Duration // from the end of a request to the end of its answer
	Gap     time.Duration // least silence between an exchange and the next request; 0 = none
	Quiet   time.Duration // a silence that ends an answer which is not complete
	Echo    bool          // the adapter repeats what we send
}

// Framer finds the answer in what arrives. It is called after each lump with
// everything since the request, echo taken out.
type Framer interface {
	// Frame reports whether got[from:to] is the answer. While it is not
	// complete ok is false, and from is where it may begin: len(got) as long as
	// nothing of it came. Bytes that cannot belong to the answer are passed
	// over, not refused: another slave's late answer may stand before ours.
	Frame(got []byte) (from, to int, ok bool)
}

// Link is the master of one line.
type Link struct {
	port Port
	opts Options
	buf  [MaxAnswer]byte
	n    int       // bytes in buf
	void int       // of them, how many belong to no answer: echo, others' answers
	end  time.Time // of the last exchange

	owed   [maxOwed]debt
	owing  int    // where the next debt goes
	number uint16 // of the last request

	errTimeout, errShort, errEcho, errLong error // preallocated with the name
}

// New makes the master of port, which it does not own.
func New(port Port, o Options) (*Link, error) {
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Quiet == 0 {
		o.Quiet = max(DefaultQuiet, o.Gap)
	}
	if o.Timeout < 0 || o.Gap < 0 || o.Quiet < 0 {
		return nil, fmt.Errorf("%s: timeout %v, gap %v and quiet %v: want no negative ones", o.Name, o.Timeout, o.Gap, o.Quiet)
	}
	return &Link{
		port: port, opts: o,
		errTimeout: fmt.Errorf("%s: no answer: %w", o.Name, drivers.ErrTimeout),
		errShort:   fmt.Errorf("%s: the answer is cut off or not one: %w", o.Name, drivers.ErrShort),
		errEcho:    fmt.Errorf("%s: what was sent did not come back as echo = true says, or came back changed: %w", o.Name, drivers.ErrBus),
		errLong:    fmt.Errorf("%s: more than %d bytes and no answer among them: %w", o.Name, MaxAnswer, drivers.ErrBus),
	}, nil
}

// Name gives the bus's name.
func (l *Link) Name() string { return l.opts.Name }

// Timeout gives how long an exchange may take.
func (l *Link) Timeout() time.Duration { return l.opts.Timeout }

// Exchange sends request and returns its answer, which is valid until the next
// call. Errors: drivers.ErrTimeout when nothing came, drivers.ErrShort when
// something came in which f found no answer (f may know better why),
// drivers.ErrBus when the line carries something else, and the port's own.
func (l *Link) Exchange(request []byte, f Framer) ([]byte, error) {
	answer, err := l.exchange(request, f)
	l.end = time.Now()
	return answer, err
}

// Send sends bytes that nobody has to answer.
func (l *Link) Send(p []byte) error {
	err := l.send(p)
	l.end = time.Now()
	return err
}

// send writes p after the pause that the line needs, with an empty input.
func (l *Link) send(p []byte) error {
	if pause := time.Until(l.end.Add(l.opts.Gap)); l.opts.Gap > 0 && pause > 0 {
		time.Sleep(pause)
	}
	if err := l.port.Discard(); err != nil {
		return err
	}
	_, err := l.port.Write(p)
	return err
}

func (l *Link) exchange(request []byte, f Framer) ([]byte, error) {
	if err := l.send(request); err != nil {
		return nil, err
	}
	echo := 0
	if l.opts.Echo {
		echo = len(request)
	}
	deadline := time.Now().Add(l.opts.Timeout)
	for l.n, l.void = 0, 0; ; {
		if err := l.more(deadline); err != nil {
			return nil, l.verdict(err, echo)
		}
		if l.n < echo {
			continue
		}
		if echo > 0 && !bytes.Equal(l.buf[:echo], request) {
			return nil, l.errEcho
		}
		from, to, ok := f.Frame(l.buf[echo:l.n])
		if ok {
			return l.buf[echo+from : echo+to], nil
		}
		l.void = echo + from
		if l.n == len(l.buf) {
			return nil, l.errLong
		}
	}
}

// more waits for bytes: for the first of the answer until the deadline, for
// others not longer than Quiet.
func (l *Link) more(deadline time.Time) error {
	if l.n > l.void {
		if quiet := time.Now().Add(l.opts.Quiet); quiet.Before(deadline) {
			deadline = quiet
		}
	}
	n, err := l.port.ReadBefore(l.buf[l.n:], deadline)
	l.n += n
	return err
}

// verdict says what the end of waiting means.
func (l *Link) verdict(err error, echo int) error {
	switch {
	case !errors.Is(err, drivers.ErrTimeout):
		return err
	case l.n < echo || l.n == 0 && echo > 0:
		return l.errEcho
	case l.n == l.void:
		return l.errTimeout
	}
	return l.errShort
}

// Listen throws away what arrives until the line was silent for quiet, at most
// until limit has passed: after an answer that did not come in time, before
// the same device is asked anything else.
func (l *Link) Listen(quiet, limit time.Duration) error {
	end := time.Now().Add(limit)
	for {
		deadline := time.Now().Add(quiet)
		last := !deadline.Before(end)
		if last {
			deadline = end
		}
		_, err := l.port.ReadBefore(l.buf[:], deadline)
		switch {
		case errors.Is(err, drivers.ErrTimeout):
			return nil
		case err != nil:
			return err
		case last && !time.Now().Before(end):
			return nil
		}
	}
}
