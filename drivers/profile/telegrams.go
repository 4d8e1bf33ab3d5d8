package profile

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// telegrams compiles a profile of kind framed.
func (c *compiler) telegrams(tree map[string]any) {
	t, _ := c.table("", tree, append(commonKeys(), "mode", "header", "length", "tail", "stuffing", "checksum", "match", "poll", "init")...)
	c.head(t)
	g := &Telegram{unit: 1, mode: t.text("mode")}
	c.p.telegram = g
	if t.has("header") {
		g.header, _ = c.octets("header", t.m["header"])
	}
	if t.has("tail") {
		g.tail, _ = c.octets("tail", t.m["tail"])
	}
	t.stuffing(g)
	t.telegramLength(g)
	if len(g.header) == 0 && !g.stuffed && !t.has("poll") {
		t.problem("header", "missing: want the bytes that each telegram begins with, such as [0x42, 0x4D], or stuffing")
	}
	t.frameSum(g)
	if len(c.problems) > 0 && g.longest == 0 {
		return // nothing is known of where bytes lie
	}
	c.layout = g.layout()
	t.matching(g)
	t.polling(g)
	c.outputs(t, sources{byteKeys(), c.bytesSource})
	for i := range c.p.outputs {
		g.shortest = max(g.shortest, c.p.outputs[i].reach())
	}
	c.p.buf = g.longest
}

// telegramLength reads length: a number of bytes, or the field that tells it.
func (t table) telegramLength(g *Telegram) {
	v, given := t.m["length"]
	if n, ok := v.(int64); ok {
		if n < 1 || n > MaxTelegram || int(n) < len(g.header)+len(g.tail) {
			t.problem("length", "want the bytes of a whole telegram, header and tail included, up to %d", MaxTelegram)
			return
		}
		g.fixed, g.longest = int(n), int(n)
		return
	}
	if !given {
		if g.stuffed { // its flags delimit it
			g.longest = MaxTelegram
			return
		}
		t.problem("length", `missing: want the bytes of a whole telegram, or the field that tells it: { at = 2, type = "u16be", add = 4 }`)
		return
	}
	l, ok := t.c.table("length", v, append(fieldKeys(), "add", "unit", "max")...)
	if !ok {
		return
	}
	g.longest = MaxTelegram
	if n, ok := l.whole("max", 1, MaxTelegram); ok {
		g.longest = int(n)
	}
	if n, ok := l.whole("add", -MaxTelegram, MaxTelegram); ok {
		g.add = int(n)
	}
	if n, ok := l.whole("unit", 1, 16); ok {
		g.unit = int(n)
	}
	f, ok := l.field(make(layout, g.longest))
	if !ok {
		return
	}
	if f.float || f.signed {
		l.problem("type", "want an unsigned type for a length")
		return
	}
	g.length = f
	for _, pos := range f.pos[:f.n] {
		g.lengthEnd = max(g.lengthEnd, int(pos)+1)
	}
}

// stuffing reads stuffing: flag, escape and xor.
func (t table) stuffing(g *Telegram) {
	v, ok := t.m["stuffing"]
	if !ok {
		return
	}
	s, ok := t.c.table("stuffing", v, "flag", "escape", "xor")
	if !ok {
		return
	}
	g.stuffed, g.flag, g.escape, g.xor = true, 0x7e, 0x7d, 0x20 // HDLC-like framing, RFC 1662 section 4.2
	for key, b := range map[string]*byte{"flag": &g.flag, "escape": &g.escape, "xor": &g.xor} {
		if n, ok := s.whole(key, 0, 0xff); ok {
			*b = byte(n)
		}
	}
	if g.flag == g.escape {
		s.problem("escape", "want another byte than the flag")
	}
}

// layout says which bytes of a telegram are checksum or tail. Of telegrams
// whose length varies only the beginning is known.
func (g *Telegram) layout() layout {
	l := make(layout, g.longest)
	if g.fixed == 0 {
		return l
	}
	for i := range g.tail {
		l[len(l)-1-i] = true
	}
	at := g.sumAt
	if at < 0 {
		at += g.fixed
	}
	for i := range g.sum.size {
		l[at+i] = true
	}
	return l
}

// matching compiles `match`: what tells this kind of telegram from others.
func (t table) matching(g *Telegram) {
	v, ok := t.m["match"]
	if !ok {
		return
	}
	l := list(v)
	if len(l) == 0 || len(l) > maxList {
		t.problem("match", "want one table or a list of up to %d, all of which must hold", maxList)
		return
	}
	for i, e := range l {
		m, ok := t.c.table(fmt.Sprintf("match[%d]", i), e, checkKeys()...)
		if !ok {
			continue
		}
		check, ok := m.condition(t.c.layout)
		if !ok {
			continue
		}
		g.shortest = max(g.shortest, check.field.reach())
		g.matches = append(g.matches, check)
	}
}

// polling reads poll and init.
func (t table) polling(g *Telegram) {
	if !t.has("poll") {
		if t.has("init") {
			t.problem("init", "want poll with it: a device that sends by itself is never written to")
		}
		return
	}
	g.poll, _ = t.c.octets("poll", t.m["poll"])
	if !t.has("init") {
		return
	}
	l := list(t.m["init"])
	if len(l) > maxSteps {
		t.problem("init", "want at most %d steps", maxSteps)
		return
	}
	var total time.Duration
	for i, v := range l {
		path := fmt.Sprintf("init[%d]", i)
		if _, isList := v.([]any); isList {
			b, _ := t.c.octets(path, v)
			g.commands = append(g.commands, Command{Bytes: b})
			continue
		}
		w, ok := t.c.table(path, v, "wait")
		if !ok {
			continue
		}
		d, _ := w.duration("wait", time.Millisecond, maxWait)
		total += d
		g.commands = append(g.commands, Command{Wait: d})
	}
	if total > maxInit {
		t.problem("init", "waits add up to %v; want at most %v, as nobody else on the bus is served meanwhile", total, maxInit)
	}
}

// frameSum reads checksum.
func (t table) frameSum(g *Telegram) {
	v, ok := t.m["checksum"]
	if !ok {
		return
	}
	s, ok := t.c.table("checksum", v, "type", "from", "at")
	if !ok {
		return
	}
	known := frameSums()
	sum, ok := known[s.text("type")]
	if !ok {
		s.problem("type", "unknown checksum%s", didYouMean(s.text("type"), slices.Sorted(maps.Keys(known))))
		return
	}
	g.sum = sum
	g.sumAt = -sum.size - len(g.tail)
	if n, ok := s.whole("from", 0, MaxTelegram-1); ok {
		g.sumFrom = int(n)
	}
	if n, ok := s.whole("at", -MaxTelegram, MaxTelegram-1); ok {
		g.sumAt = int(n)
	}
	at := g.sumAt
	if at < 0 {
		at += g.longest
	}
	if g.longest > 0 && (at < g.sumFrom || at+sum.size > g.longest || g.sumAt < 0 && -g.sumAt < sum.size) {
		s.problem("at", "want the checksum's first byte, within the telegram and behind from; negative counts from the end")
		g.sum = frameSum{}
	}
}
