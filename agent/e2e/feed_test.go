package e2e

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

// fields is how many channels a feeder's device has. A sample of field k in
// line n has the value n*fieldBase+k, so that every sample is one of a kind.
const (
	fields    = 10
	fieldBase = 16
)

// feeder is a serial device that prints lines of JSON at a steady rate. It
// waits while nobody takes them, so what it has counted as sent was taken by
// the port; it is lost only where the port was closed before it was read.
type feeder struct {
	name string
	pty  *sim.PTY
	rate int // lines a second

	mu   sync.Mutex // guards sent
	sent []int64    // when line n was about to be written, Unix ms

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
	return b.String()
}

// start lets the device talk.
func (f *feeder) start() {
	ctx, cancel := context.WithCancel(context.Background())
	f.cancel, f.done = cancel, make(chan struct{})
	go f.run(ctx)
}

// stop ends it for good. It may be called again.
func (f *feeder) stop() {
	if f.cancel != nil {
		f.cancel()
		<-f.done
		f.cancel = nil
	}
}

// lines returns when each line was sent.
func (f *feeder) lines() []int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]int64{}, f.sent...)
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
	var line []byte
	for ctx.Err() == nil {
		if late := time.Since(next); late > catchUp {
			next = next.Add(late - catchUp)
		}
		for !time.Now().Before(next) {
			next = next.Add(pause)
			n, now := len(f.sent), time.Now().UnixMilli()
			line = appendLine(line[:0], n)
			if !writeAll(ctx, f.pty, line) {
				return
			}
			f.mu.Lock()
			f.sent = append(f.sent, now)
			f.mu.Unlock()
		}
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
	return append(dst, "}\n"...)
}

// writeAll writes all of b, waiting while nobody takes it; false means that
// ctx ended before that. While the device is unplugged nobody takes anything.
func writeAll(ctx context.Context, pty *sim.PTY, b []byte) bool {
	for len(b) > 0 {
		before := pty.Lost()
		n, err := pty.Write(b)
		if err != nil && !errors.Is(err, drivers.ErrUnplugged) {
			return false
		}
		lost := int(pty.Lost() - before)
		b = b[n-lost:]
		if len(b) > 0 {
			select {
			case <-ctx.Done():
				return false
			case <-time.After(2 * time.Millisecond):
			}
		}
	}
	return true
}
