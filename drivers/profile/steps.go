package profile

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// txKeys are the keys of a transaction.
func txKeys() []string { return []string{"reg", "write", "bytes", "stop", "crc", "crc_over"} }

// checkKeys are the keys of a comparison, its field's included.
func checkKeys() []string { return append(fieldKeys(), "equals", "differs") }

// readProgram compiles `read` and lays out what it reads.
func (c *compiler) readProgram(t table) {
	if !t.has("read") {
		t.problem("read", "missing: want the steps of a measurement, such as read = [{ reg = 0x00, bytes = 2 }]")
		return
	}
	c.p.read = c.steps(t, "read")
	if len(c.layout) == 0 && len(c.problems) == 0 {
		t.problem("read", "no step reads anything: want a step with bytes")
	}
}

// wakeProgram compiles `wake`: what a sleeping chip is sent before its
// identity is looked at.
func (c *compiler) wakeProgram(t table) {
	if !t.has("wake") {
		return
	}
	c.p.wake = c.steps(t, "wake")
	c.boundWaits(t, "wake", c.p.wake)
}

// initProgram compiles `init` and bounds how long it waits.
func (c *compiler) initProgram(t table) {
	if !t.has("init") {
		return
	}
	c.p.init = c.steps(t, "init")
	c.boundWaits(t, "init", c.p.init)
}

// boundWaits bounds how long the steps under key wait.
func (c *compiler) boundWaits(t table, key string, ops []op) {
	var total time.Duration
	for _, o := range ops {
		total += o.wait * time.Duration(max(1, o.attempts))
	}
	if total > maxInit {
		t.problem(key, "waits and polls add up to %v; want at most %v, as nobody else on the bus is served meanwhile", total, maxInit)
	}
}

// steps compiles the list under key.
func (c *compiler) steps(t table, key string) []op {
	l := list(t.m[key])
	if _, isList := t.m[key].([]any); !isList && len(l) == 1 || len(l) > maxSteps {
		t.problem(key, "want a list of at most %d steps, [ … ]", maxSteps)
		return nil
	}
	if key != "read" && len(l) > 0 && !slices.ContainsFunc(l, func(v any) bool { _, ok := v.(int64); return !ok }) {
		t.problem(key, "want a list of writes; a single one has two pairs of brackets: %s = [[0x01, 0x80]]", key)
		return nil
	}
	var ops []op
	for i, v := range l {
		if o, ok := c.step(key, fmt.Sprintf("%s[%d]", key, i), v); ok {
			ops = append(ops, o)
		}
	}
	return ops
}

// step compiles one step of `wake`, `init` or `read`.
func (c *compiler) step(key, path string, v any) (op, bool) {
	if _, isList := v.([]any); isList && key != "read" {
		w, ok := c.octets(path, v)
		return op{kind: opTx, path: path, w: w}, ok
	}
	t, ok := c.table(path, v, append(txKeys(), "wait", "poll", "nack")...)
	if !ok {
		return op{}, false
	}
	if t.has("wait") || t.has("poll") {
		return t.pause()
	}
	o, ok := t.transaction(0)
	if !ok || !t.mayRefuse(&o) {
		return o, false
	}
	if key != "read" && o.n > 0 {
		t.problem("bytes", "%s keeps nothing of what it reads; want a write, a wait or a poll here", key)
		return o, false
	}
	if len(c.layout)+int(o.n) > maxRead {
		t.problem("bytes", "the steps read more than %d bytes together", maxRead)
		return o, false
	}
	o.at = uint16(len(c.layout))
	c.layout = append(c.layout, o.layout()...)
	return o, true
}

// pause compiles a step that waits or polls.
func (t table) pause() (op, bool) {
	if len(t.m) != 1 {
		t.c.problem(t.path, t.m, "want one thing a step: a transaction, a wait or a poll")
		return op{}, false
	}
	if t.has("wait") {
		d, ok := t.duration("wait", time.Microsecond, maxWait)
		return op{kind: opWait, path: t.path, wait: d}, ok
	}
	p, ok := t.c.table(t.at("poll"), t.m["poll"], slices.Concat(txKeys(), checkKeys(), []string{"timeout", "every"})...)
	if !ok {
		return op{}, false
	}
	o, ok := p.checked(opPoll)
	timeout, every := stdTimeout, stdEvery
	if d, ok := p.duration("timeout", minEvery, maxPoll); ok {
		timeout = d
	}
	if d, ok := p.duration("every", minEvery, maxPoll); ok {
		every = d
	}
	o.wait = every
	o.attempts = 1 + int((timeout+every-1)/every) // so that the last comes no earlier than timeout
	return o, ok
}

