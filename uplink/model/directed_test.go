package model

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telhub/telhub/uplink/frame"
)

// directed runs a history that a test tells step by step.
func directed(t *testing.T, kind serverKind, o setup, live func(h *history)) {
	dir, err := os.MkdirTemp(ramDir(), "telhub-model-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	o.store, o.maxlen, o.maxLoss, o.breaker = true, "0", time.Second, breakers[0]
	synctest.Test(t, func(t *testing.T) {
		h := newHistory(t, dir, kind, "", o, 1)
		defer h.abandon()
		live(h)
		h.peace()
		h.audit()
	})
}

// An alarm waits for its commit, is sent, answered, asked for whether it is
// durable, and is. FLUSHALL comes at each of these instants, and once more, or
// a connection that breaks, at each instant after it. No number of lane alarm
// is in the stream twice: what the server confirmed just before it forgot must
// neither count as durable nor be declared, for memory still holds it.
func TestFlushAllAtEachStepOfAnAlarm(t *testing.T) {
	const every, until = 130 * time.Millisecond, time.Second
	for _, o := range []setup{{}, {kept: true}, {sync: true}, {latency: 150 * time.Millisecond}, {latency: 150 * time.Millisecond, sync: true}} {
		for _, kind := range []serverKind{logServer, oldServer} {
			t.Run(fmt.Sprintf("%v,record=%v,sync=%v,latency=%v", kind.level(), o.kept, o.sync, o.latency), func(t *testing.T) {
				t.Parallel()
				for first := time.Duration(0); first <= until; first += every {
					for second := time.Duration(0); second <= until; second += every {
						for _, again := range []bool{false, true} {
							directed(t, kind, o, func(h *history) { h.flushTwice(first, second, again) })
							if t.Failed() {
								t.Fatalf("FLUSHALL after %v, and %v after that once more (%v) or a broken connection", first, second, again)
							}
						}
					}
				}
			})
		}
	}
}

// flushTwice lets alarms come one after the other, FLUSHALL after a time, and
// some time after that the same again or a connection that breaks.
func (h *history) flushTwice(first, second time.Duration, again bool) {
	b := h.boards[0]
	if b.o.sync {
		b.dates.step(0, frame.Unset)
	}
	b.start()
	alarms := func(n int) {
		for range n {
			b.submit(1, frame.Urgent, 16)
			time.Sleep(200 * time.Millisecond)
		}
	}
	time.Sleep(time.Second)
	alarms(2)
	b.dates.step(0, frame.NTP)
	b.disk.trouble(0, 60*time.Millisecond, 0)
	alarms(5)
	time.Sleep(first)
	h.forgets(flushedAll, h.server.flush)
	b.submit(1, frame.Urgent, 16)
	time.Sleep(second)
	if again {
		h.forgets(flushedAll, h.server.flush)
	} else {
		b.wire.set(linkUp, fate{kind: isReset})
	}
	alarms(3)
	time.Sleep(3 * time.Second)
	h.check()
}

// An open whose first request arrived, and whose second found nobody: the next
// one finds its own fence, and takes it for what it is.
func TestAnOpenThatArrivedInPartIsNoConflict(t *testing.T) {
	o := setup{latency: 100 * time.Millisecond}
	directed(t, logServer, o, func(h *history) {
		b := h.boards[0]
		b.start()
		time.Sleep(o.latency + o.latency/2)
		b.wire.set(linkRefused)
		time.Sleep(time.Second)
		if f, _, _ := strings.Cut(h.server.keys.hashes[stateKey][field(0)], ";"); f != "1" {
			t.Fatalf("the first lane's fence is %q: no part of the open arrived", f)
		}
		b.wire.set(linkUp)
		b.submit(1, frame.Normal, 16)
		time.Sleep(3 * time.Second)
		if s := b.up.Status(); !s.Connected || s.Epoch != 1 {
			t.Errorf("connected %v under epoch %d, want 1", s.Connected, s.Epoch)
		}
	})
}
