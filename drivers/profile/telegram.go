package profile

import (
	"bytes"
	"time"
)

// MaxTelegram is the longest telegram of a profile of kind framed, in bytes.
const MaxTelegram = 512

// Telegram is the shape of what a device of kind Framed sends. It is immutable.
type Telegram struct {
	header, tail []byte
	fixed        int   // length of the whole telegram; 0: the length field tells
	length       field // of the length field, where fixed is 0
	lengthEnd    int   // bytes that the length field needs
	add          int   // whole length = length field × unit + add
	unit         int
	longest      int
	shortest     int // what outputs, checksum and matches need

	stuffed           bool
	flag, escape, xor byte

	sum      frameSum
	sumFrom  int
	sumAt    int     // negative: from the end
	matches  []check // what tells this kind of telegram from others
	poll     []byte
	commands []Command
	mode     string
}

// Command is one step of a framed device's init: bytes to send, or a wait.
type Command struct {
	Bytes []byte
	Wait  time.Duration
}

// Verdict is what a complete telegram is.
type Verdict uint8

// The verdicts.
const (
	Damaged Verdict = iota // its checksum or its tail is wrong
	Foreign                // well-formed, of another kind
	Whole
)

// Telegram gives the shape of a framed profile's telegrams; nil for other kinds.
func (p *Program) Telegram() *Telegram { return p.telegram }

// Poll gives the request that a device is asked with, or nil for one that
// sends by itself.
func (t *Telegram) Poll() []byte { return t.poll }

// Commands gives what a polled device is sent first.
func (t *Telegram) Commands() []Command { return t.commands }

// Longest is the length of the longest telegram, stuffing removed.
func (t *Telegram) Longest() int { return t.longest }

// Stuffing gives the byte that delimits telegrams and the one that announces a
// byte that was changed by xor; stuffed is false where lengths delimit.
func (t *Telegram) Stuffing() (flag, escape, xor byte, stuffed bool) {
	return t.flag, t.escape, t.xor, t.stuffed
}

// Need tells how long the telegram is that p begins with, header included: 0
// when more of it must come to tell. ok is false when no telegram begins so.
func (t *Telegram) Need(p []byte) (n int, ok bool) {
	if k := min(len(p), len(t.header)); !bytes.Equal(p[:k], t.header[:k]) {
		return 0, false
	}
	switch {
	case t.fixed > 0:
		return t.fixed, true
	case len(p) < max(len(t.header), t.lengthEnd):
		return 0, true
	}
	bits := t.length.bits(p)
	n = int(min(t.length.number(bits), MaxTelegram))*t.unit + t.add
	return n, n >= max(len(t.header)+len(t.tail), t.lengthEnd, 1) && n <= t.longest
}

// Judge verifies a telegram of full length.
func (t *Telegram) Judge(p []byte) Verdict {
	if !bytes.HasSuffix(p, t.tail) || !t.verify(p) {
		return Damaged
	}
	if len(p) < t.shortest {
		return Foreign
	}
	for i := range t.matches {
		if _, ok := t.matches[i].holds(p); !ok {
			return Foreign
		}
	}
	return Whole
}

// verify checks the checksum.
func (t *Telegram) verify(p []byte) bool {
	if t.sum.size == 0 {
		return true
	}
	at := t.sumAt
	if at < 0 {
		at += len(p)
	}
	if at < t.sumFrom || at+t.sum.size > len(p) {
		return false
	}
	return t.sum.holds(p[t.sumFrom:at], p[at:at+t.sum.size])
}
