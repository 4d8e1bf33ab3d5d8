//go:build hil

package rig

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

// span is what the test knows of when a board's CLOCK_BOOTTIME was zero: Unix
// nanoseconds of this machine.
type span struct{ lo, hi int64 }

func (s span) mid() int64 { return s.lo + (s.hi-s.lo)/2 }

// error is how far mid may be off.
func (s span) error() time.Duration { return time.Duration(s.hi-s.lo) / 2 }

// history is a world whose board never knows the date by itself.
type history struct {
	*world
	zero   []span          // by epoch
	stored map[kept]stored // what stood in the spool before its date was known
	late   int64           // the offset by which the second boot was dated, ns
}

// year is how far a wrong date is off.
const year = 365 * 24 * time.Hour

// TestTime lives through boots of a board without a clock chip; each step
// needs those before it.
func TestTime(t *testing.T) {
	server := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "everysec")
	w := &history{
		world:  &world{board: newBoard(t, "time", server.Port(), "guest/time.toml", "guest/time-start")},
		stored: make(map[kept]stored),
	}
	w.streams = follow(t, server)
	t.Cleanup(w.unplug)
	compile(t, "arm64", filepath.Join(w.overlay, "usr/bin/clockset"), "build", "./guest/clockset")
	compile32(t, w.overlay)

	steps := []struct {
		name string
		step func(*testing.T)
	}{
		{"a boot that never learns the date", w.neverDated},
		{"NTP after an outage since 1970", w.ntpLate},
		{"what is undated has bounds", w.bounds},
		{"the clock is set back an hour", w.hourBack},
		{"an alarm lights a lamp", w.alarmShows},
		{"power cut after an alarm in an outage", w.alarmAndCut},
		{"require_sync holds everything back", w.requireSync},
		{"a year forward and back before any sync", w.yearForthAndBack},
		{"a receiver whose weeks have rolled over", w.rolledOver},
		{"a receiver tells the date", w.receiver},
		{"32 bits in 2040", w.past2038},
		{"the streams as a whole", w.wholeTime},
	}
	for _, s := range steps {
		if !t.Run(s.name, s.step) {
			w.showLog(t)
			t.FailNow()
		}
	}
}

// compile runs go build or go test -c for the board.
func compile(t *testing.T, arch, to string, args ...string) {
	t.Helper()
	goTool := os.Getenv("GO")
	if goTool == "" {
		goTool = "go"
	}
	args = append(args[:len(args)-1:len(args)-1], "-trimpath", "-ldflags=-s -w", "-o", to, args[len(args)-1])
	cmd := exec.Command(goTool, args...)
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "GOARM=7", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
}

// powerOn boots the board with the network plugged or not, and waits until its
// agent has the serial lines open. The counter speaks then.
func (w *history) powerOn(t *testing.T, plugged bool, celsius int, words ...string) {
	t.Helper()
	w.up(t, func() {
		w.link(t, plugged)
		w.temperature(t, "th0", celsius*1000)
	}, words...)
	await(t, 60*time.Second, "the agent", func() bool {
		_, status := w.try(t, 30*time.Second, "wget -qO- http://127.0.0.1:9155/api/status")
		return status == 0
	})
	w.boots = append(w.boots, strings.TrimSpace(w.run(t, "cat /proc/sys/kernel/random/boot_id")))
	w.zero = append(w.zero, w.bootZero(t))
	w.pid = w.run(t, "pidof telhub")
	w.awaitPort(t, "ttyUSB0")
	w.awaitPort(t, "ttyAMA0")
	w.unplug()
	w.gnss = w.plug(t, "uart")
	w.plugged = w.plug(t, "usb")
	w.counter.start(w.plugged)
}

// powerOff cuts the power and returns the last number that the counter said.
func (w *history) powerOff(t *testing.T) int {
	t.Helper()
	w.checkLog(t)
	w.cut(t)
	return w.counter.pause()
}

// kernelTime is what clockset prints.
type kernelTime struct {
	boot, offset, slack int64
	state               int
}

// clockset asks the board's kernel for the time, or sets it.
func (w *history) clockset(t *testing.T, program string) kernelTime {
	t.Helper()
	var k kernelTime
	out := w.run(t, program)
	if _, err := fmt.Sscan(out, &k.boot, &k.offset, &k.slack, &k.state); err != nil {
		t.Fatalf("%s: %v: %q", program, err, out)
	}
	if k.slack > int64(time.Millisecond) {
		t.Fatalf("%s: the wall clock could be read to %v only", program, time.Duration(k.slack))
	}
	return k
}

// synchronise steps the board's clock to a truth and declares it synchronised,
// as a time daemon does.
func (w *history) synchronise(t *testing.T, zero int64) kernelTime {
	t.Helper()
	k := w.clockset(t, fmt.Sprintf("clockset %d", zero))
	if off := k.offset - zero; off < -5e5 || off > 5e5 || k.state == timeError {
		t.Fatalf("clockset: off by %v, state %d", time.Duration(off), k.state)
	}
	return k
}

// timeError is adjtimex's word for a clock that is not synchronised.
const timeError = 5

// bootZero measures when the board's CLOCK_BOOTTIME was zero, from this
// machine: a good one of some tries, for a busy machine answers late.
func (w *history) bootZero(t *testing.T) span {
	t.Helper()
	var best span
	for i := 0; i < 3 || i < 15 && best.hi-best.lo > int64(500*time.Millisecond); i++ {
		before := time.Now().UnixNano()
		boot := w.clockset(t, "clockset").boot
		s := span{before - boot, time.Now().UnixNano() - boot}
		if i == 0 || s.hi-s.lo < best.hi-best.lo {
			best = s
		}
	}
	t.Logf("the board's zero is known to %v", time.Duration(best.hi-best.lo).Round(time.Millisecond))
	return best
}

// status is what /api/status says of the date.
type status struct {
	Problems []struct{ What, Do string } `json:"problems"`
	Clock    struct {
		Quality string `json:"quality"`
		Source  string `json:"source"`
		Jumps   int    `json:"jumps"`
		Offset  int64  `json:"offset_ms"`
		Awaited bool   `json:"awaited"`
	} `json:"clock"`
	Spool struct {
		Frames, Bytes uint64
		State         string
	} `json:"spool"`
	Alarms []struct {
		Channel, State, Level, Since string
	} `json:"alarms"`
}

func (w *history) status(t *testing.T) (s status) {
	t.Helper()
	w.api(t, "/api/status", &s)
	return s
}

// says reports whether a problem is described with a text.
func (s *status) says(text string) bool {
	for _, p := range s.Problems {
		if strings.Contains(p.What+"; "+p.Do, text) {
			return true
		}
	}
	return false
}

// awaitQuality waits for an entry that arrives after the first from entries
// with a quality.
func (w *history) awaitQuality(t *testing.T, from int, quality string) *arrival {
	t.Helper()
	var found *arrival
	await(t, time.Minute, "an entry with q "+quality, func() bool {
		w.read(t)
		for i := from; i < len(w.all); i++ {
			if w.all[i].Quality == quality && w.all[i].ID.Epoch == uint64(len(w.boots)) {
				found = &w.all[i]
				return true
			}
		}
		return false
	})
	return found
}
