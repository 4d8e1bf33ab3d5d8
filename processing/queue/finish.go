package queue

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

var (
	//go:embed finish.lua
	finishLua string
	//go:embed release.lua
	releaseLua string
	//go:embed renew.lua
	renewLua string
	//go:embed claim.lua
	claimLua string
	//go:embed leave.lua
	leaveLua string
	//go:embed limited.lua
	limitedLua string
	//go:embed groups.lua
	groupsLua string
)

// allowOOM lets a server that has reached its maxmemory give out and finish
// tasks, and purge dead letters, which is what gives it memory back.
const allowOOM = "#!lua flags=allow-oom\n"

func newConsumerScripts() consumerScripts {
	return consumerScripts{
		finish:  newScript("finish", allowOOM, onceLua, finishLua),
		release: newScript("release", allowOOM, releaseLua),
		renew:   newScript("renew", allowOOM, renewLua),
		claim:   newScript("claim", allowOOM, claimLua),
		leave:   newScript("leave", allowOOM, leaveLua),
		limited: newScript("fetch", allowOOM, limitedLua),
		groups:  newScript("make groups", allowOOM, groupsLua),
	}
}

// finishing builds the arguments of the script; it is used again and again.
type finishing struct {
	lane  lane
	keys  []string
	index map[string]int
	args  []any
	all   []any
	plain [][]int // by stream: outcomes that are done and need nothing more
	extra [][]int // by stream: the others
}

// Finish tells what came of deliveries. Those that are not this consumer's any
// more are left alone and counted as lost: somebody else runs or ran them. It
// repeats until Redis has answered or ctx ends; after an error the same
// outcomes may be given again.
func (c *Consumer) Finish(ctx context.Context, shard int, outs []Outcome) (lost int, err error) {
	x := c.shard[shard]
	x.finishing.Lock()
	defer x.finishing.Unlock()
	f := &x.finish
	back := f.build(c, x, outs)
	if back != nil {
		if err := c.Release(ctx, shard, back); err != nil {
			return 0, err
		}
	}
	if len(f.args) > finishHead {
		if lost, err = c.finish(ctx, f); err != nil {
			return 0, fmt.Errorf("finish: %w", err)
		}
	}
	for i := range outs {
		x.let(outs[i].Delivery)
	}
	return lost, nil
}

// finishPause is how long Finish waits before it begins another row of attempts.
const finishPause = 100 * time.Millisecond

// finishHead is how many arguments stand before the runs.
const finishHead = 5

func (c *Consumer) finish(ctx context.Context, f *finishing) (int, error) {
	f.lane.number++
	f.args[0] = strconv.FormatUint(f.lane.number, 10)
	f.all = append(f.all[:0], "evalsha", c.s.finish.hash, strconv.Itoa(len(f.keys)))
	for i := range f.keys {
		f.all = append(f.all, &f.keys[i])
	}
	f.all = append(f.all, f.args...)
	defer clear(f.all) // it holds payloads
	for {
		v, err := c.q.runArgs(ctx, c.s.finish, f.all)
		again := errors.Is(err, ErrUnknown) || errors.Is(err, ErrUnavailable)
		switch {
		case again && !errors.Is(err, ErrClosed) && wait(ctx, finishPause):
			continue
		case err != nil:
			return 0, err
		}
		answer, _ := v.(string)
		if answer == "" {
			return 0, nil
		}
		return strconv.Atoi(answer)
	}
}

// build makes keys and arguments, and returns what is to be given back instead.
func (f *finishing) build(c *Consumer, x *consumed, outs []Outcome) (back []*Delivery) {
	if f.index == nil {
		f.index = make(map[string]int)
		f.plain, f.extra = make([][]int, len(x.streams)), make([][]int, len(x.streams))
	}
	clear(f.index)
	clear(f.args)
	f.keys, f.args = f.keys[:0], f.args[:0]
	f.key(f.lane.key)
	f.key(c.q.keys.shards[x.number].canceled)
	f.args = append(f.args, "", laneMillis, group, c.name, c.q.o.MaxDead)
	for i := range f.plain {
		f.plain[i], f.extra[i] = f.plain[i][:0], f.extra[i][:0]
	}
	for i := range outs {
		d := outs[i].Delivery
		switch {
		case outs[i].Kind == Released:
			back = append(back, d)
		case outs[i].Kind == Done && d.Unique == "" && d.Keep == 0:
			f.plain[d.stream] = append(f.plain[d.stream], i)
		default:
			f.extra[d.stream] = append(f.extra[d.stream], i)
		}
	}
	for i := range f.plain {
		if len(f.plain[i])+len(f.extra[i]) > 0 {
			f.run(c, x, i, outs)
		}
	}
	return back
}

