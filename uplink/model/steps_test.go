package model

import (
	"time"

	"pgregory.net/rapid"

	"github.com/telhub/telhub/uplink/frame"
)

// pick returns one of the boards.
func (h *history) pick(t *rapid.T) *board {
	if len(h.boards) == 1 {
		return h.boards[0]
	}
	return h.boards[rapid.IntRange(0, len(h.boards)-1).Draw(t, "board")]
}

var (
	pauses  = []time.Duration{10 * time.Millisecond, 100 * time.Millisecond, 300 * time.Millisecond, time.Second, 3 * time.Second, 12 * time.Second}
	classes = []frame.Class{frame.Normal, frame.Normal, frame.Normal, frame.Normal, frame.Normal, frame.High, frame.Urgent, frame.Urgent}
)

// steps are what can happen.
func (h *history) steps() map[string]func(*rapid.T) {
	m := map[string]func(*rapid.T){
		"alarm": h.stepAlarm,
		"feed":  h.stepFeed, "feed2": h.stepFeed, "feed3": h.stepFeed, "feed4": h.stepFeed,
		"pass": h.stepPass, "pass2": h.stepPass, "pass3": h.stepPass,
		"net": h.stepNet, "net2": h.stepNet, "link": h.stepLink, "link2": h.stepLink,
		"server": h.stepServer, "forget": h.stepForget,
		"cut": h.stepCut, "restart": h.stepRestart,
		"disk": h.stepDisk, "clock": h.stepClock, "look": h.stepLook, "bomb": h.stepBomb,
	}
	if h.small {
		m["flood"], m["flood2"], m["flood3"] = h.stepFlood, h.stepFlood, h.stepFlood
	}
	if len(h.boards) > 1 {
		m["other"], m["other2"] = h.stepOther, h.stepOther
		delete(m, "forget") // with the marks it forgets the fences, see excludes
	}
	return m
}

func (h *history) stepAlarm(t *rapid.T) {
	b := h.pick(t)
	if b.running {
		h.logf("alarm %d", len(h.samples))
		b.submit(1, frame.Urgent, 16)
	}
}

func (h *history) stepFeed(t *rapid.T) {
	b := h.pick(t)
	if !b.running {
		return
	}
	frames := rapid.IntRange(1, 8).Draw(t, "frames")
	size := rapid.SampledFrom([]int{16, 100, 500}).Draw(t, "size")
	pause := rapid.SampledFrom([]time.Duration{0, 20 * time.Millisecond, 400 * time.Millisecond}).Draw(t, "pause")
	h.logf("feed %d frames from %d, %v apart", frames, len(h.samples), pause)
	for range frames {
		b.submit(rapid.IntRange(1, 9).Draw(t, "n"), rapid.SampledFrom(classes).Draw(t, "class"), size)
		if pause > 0 {
			time.Sleep(pause)
		}
	}
}

func (h *history) stepFlood(t *rapid.T) {
	b := h.pick(t)
	if !b.running {
		return
	}
	class := rapid.SampledFrom([]frame.Class{frame.Normal, frame.Normal, frame.High}).Draw(t, "class")
	h.logf("flood from %d", len(h.samples))
	for range 30 {
		b.submit(5, class, 9000)
		time.Sleep(300 * time.Millisecond)
	}
}

func (h *history) stepPass(t *rapid.T) {
	time.Sleep(rapid.SampledFrom(pauses).Draw(t, "pause"))
}

func (h *history) stepNet(t *rapid.T) {
	b := h.pick(t)
	if !b.running {
		return
	}
	for range rapid.IntRange(1, 4).Draw(t, "requests") {
		f := fate{kind: fateKind(rapid.IntRange(0, int(fateKinds)-1).Draw(t, "fate"))}
		if f.kind == isLate || f.kind == isDoubled {
			f.delay = rapid.SampledFrom([]time.Duration{5 * time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond,
				2 * time.Second, 8 * time.Second, longestDelay}).Draw(t, "delay")
		}
		h.logf("fate %d, %v", f.kind, f.delay)
		b.wire.set(h.link, f)
	}
}

func (h *history) stepLink(t *rapid.T) {
	h.link = linkState(rapid.IntRange(0, 2).Draw(t, "link"))
	h.logf("link %d", h.link)
	for _, b := range h.boards {
		if b.running {
			b.wire.set(h.link)
		}
	}
}

// stepServer is what a server does without forgetting anything that it promised.
func (h *history) stepServer(t *rapid.T) {
	switch rapid.IntRange(0, 5).Draw(t, "event") {
	case 0:
		h.logf("SCRIPT FLUSH")
		h.server.flushScripts()
	case 1:
		d := rapid.SampledFrom([]time.Duration{0, time.Second, 5 * time.Second}).Draw(t, "confirm")
		h.logf("confirms after %v", d)
		if d > waitTimeout {
			h.happened(slowConfirm)
		}
		h.server.confirms(d)
	case 2:
		after := rapid.IntRange(0, 3).Draw(t, "after")
		h.logf("XADD fails after %d", after)
		h.server.fail("XADD", after)
	case 3:
		h.logf("HSET fails")
		h.server.fail("HSET", 0)
	case 4:
		h.logf("replica catches up")
		h.server.replicate()
	case 5:
		drop := rapid.Bool().Draw(t, "drop")
		h.logf("server restarts, drops connections: %v", drop)
		h.excuse(frame.StoreDamaged) // frames accepted just before, and not held any more after a restart of the agent
		if h.server.kind == volatileServer || h.server.kind == pairServer {
			h.excuse(frame.ServerRewind)
		}
		loading := rapid.SampledFrom([]time.Duration{0, time.Second}).Draw(t, "loading")
		h.forgetting(lastSecondLost, func() { h.server.restart(drop, loading) })
	}
}

