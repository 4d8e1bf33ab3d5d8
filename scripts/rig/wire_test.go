//go:build hil

package rig

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// play speaks a capture into a serial line, one text line at a time.
func play(t *testing.T, c net.Conn, capture []byte, every time.Duration) {
	t.Helper()
	for line := range bytes.Lines(capture) {
		if _, err := c.Write(line); err != nil {
			t.Fatal(err)
		}
		wait(t, every)
	}
}

// plug connects to the other end of a serial line of the board: uart or usb.
// The connection must live as long as the boot: QEMU forgets what it has not
// read when it is closed.
func (b *board) plug(t *testing.T, line string) net.Conn {
	t.Helper()
	c, err := net.Dial("unix", filepath.Join(b.dir, line+".sock"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// countEvery is the counter's period.
const countEvery = 50 * time.Millisecond

// counter is a device at the USB adapter that counts aloud, "n=1", "n=2" and
// so on, over all boots. What it said is the truth that streams are held to.
type counter struct {
	mu   sync.Mutex // guards said
	said []time.Time

	stop context.CancelFunc
	done chan struct{}
}

// start lets the counter speak into c until pause, or until the line breaks.
func (k *counter) start(c net.Conn) {
	ctx, stop := context.WithCancel(context.Background())
	k.stop, k.done = stop, make(chan struct{})
	go func() {
		defer close(k.done)
		ticker := time.NewTicker(countEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			k.mu.Lock()
			k.said = append(k.said, time.Now())
			n := len(k.said)
			k.mu.Unlock()
			if _, err := fmt.Fprintf(c, "n=%d\r\n", n); err != nil {
				return
			}
		}
	}()
}

// pause ends the speaking and returns the last number said.
func (k *counter) pause() int {
	k.stop()
	<-k.done
	return k.last()
}

// last returns the last number said.
func (k *counter) last() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.said)
}

// at returns when a number was said.
func (k *counter) at(n int) time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.said[n-1]
}