// transaction compiles reg or write, bytes, stop and crc. bytes is what is
// read when the key is missing.
func (t table) transaction(bytes int64) (op, bool) {
	o := op{kind: opTx, path: t.path}
	ok := t.stopped(&o)
	ok = t.written(&o) && ok
	if n, given := t.whole("bytes", 1, maxRead); given {
		bytes = n
	} else if t.has("bytes") {
		ok = false
	}
	o.n = uint16(bytes)
	if ok && len(o.w) == 0 && o.n == 0 {
		t.c.problem(t.path, t.m, "want reg or write, bytes to read, or both")
		return o, false
	}
	if o.stop && (len(o.w) == 0 || o.n == 0) && ok {
		t.problem("stop", "stop stands between a write and a read; this step does not do both")
		ok = false
	}
	return o, t.checksum(&o) && ok
}

// stopped reads stop: true, or how long to wait after the stop.
func (t table) stopped(o *op) (ok bool) {
	v, given := t.m["stop"]
	if _, isFlag := v.(bool); isFlag || !given {
		o.stop = v == true
		return true
	}
	s, _ := v.(string)
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 || d > maxGap {
		t.problem("stop", `want true, false, or a pause after the stop of up to %v, such as "3ms"; for longer ones write, wait and read in steps of their own`, maxGap)
		return false
	}
	o.stop, o.gap = true, d
	return true
}

// mayRefuse reads nack: what only wakes a chip need not be acknowledged.
func (t table) mayRefuse(o *op) bool {
	if !t.has("nack") {
		return true
	}
	if t.m["nack"] != "ignore" {
		t.problem("nack", `want "ignore": the chip may refuse what only wakes it`)
		return false
	}
	if o.n > 0 {
		t.problem("nack", "a refused read gives no bytes; want a step that only writes")
		return false
	}
	o.deaf = true
	return true
}

// written reads reg or write.
func (t table) written(o *op) bool {
	switch {
	case t.has("reg") && t.has("write"):
		t.problem("reg", "want either reg or write")
		return false
	case t.has("reg"):
		reg, ok := t.whole("reg", 0, 0xff)
		o.w = []byte{byte(reg)}
		return ok
	case t.has("write"):
		w, ok := t.c.octets(t.at("write"), t.m["write"])
		o.w = w
		return ok
	}
	return true
}

// checksum reads crc and crc_over and sees that they fit what is read.
func (t table) checksum(o *op) bool {
	if !t.has("crc") {
		if t.has("crc_over") {
			t.problem("crc_over", "want crc with it")
			return false
		}
		return true
	}
	known := checksums()
	kind, ok := known[t.text("crc")]
	if !ok {
		t.problem("crc", "unknown checksum%s", didYouMean(t.text("crc"), slices.Sorted(maps.Keys(known))))
		return false
	}
	o.crc, o.perWord = kind, kind == crcSensirion
	switch over := t.text("crc_over"); over {
	case "":
	case "word", "frame":
		o.perWord = over == "word"
	default:
		t.problem("crc_over", `want "word" (after each two bytes) or "frame" (once, at the end)`)
		return false
	}
	switch unit := wordBytes + kind.size(); {
	case o.n == 0:
		t.problem("crc", "nothing is read here whose checksum could be verified")
		return false
	case o.perWord && int(o.n)%unit != 0:
		t.problem("bytes", "want a multiple of %d: two bytes and their checksum, counted together", unit)
		return false
	case !o.perWord && int(o.n) <= kind.size():
		t.problem("bytes", "want more than the checksum's %d", kind.size())
		return false
	}
	return true
}

// layout says which of the bytes that o reads are checksums.
func (o *op) layout() layout {
	l := make(layout, o.n)
	unit := wordBytes + o.crc.size()
	for i := range l {
		if o.perWord {
			l[i] = i%unit >= wordBytes
		} else {
			l[i] = i >= int(o.n)-o.crc.size()
		}
	}
	return l
}