// stepForget makes the server lose what it had promised to keep.
func (h *history) stepForget(t *rapid.T) {
	if rapid.IntRange(0, 2).Draw(t, "event") == 2 {
		h.logf("FLUSHALL")
		h.forgets(flushedAll, h.server.flush)
		return
	}
	drop := rapid.Bool().Draw(t, "drop")
	h.logf("a stale replica takes over, drops connections: %v", drop)
	h.forgets(staleReplica, func() { h.server.failover(drop) })
}

// forgets runs what makes the server lose what it had promised to keep.
func (h *history) forgets(f fault, do func()) {
	h.excuse(frame.ServerRewind)
	h.forgetting(f, do)
}

func (h *history) stepCut(t *rapid.T) {
	b := h.pick(t)
	sameBoot := rapid.IntRange(0, 2).Draw(t, "kill") == 2
	if !b.running {
		return
	}
	h.logf("board %d: power cut; only a kill: %v", b.id, sameBoot)
	if sameBoot {
		h.happened(killed)
	}
	b.cut(sameBoot)
	time.Sleep(rapid.SampledFrom(pauses[:5]).Draw(t, "off"))
	if rapid.IntRange(0, 9).Draw(t, "forget") == 9 {
		h.happened(datesForgotten)
		b.dates.forget()
	}
	b.start()
}

// stepBomb lets the power fail at one of the writes to come.
func (h *history) stepBomb(t *rapid.T) {
	b := h.pick(t)
	fuse := rapid.IntRange(0, 7).Draw(t, "fuse")
	if b.running && b.disk != nil {
		h.logf("board %d: power cut at write %d from here, after it: %v", b.id, fuse/2, fuse%2 == 1)
		b.disk.arm(b.fall, fuse)
	}
}

// endFall notes that a board was cut in the middle of a write, and starts it again.
func (b *board) endFall() {
	b.h.logf("board %d: fell", b.id)
	b.cut(false)
	b.start()
}

func (h *history) stepRestart(t *rapid.T) {
	b := h.pick(t)
	reboot := rapid.Bool().Draw(t, "reboot")
	if !b.running {
		return
	}
	h.logf("board %d: restart; whole board: %v", b.id, reboot)
	b.tryStarved()
	b.shutdown()
	h.happened(restarted)
	if reboot {
		time.Sleep(rapid.SampledFrom(pauses[:5]).Draw(t, "off"))
		b.switchOn()
	}
	b.start()
}

func (h *history) stepDisk(t *rapid.T) {
	b := h.pick(t)
	if !b.running || b.disk == nil {
		return
	}
	switch rapid.IntRange(0, 3).Draw(t, "disk") {
	case 0:
		h.logf("disk is well")
		b.disk.trouble(0, 0, 0)
	case 1:
		n := rapid.SampledFrom([]int{1, 3, 20}).Draw(t, "failures")
		h.logf("%d commits fail", n)
		b.disk.trouble(n, 0, 0)
	case 2:
		before := rapid.SampledFrom(pauses[:5]).Draw(t, "before")
		after := rapid.SampledFrom(pauses[:5]).Draw(t, "after")
		h.logf("commits take %v, and %v to tell", before, after)
		b.disk.trouble(0, before, after)
	case 3:
		b.disk.save()
	}
}

func (h *history) stepClock(t *rapid.T) {
	b := h.pick(t)
	steps := int64(rapid.IntRange(-2, 2).Draw(t, "steps"))
	q := frame.ClockQuality(rapid.IntRange(0, 3).Draw(t, "quality"))
	h.logf("board %d: clock off by %d, %v", b.id, steps, q)
	if steps != 0 {
		h.happened(clockStepped)
	}
	b.dates.step(steps, q)
}

// stepOther starts or stops the second agent of the same name.
func (h *history) stepOther(t *rapid.T) {
	b := h.boards[rapid.IntRange(0, 1).Draw(t, "which")]
	if b.running {
		h.logf("board %d: stops", b.id)
		b.tryStarved()
		b.shutdown()
		return
	}
	h.logf("board %d: starts", b.id)
	h.excuse(frame.Conflict)
	b.start()
	if h.boards[0].running && h.boards[1].running {
		h.happened(otherAgent)
	}
}

// tryStarved declares samples that found no frame, if there is one now; else
// the run counts as one without an end.
func (b *board) tryStarved() {
	if b.starved == 0 {
		return
	}
	if f := b.pool.Get(256); f != nil {
		b.declareStarved(f)
		return
	}
	b.starved, b.owes = 0, true
}
