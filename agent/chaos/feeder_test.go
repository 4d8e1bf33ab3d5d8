//go:build chaos

package chaos

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/sim"
)

// fields is how many channels a feeder's device has. Field k of line n has the
// value n*fieldBase+k, so that every sample is one of a kind.
const (
	fields    = 4
	fieldBase = 8
)

// flap is after how many lines a device's field a changes between 0 and 1, which
// raises and clears an alarm.
const flap = 100

// feeder is a serial device that prints lines of JSON at a steady rate. It
// waits while nobody takes them.
type feeder struct {
	name string
	pty  *sim.PTY
	rate int // lines a second

	mu   sync.Mutex // guards sent, told and rest
	sent []int64    // when line n was about to be written, Unix ms
	told []int64    // when it had been written
	rest []byte     // what stop has left unwritten of the last line

	cancel context.CancelFunc
	done   chan struct{}
}

func newFeeder(t *testing.T, name string, linesPerSecond int) *feeder {
	t.Helper()
	pty, err := sim.NewPTY(t.TempDir(), name)
	if err != nil {
		t.Fatal(err)
	}
	f := &feeder{name: name, pty: pty, rate: linesPerSecond}
	t.Cleanup(func() {
		f.stop()
		pty.Close()
	})
	return f
}

// config is the device as a configuration names it.
func (f *feeder) config() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n[[sensor]]\nname = %q\nuse = \"line\"\nport = %q\nmode = \"115200 8N1\"\nformat = \"json\"\n[sensor.out]\n",
		f.name, f.pty.Path())
	for k := range fields {
		fmt.Fprintf(&b, "c%d = { key = \"c%d\", resolution = 1 }\n", k, k)
	}
	b.WriteString("a = { key = \"a\" }\n[sensor.a]\nalarm = { high = 1, clear = 0 }\n")
	return b.String()
}

// start lets the device talk. After stop it goes on counting where it was.
func (f *feeder) start() {
	ctx, cancel := context.WithCancel(context.Background())
	f.cancel, f.done = cancel, make(chan struct{})
	go f.run(ctx)
}

// stop silences it. It may be called again.
func (f *feeder) stop() {
	if f.cancel != nil {
		f.cancel()
		<-f.done
		f.cancel = nil
	}
}

// lines returns when each line was sent that was written as a whole.
func (f *feeder) lines() []int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(f.sent)
	if len(f.rest) > 0 {
		n--
	}
	return append([]int64{}, f.sent[:n]...)
}

// replug gives the device's adapter a new line, as after a power cut: a
// pseudo-terminal stays locked to the process that was killed, which a port
// does not.
func (f *feeder) replug(t *testing.T) {
	t.Helper()
	if err := errors.Join(f.pty.Unplug(), f.pty.Replug()); err != nil {
		t.Fatal(err)
	}
}

// catchUp bounds how much a feeder that was held up sends at once.
const catchUp = 100 * time.Millisecond

// run is the device's goroutine: start begins it, stop ends it.
func (f *feeder) run(ctx context.Context) {
	defer close(f.done)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	pause := time.Second / time.Duration(f.rate)
	next := time.Now()
	line := f.rest
	for f.write(ctx, line) {
		if late := time.Since(next); late > catchUp {
			next = next.Add(late - catchUp)
		}
		for !time.Now().Before(next) {
			next = next.Add(pause)
			n := len(f.sent) // only this goroutine appends
			line = appendLine(line[:0], n)
			f.mu.Lock()
			f.sent = append(f.sent, time.Now().UnixMilli())
			f.mu.Unlock()
			if !f.write(ctx, line) {
				return
			}
		}
		line = line[:0]
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

func appendLine(dst []byte, n int) []byte {
	dst = append(dst, '{')
	for k := range fields {
		if k > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `"c`...)
		dst = strconv.AppendInt(dst, int64(k), 10)
		dst = append(dst, `":`...)
		dst = strconv.AppendInt(dst, int64(n*fieldBase+k), 10)
	}
	dst = append(dst, `,"a":`...)
	dst = strconv.AppendInt(dst, int64(n/flap%2), 10)
	return append(dst, "}\n"...)
}

// write writes all of b, waiting while nobody takes it; false means that ctx
// ended, and that the rest is kept for later. While the device is unplugged
// nobody takes anything.
func (f *feeder) write(ctx context.Context, b []byte) bool {
	for len(b) > 0 {
		before := f.pty.Lost()
		n, err := f.pty.Write(b)
		b = b[n-int(f.pty.Lost()-before):]
		if err != nil && !errors.Is(err, drivers.ErrUnplugged) || len(b) > 0 && ctx.Err() != nil {
			break
		}
		if len(b) > 0 {
			select {
			case <-ctx.Done():
			case <-time.After(2 * time.Millisecond):
			}
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rest = append([]byte{}, b...)
	if len(b) == 0 && len(f.told) < len(f.sent) {
		f.told = append(f.told, time.Now().UnixMilli())
	}
	return len(b) == 0 && ctx.Err() == nil
}
