package model

import (
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/uplink/frame"
)

// config is what a test asks of its histories.
type config struct {
	script string
	tweak  func(*setup) // a control's fault, or what a control needs to show it
	two    bool         // two agents, always
	seen   *tally       // what occurred; may be nil
	plain  bool         // one agent with a large store and no server that forgets
	steps  func(h *history) map[string]func(*rapid.T)
}

// explore runs one history in a bubble.
func explore(t *testing.T, rt *rapid.T, c config) {
	counted.Add(1)
	dir, err := os.MkdirTemp(ramDir(), "telhub-model-")
	if err != nil {
		rt.Fatal(err)
	}
	defer os.RemoveAll(dir)
	var failure any
	func() {
		defer func() {
			if p := recover(); p != nil && failure == nil {
				failure = p // a goroutine is left
			}
		}()
		synctest.Test(t, func(*testing.T) {
			var h *history
			defer func() {
				failure = recover()
				if h != nil {
					h.abandon()
				}
			}()
			h = drawHistory(rt, dir, c)
			h.run(rt, c)
		})
	}()
	rethrow(failure)
}

// rethrow panics with what ended a bubble. rapid tells failures apart by where
// they come from, so what is no failure must come from somewhere else.
func rethrow(p any) {
	switch {
	case p == nil:
	case fmt.Sprintf("%T", p) == "rapid.invalidData":
		panic(p)
	default:
		panic(p)
	}
}

// ramDir is where stores lie: in memory where the system has that, because an
// fsync there costs nothing.
func ramDir() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		if f, err := os.CreateTemp("/dev/shm", "telhub-model-"); err == nil {
			f.Close()
			os.Remove(f.Name())
			return "/dev/shm"
		}
	}
	return ""
}

// drawHistory draws what a history is made of.
func drawHistory(rt *rapid.T, dir string, c config) *history {
	kind := serverKind(rapid.IntRange(0, int(serverKinds)-1).Draw(rt, "server"))
	n := 1
	if c.two || !c.plain && rapid.IntRange(0, 7).Draw(rt, "two") == 7 {
		n, kind = 2, alwaysServer
	}
	o := drawSetup(rt, c)
	if n == 2 {
		o.store, o.small = true, false
	}
	h := newHistory(rt, dir, kind, c.script, o, n)
	h.seen = c.seen
	h.happened(levelMemory + fault(kind.level()))
	if !o.store {
		h.happened(noStore)
	}
	return h
}

// newHistory makes a server and so many agents; script "" is the one that ships.
func newHistory(rt reporter, dir string, kind serverKind, script string, o setup, agents int) *history {
	h := &history{
		rt: rt, dir: dir, begun: time.Now(), bootedAt: map[string]int64{}, owner: map[string]int{}, replayed: map[uint64]bool{}, excuses: excuses{atOnce: map[uint64]bool{}},
		alarms: map[uint64]pendingAlarm{}, executed: map[frame.Lane]map[frame.ID]string{}, excused: map[frame.Cause]bool{},
	}
	for l := range frame.Lane(frame.Lanes) {
		h.executed[l] = map[frame.ID]string{}
	}
	if script == "" {
		script = appendScript()
	}
	h.server = newServer(kind, script)
	h.server.keys.added, h.server.keys.failed = h.added, func() { h.happened(commandFailed) }
	h.small = o.small
	for i := range agents {
		h.boards = append(h.boards, newBoard(h, i, o))
	}
	h.logf("server %v, setup %+v, %d agents", kind, o, agents)
	return h
}

func drawSetup(rt *rapid.T, c config) setup {
	o := setup{
		store:   rapid.IntRange(0, 9).Draw(rt, "store") < 9,
		maxLoss: rapid.SampledFrom([]time.Duration{5 * time.Second, time.Second}).Draw(rt, "maxLoss"),
		rate:    rapid.SampledFrom([]int64{0, 64 << 10}).Draw(rt, "rate"),
		kept:    rapid.Bool().Draw(rt, "kept"),
		latency: rapid.SampledFrom([]time.Duration{0, 2 * time.Millisecond, 150 * time.Millisecond}).Draw(rt, "latency"),
		maxlen:  rapid.SampledFrom([]string{"0", "1000000"}).Draw(rt, "maxlen"),
		breaker: rapid.SampledFrom(breakers).Draw(rt, "breaker"),
	}
	o.small = o.store && rapid.IntRange(0, 7).Draw(rt, "small") == 7
	if rapid.Bool().Draw(rt, "newest") {
		o.drop = store.DropNewest
	}
	o.sync = rapid.IntRange(0, 5).Draw(rt, "sync") == 5
	if c.plain {
		o.store, o.small, o.sync = true, false, false
	}
	if c.tweak != nil {
		c.tweak(&o)
	}
	return o
}
