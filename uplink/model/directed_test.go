package model

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/uplink/frame"
)

// directed runs a history that a test tells step by step, with one agent.
func directed(t *testing.T, kind serverKind, o setup, live func(h *history)) {
	t.Helper()
	directedAgents(t, kind, o, 1, live)
}

// directedAgents is directed with so many agents of one name.
func directedAgents(t *testing.T, kind serverKind, o setup, agents int, live func(h *history)) {
	t.Helper()
	dir, err := os.MkdirTemp(ramDir(), "telhub-model-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	o.store, o.maxlen, o.maxLoss, o.breaker = true, "0", time.Second, breakers[0]
	synctest.Test(t, func(t *testing.T) {
		h := newHistory(t, dir, kind, "", o, agents)
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

// overtake lets a board send, under so many epochs, what its store gathered.
func (b *board) overtake(runs int) {
	b.h.excuse(frame.Conflict)
	for range runs {
		b.h.link = linkSilent
		b.start()
		time.Sleep(4 * time.Second) // the breaker opens
		b.submit(1, frame.Normal, 16)
		b.submit(1, frame.Urgent, 16)
		time.Sleep(time.Second)
		b.h.link = linkUp
		b.wire.set(linkUp)
		time.Sleep(5 * time.Second)
		b.shutdown()
	}
}

// A record in the store that another agent's frame took the number of is
// declared, too, although it holds no sample: those that it counts are missing.
func TestARecordThatAnotherAgentOvertookIsDeclared(t *testing.T) {
	directedAgents(t, alwaysServer, setup{}, 2, func(h *history) {
		a, b := h.boards[0], h.boards[1]
		h.link = linkSilent
		a.start()
		a.submit(3, frame.Normal, 16)
		time.Sleep(time.Millisecond)
		a.cut(false)
		a.start()
		time.Sleep(2 * time.Second)
		a.shutdown() // the record is number 2/1
		b.overtake(4)
	})
}

// Where another agent's frames end says nothing of what a power cut took from
// this one: the gap record begins where its own store ends.
func TestAnotherAgentsFramesDoNotBoundAPowerCut(t *testing.T) {
	directedAgents(t, alwaysServer, setup{}, 2, func(h *history) {
		a, b := h.boards[0], h.boards[1]
		h.link = linkSilent
		a.start()
		a.submit(3, frame.Normal, 16)
		time.Sleep(time.Millisecond)
		a.cut(false)
		time.Sleep(time.Minute)
		b.overtake(1)
	})
}

// What an agent holds below the numbers of another one stays to be declared,
// whatever becomes of the run that finds it, until its record is on flash.
func TestAConflictIsDeclaredAlthoughTheRunThatFindsItIsCut(t *testing.T) {
	for _, slow := range []time.Duration{0, time.Second} {
		for fuse := range 8 {
			t.Run(fmt.Sprint("write ", fuse, " of ", slow), func(t *testing.T) {
				directedAgents(t, alwaysServer, setup{latency: 50 * time.Millisecond}, 2, func(h *history) {
					a, b := h.boards[0], h.boards[1]
					h.link = linkSilent
					a.start()
					time.Sleep(4 * time.Second)
					a.submit(3, frame.Normal, 500)
					a.shutdown()
					b.overtake(4)
					a.start()
					a.disk.trouble(0, slow, 0)
					a.disk.arm(a.fall, fuse)
					for range 4 {
						a.submit(1, frame.Normal, 16)
						time.Sleep(400 * time.Millisecond)
					}
					h.check()
				})
			})
		}
	}
}

// An agent's own fence, raised by an open that nobody answered, is no other
// agent: not when it was of this run, of a run that was cut before it noted that
// it was connected, or when the answer that would prove it is lost.
func TestAnOwnFenceIsNoConflict(t *testing.T) {
	for name, open := range map[string]func(h *history, b *board){
		"late":        func(h *history, b *board) { b.wire.set(linkUp, fate{kind: isLate, delay: 5 * time.Millisecond}) },
		"no answer":   func(h *history, b *board) { b.wire.set(linkUp, fate{kind: losesAnswer}) },
		"only fences": func(h *history, b *board) { b.wire.set(linkUp, fate{}, fate{}, fate{kind: isOnlyDone}) },
		"cut": func(h *history, b *board) {
			time.Sleep(30 * time.Millisecond)
			b.cut(false)
			b.start()
		},
		"link ends": func(h *history, b *board) {
			time.Sleep(2 * time.Millisecond)
			b.cut(false)
			b.start()
			time.Sleep(25 * time.Millisecond) // the last lane's answer is on its way
			b.wire.set(linkRefused)
			time.Sleep(time.Second)
			b.wire.set(linkUp)
		},
	} {
		t.Run(name, func(t *testing.T) {
			directed(t, alwaysServer, setup{kept: true, latency: 10 * time.Millisecond}, func(h *history) {
				b := h.boards[0]
				b.start()
				b.submit(2, frame.Normal, 16)
				b.submit(2, frame.Urgent, 16)
				time.Sleep(2 * time.Second)
				b.shutdown()
				b.switchOn()
				b.start()
				open(h, b)
				b.submit(2, frame.Normal, 16)
				time.Sleep(5 * time.Second)
			})
		})
	}
}

// The record of a power cut that went live is in memory only until Redis has it.
// Nothing newer goes to the store alone meanwhile: the next start would take
// that for the end of what was lost.
func TestTheRecordOfACutSurvivesTheNextCut(t *testing.T) {
	flood := func(b *board) {
		for range 30 {
			b.submit(5, frame.Normal, 9000)
			time.Sleep(300 * time.Millisecond)
		}
	}
	t.Run("full store", func(t *testing.T) {
		o := setup{small: true, drop: store.DropNewest}
		directed(t, volatileServer, o, func(h *history) {
			b := h.boards[0]
			b.start()
			h.link = linkSilent
			b.wire.set(h.link)
			flood(b)
			flood(b)
			b.cut(false)
			time.Sleep(10 * time.Millisecond)
			b.start()
			flood(b)
		})
	})
	t.Run("memory", func(t *testing.T) {
		directed(t, volatileServer, setup{latency: 150 * time.Millisecond}, func(h *history) {
			b := h.boards[0]
			b.start()
			b.submit(8, frame.Normal, 100)
			time.Sleep(10 * time.Millisecond)
			b.cut(false)
			time.Sleep(5 * time.Second)
			b.start()
			for range 4 {
				b.submit(8, frame.Normal, 100)
				time.Sleep(100 * time.Millisecond)
			}
			b.submit(8, frame.Normal, 100)
			time.Sleep(60 * time.Millisecond) // the lanes are open, the record waits behind the frames
			b.wire.set(linkSilent)
			time.Sleep(400 * time.Millisecond) // the commit is over
			b.cut(false)
			b.start()
			time.Sleep(3 * time.Second)
		})
	})
}

// An open whose first request arrived, and whose second found nobody: the next
// one finds a fence that may be another agent's, and goes behind it; nothing is
// declared.
func TestAnOpenThatArrivedInPartIsNoConflict(t *testing.T) {
	o := setup{latency: 100 * time.Millisecond}
	directed(t, logServer, o, func(h *history) {
		b := h.boards[0]
		b.start()
		time.Sleep(o.latency + o.latency/2)
		b.wire.set(linkRefused)
		time.Sleep(time.Second)
		h.server.mu.Lock()
		f, _, _ := strings.Cut(h.server.keys.hashes[stateKey][field(0)], ";")
		h.server.mu.Unlock()
		if f != "1" {
			t.Fatalf("the first lane's fence is %q: no part of the open arrived", f)
		}
		b.wire.set(linkUp)
		b.submit(1, frame.Normal, 16)
		time.Sleep(3 * time.Second)
		if s := b.up.Status(); !s.Connected || s.Epoch != 2 {
			t.Errorf("connected %v under epoch %d, want 2", s.Connected, s.Epoch)
		}
	})
}
