package gpio

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/warthog618/go-gpiocdev/uapi"
	"golang.org/x/sys/unix"
)

// board is a kernel with GPIO chips: files stand for their nodes, and what is
// asked of descriptors is answered here. A line's events come over a real
// descriptor, in the kernel's form.
type board struct {
	t     testing.TB
	root  string
	chips map[string]*chip
	line  *line // requested last
	at    int64 // CLOCK_MONOTONIC

	refuse         unix.Errno // what a request is answered with
	refuseDebounce bool       // EINVAL for a request with a period
}

type chip struct {
	label string
	names []string // of its lines
	used  map[int]string
}

// line is a requested line. It keeps the latest events as the kernel does,
// which hands them over when the line is read: tests call flush.
type line struct {
	b      *board
	asked  uapi.LineRequest
	w      int
	number uint32
	kept   []event
	active bool
}

func newBoard(t testing.TB) *board {
	b := &board{t: t, root: t.TempDir(), chips: map[string]*chip{
		"gpiochip0": {label: "pinctrl-bcm2711", names: []string{"ID_SDA", "ID_SCL", "GPIO2", "GPIO17"}, used: map[int]string{1: "i2c0"}},
		"gpiochip1": {label: "raspberrypi-exp-gpio", names: []string{"BT_ON", "WL_ON"}},
	}, at: 1e12}
	if err := os.Mkdir(filepath.Join(b.root, "dev"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name := range b.chips {
		if err := os.WriteFile(filepath.Join(b.root, "dev", name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// kernel answers for the board.
func (b *board) kernel() kernel {
	of := func(fd int) *chip {
		path, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
		if err != nil {
			b.t.Fatal(err)
		}
		return b.chips[filepath.Base(path)]
	}
	return kernel{
		chip: func(fd int, dst *uapi.ChipInfo) error {
			c := of(fd)
			if c == nil {
				return unix.ENOTTY
			}
			*dst = uapi.ChipInfo{Lines: uint32(len(c.names))}
			copy(dst.Label[:], c.label)
			for name := range b.chips {
				if b.chips[name] == c {
					copy(dst.Name[:], name)
				}
			}
			return nil
		},
		info: func(fd int, dst *uapi.LineInfoV2) error {
			c := of(fd)
			copy(dst.Name[:], c.names[dst.Offset])
			if user := c.used[int(dst.Offset)]; user != "" {
				copy(dst.Consumer[:], user)
				dst.Flags |= uapi.LineFlagV2Used
			}
			return nil
		},
		line: func(fd int, request *uapi.LineRequest) error { return b.request(of(fd), request) },
		values: func(_ int, dst *uapi.LineValues) error {
			if dst.Mask != 1 {
				return unix.EINVAL
			}
			if dst.Bits = 0; b.line.active {
				dst.Bits = 1
			}
			return nil
		},
		now: func() int64 { return b.at },
	}
}

func (b *board) request(c *chip, r *uapi.LineRequest) error {
	switch {
	case b.refuse != 0:
		return b.refuse
	case c.used[int(r.Offsets[0])] != "":
		return unix.EBUSY
	case b.refuseDebounce && r.Config.NumAttrs > 0:
		return unix.EINVAL
	}
	active := false
	if b.line != nil {
		active = b.line.active
		b.line.hangUp()
	}
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		b.t.Fatal(err)
	}
	b.line = &line{b: b, asked: *r, w: p[1], active: active}
	b.t.Cleanup(b.line.hangUp)
	r.Fd = int32(p[0])
	return nil
}

// hangUp is the chip's being unplugged.
func (l *line) hangUp() {
	if l.w >= 0 {
		_ = unix.Close(l.w)
	}
	l.w = -1
}

// edge is one on the wire, to this level, after so many ns.
func (l *line) edge(active bool, after int64) {
	l.b.at += after
	l.active = active
	want := uapi.LineFlagV2EdgeFalling
	if active {
		want = uapi.LineFlagV2EdgeRising
	}
	if l.asked.Config.Flags&want == 0 {
		return
	}
	l.number++
	l.kept = append(l.kept, event{l.b.at, l.number, active})
	if n := len(l.kept) - int(l.asked.EventBufferSize); n > 0 {
		l.kept = l.kept[n:] // the kernel discards the oldest
	}
}

// pulses are so many, each of the period.
func (l *line) pulses(n int, period int64) {
	for range n {
		l.edge(true, period/2)
		l.edge(false, period/2)
	}
}

// flush hands over what is kept.
func (l *line) flush() {
	for _, e := range l.kept {
		if _, err := unix.Write(l.w, appendEvent(nil, e)); err != nil {
			l.b.t.Fatal(err)
		}
	}
	l.kept = l.kept[:0]
}

func appendEvent(dst []byte, e event) []byte {
	id := uint32(uapi.LineEventFallingEdge)
	if e.active {
		id = uint32(uapi.LineEventRisingEdge)
	}
	dst = binary.NativeEndian.AppendUint64(dst, uint64(e.stamp))
	for _, n := range []uint32{id, 3, e.number, e.number, 0, 0, 0, 0, 0, 0} {
		dst = binary.NativeEndian.AppendUint32(dst, n)
	}
	return dst
}
