package profile

import (
	"fmt"
	"math/bits"
	"slices"
	"time"
)

// identity compiles `identify`: one table or several that must all hold.
func (c *compiler) identity(t table) {
	v, ok := t.m["identify"]
	if !ok {
		return
	}
	l := list(v)
	if len(l) == 0 || len(l) > maxList {
		t.problem("identify", "want one table or a list of up to %d, all of which must hold", maxList)
		return
	}
	for i, e := range l {
		path := "identify"
		if len(l) > 1 {
			path = fmt.Sprintf("identify[%d]", i)
		}
		t, ok := c.table(path, e, slices.Concat(txKeys(), checkKeys(), []string{"wait"})...)
		if !ok {
			continue
		}
		if o, ok := t.checked(opCheck); ok {
			c.p.identify = append(c.p.identify, t.withWait(o)...)
		}
	}
}

// withWait splits a check with a wait into write, wait and read.
func (t table) withWait(o op) []op {
	wait, ok := t.duration("wait", time.Microsecond, time.Second)
	if !ok {
		return []op{o}
	}
	if len(o.w) == 0 {
		t.problem("wait", "the wait stands between write and read; want reg or write with it")
	}
	w, pause := op{kind: opTx, path: o.path, w: o.w}, op{kind: opWait, path: o.path, wait: wait}
	o.w = nil
	return []op{w, pause, o}
}

// checked compiles a transaction whose answer is compared. Its bytes go into
// scratch room that all checks share.
func (t table) checked(kind opKind) (op, bool) {
	mask, okMask := t.whole("mask", 1, 1<<32-1)
	values, okValues := t.compared(mask)
	if t.has("crc") && !t.has("bytes") {
		t.problem("bytes", "missing: with crc, say how many bytes are read, checksum included")
		return op{}, false
	}
	at, _ := t.m["at"].(int64) // comparedField sees to its bounds
	o, ok := t.transaction(min(max(at, 0), maxRead) + t.comparedBytes(values, mask))
	if !ok || !okValues || t.has("mask") && !okMask {
		return o, false
	}
	o.kind = kind
	o.check.values, o.check.differs = values, t.has("differs")
	switch {
	case len(values) == 0 && kind == opCheck && o.crc != noChecksum:
	case len(values) == 0:
		t.problem("equals", "missing: want the number that the answer must be equal to, or differs")
		return o, false
	case !t.comparedField(&o):
		return o, false
	}
	t.c.p.scratch = max(t.c.p.scratch, int(o.n))
	return o, true
}

// comparedBytes is how many bytes the compared field takes: those of type or
// of bit and width, or else those that mask and values need.
func (t table) comparedBytes(values []uint64, mask int64) int64 {
	bit, _ := t.whole("bit", 0, 7)
	width, hasWidth := t.whole("width", 1, 32)
	switch {
	case t.has("type"):
		return int64(max(1, forms()[t.text("type")].bytes))
	case hasWidth:
		return (bit + width + 7) / 8
	}
	widest := max(uint64(mask), 1)
	for _, v := range values {
		widest = max(widest, v)
	}
	return int64(bits.Len64(widest)+7) / 8
}

// compared reads equals or differs: one number or several.
func (t table) compared(mask int64) (values []uint64, ok bool) {
	key := "equals"
	if t.has("differs") {
		key = "differs"
	}
	if t.has("equals") && t.has("differs") {
		t.problem("differs", "want either equals or differs")
		return nil, false
	}
	v, ok := t.m[key]
	if !ok {
		return nil, true
	}
	l := list(v)
	if len(l) == 0 || len(l) > maxList {
		t.problem(key, "want 1 to %d numbers", maxList)
		return nil, false
	}
	for _, e := range l {
		n, isInt := e.(int64)
		if !isInt || n < 0 || n > 1<<32-1 {
			t.problem(key, "want whole numbers from 0 to 0xFFFFFFFF")
			return nil, false
		}
		if t.has("mask") && !t.has("shift") && n&^mask != 0 {
			t.problem(key, "0x%X has bits outside the mask 0x%X, so that no answer can be equal to it", n, mask)
			return nil, false
		}
		values = append(values, uint64(n))
	}
	return values, true
}

// comparedField finds the field to compare in what o reads: where type or
// width say, or else all data bytes as one number.
func (t table) comparedField(o *op) bool {
	l := o.layout()
	m := map[string]any{"at": int64(0)}
	for _, key := range fieldKeys() {
		if v, ok := t.m[key]; ok {
			m[key] = v
		}
	}
	if !t.has("type") && !t.has("width") {
		bits, ok := (table{t.c, t.path, m}).wholeAnswer(l, o.perWord)
		if !ok {
			return false
		}
		m["width"] = bits
	}
	f, ok := (table{t.c, t.path, m}).field(l)
	if !ok {
		return false
	}
	if f.float || f.signed {
		t.problem("type", "want an unsigned type to compare")
		return false
	}
	for _, v := range o.check.values {
		if v > f.mask>>f.shift {
			t.problem("equals", "0x%X does not fit into the %d bits that are compared", v, f.width)
			return false
		}
	}
	o.check.field = f
	return true
}

// wholeAnswer gives the bits of all data bytes from at on, or of the first
// word where each word has its checksum.
func (t table) wholeAnswer(l layout, perWord bool) (bits int64, ok bool) {
	at, ok := t.whole("at", 0, int64(len(l))-1)
	if !ok {
		return 0, false
	}
	n := l.data(int(at))
	if perWord {
		n = min(n, wordBytes)
	}
	switch {
	case n == 0:
		t.problem("at", "only checksums from here; bytes by use: %s", l)
		return 0, false
	case n > 4:
		t.c.problem(t.at("bytes"), len(l), "want type, or bit and width, to say which of %d bytes are compared", n)
		return 0, false
	}
	return int64(8 * n), true
}

// data counts the data bytes from at on.
func (l layout) data(at int) (n int) {
	for i := at; i < len(l); i++ {
		if !l[i] {
			n++
		}
	}
	return n
}