// key returns a key's number among KEYS.
func (f *finishing) key(name string) int {
	n, ok := f.index[name]
	if !ok {
		f.keys = append(f.keys, name)
		n = len(f.keys)
		f.index[name] = n
	}
	return n
}

// run appends the run of a stream.
func (f *finishing) run(c *Consumer, x *consumed, stream int, outs []Outcome) {
	s := &x.streams[stream]
	var b bounds
	for _, list := range [...][]int{f.plain[stream], f.extra[stream]} {
		for _, i := range list {
			b.add(outs[i].Delivery.entry)
		}
	}
	f.args = append(f.args, f.key(s.key), f.key(s.queue.state), s.class.String(), b.first, b.last, b.after(), len(f.plain[stream]))
	for _, i := range f.plain[stream] {
		f.args = append(f.args, &outs[i].Delivery.entry)
	}
	f.args = append(f.args, len(f.extra[stream]))
	for _, i := range f.extra[stream] {
		f.special(c, x, s, &outs[i])
	}
}

// bounds are the lowest and the highest of some entries.
type bounds struct {
	first, last       string
	lowMs, lowNumber  uint64
	highMs, highCount uint64
}

func (b *bounds) add(entry string) {
	ms, n, _ := entryParts(entry)
	if b.first == "" || ms < b.lowMs || ms == b.lowMs && n < b.lowNumber {
		b.first, b.lowMs, b.lowNumber = entry, ms, n
	}
	if b.last == "" || ms > b.highMs || ms == b.highMs && n > b.highCount {
		b.last, b.highMs, b.highCount = entry, ms, n
	}
}

// after is the ID that follows the highest.
func (b *bounds) after() string {
	return strconv.FormatUint(b.highMs, 10) + "-" + strconv.FormatUint(b.highCount+1, 10)
}

// special appends an outcome that needs more than to be removed.
func (f *finishing) special(c *Consumer, x *consumed, s *stream, o *Outcome) {
	d := o.Delivery
	unique, state := 0, 0
	if d.Unique != "" {
		unique = f.key(c.q.keys.unique(x.number, d.Unique))
	}
	if d.Keep > 0 {
		state = f.key(c.q.keys.result(x.number, d.ID))
	}
	head := func(kind string) {
		f.args = append(f.args, kind, &d.entry, d.ID, unique, state, ceilMillis(d.Keep))
	}
	switch {
	case o.Kind == Done:
		head("d")
		f.args = append(f.args, o.Result, "", "", "", "")
	case o.Kind == Retry && d.fields == nil:
		head("r")
		header := appendHeader(nil, &d.Task, d.ID, d.Attempt+1, millis(d.Enqueued), d.failed(o.Err))
		f.args = append(f.args, f.key(s.queue.delay), f.key(s.queue.body), max(0, ceilMillis(o.After)), header, d.Payload)
	default:
		head("x")
		f.dead(s, o)
	}
}

// dead appends what a dead letter needs.
func (f *finishing) dead(s *stream, o *Outcome) {
	d, reason, why := o.Delivery, o.Reason, o.Err
	if reason == "" {
		reason = d.Refused
	}
	set(&reason, Failed)
	set(&why, d.RefusedFor)
	var header, payload []byte
	if d.fields != nil {
		for _, v := range d.fields {
			payload = appendText(payload, v)
		}
	} else {
		header, payload = appendHeader(nil, &d.Task, d.ID, d.Attempt, millis(d.Enqueued), d.failed(why)), d.Payload
	}
	f.args = append(f.args, f.key(s.queue.dlq), string(reason), cut(why), header, payload)
}

// failed is the history with one failure more.
func (d *Delivery) failed(why string) []Failure {
	h := d.History[max(0, len(d.History)-maxHistory+1):]
	return append(h[:len(h):len(h)], Failure{Attempt: d.Attempt, At: time.Now(), Err: cut(why)})
}

// cut shortens the text of an error to what is kept of it.
func cut(s string) string {
	if len(s) <= maxErrorBytes {
		return strings.ToValidUTF8(s, "�")
	}
	n := maxErrorBytes - len("…")
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return strings.ToValidUTF8(s[:n], "?") + "…"
}
