package sim

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/telhub/telhub/drivers"
)

// Source is what a talker says: GNSS and Lines are sources.
type Source interface {
	// Append extends dst by what is said at the instant t: whole lines.
	Append(dst []byte, t time.Time) []byte
}

// SerialFault is what goes wrong on a serial line.
type SerialFault uint8

const (
	// Clear: all is well.
	Clear SerialFault = iota
	// Corrupt flips one bit in every line.
	Corrupt
	// Truncate cuts the last line of each burst in half, without its end.
	Truncate
	// Silence says nothing.
	Silence
)

// Talker says what its source says, once per period.
type Talker struct {
	port  io.Writer
	src   Source
	every time.Duration
	now   func() time.Time
	buf   []byte

	mu    sync.Mutex // guards what follows
	fault SerialFault
	said  uint64 // bursts
}

// NewTalker makes a talker on a port, usually a PTY. now is the clock that the
// source is asked for; nil means time.Now.
func NewTalker(port io.Writer, src Source, every time.Duration, now func() time.Time) *Talker {
	if now == nil {
		now = time.Now
	}
	return &Talker{port: port, src: src, every: every, now: now}
}

// SetFault switches a fault on, or off with Clear.
func (t *Talker) SetFault(f SerialFault) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fault = f
}

// Said tells how many bursts were sent since the start.
func (t *Talker) Said() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.said
}

// Run talks until ctx ends. An unplugged port is waited for. It runs on the
// caller's goroutine and gives the port's error, if one ends it.
func (t *Talker) Run(ctx context.Context) error {
	tick := time.NewTicker(t.every)
	defer tick.Stop()
	for {
		if err := t.Say(); err != nil && !errors.Is(err, drivers.ErrUnplugged) {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Say sends one burst now. It and Run must not be used at the same time.
func (t *Talker) Say() error {
	t.mu.Lock()
	fault := t.fault
	t.mu.Unlock()
	if fault == Silence {
		return nil
	}
	t.buf = t.src.Append(t.buf[:0], t.now())
	switch fault {
	case Corrupt:
		corruptLines(t.buf)
	case Truncate:
		t.buf = truncateLast(t.buf)
	}
	if _, err := t.port.Write(t.buf); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.said++
	return nil
}

// corruptLines flips the lowest bit of the byte in the middle of every line.
func corruptLines(p []byte) {
	for len(p) > 0 {
		n := bytes.IndexByte(p, '\n') + 1
		if n == 0 {
			n = len(p)
		}
		p[n/2] ^= 1
		p = p[n:]
	}
}

// truncateLast gives p without the second half of its last line.
func truncateLast(p []byte) []byte {
	begin := bytes.LastIndexByte(bytes.TrimRight(p, "\r\n"), '\n') + 1
	return p[:begin+(len(p)-begin)/2]
}

// Player plays recorded bytes, such as a capture of a receiver.
type Player struct {
	Baud       int  // 10 bits a byte, as 8N1 has; 0: as fast as the reader takes it
	SkipHeader bool // leave out the lines with '#' that stand first in gpsd's captures
}

// playChunk is the most that is written at once without a speed.
const playChunk = 512

// Play sends capture to the port at the player's speed, once, and returns the
// number of bytes sent. It ends early with the context's or the port's error.
func (p Player) Play(ctx context.Context, port io.Writer, capture []byte) (int, error) {
	for p.SkipHeader && len(capture) > 0 && capture[0] == '#' {
		_, rest, _ := bytes.Cut(capture, []byte{'\n'})
		capture = rest
	}
	const step = 10 * time.Millisecond
	chunk, tick := playChunk, (<-chan time.Time)(nil)
	if p.Baud > 0 {
		chunk = max(1, p.Baud/10*int(step/time.Millisecond)/1000)
		period := time.Duration(chunk) * 10 * time.Second / time.Duration(p.Baud)
		t := time.NewTicker(period)
		defer t.Stop()
		tick = t.C
	}
	sent := 0
	for len(capture) > 0 {
		if tick != nil {
			select {
			case <-ctx.Done():
			case <-tick:
			}
		}
		if err := ctx.Err(); err != nil {
			return sent, err
		}
		n, err := port.Write(capture[:min(chunk, len(capture))])
		sent += n
		if err != nil {
			return sent, err
		}
		capture = capture[n:]
	}
	return sent, nil
}
