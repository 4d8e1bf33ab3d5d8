package queue

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// releasedIdle is the idle time, in ms, that entries get which somebody gives
// back: past any lease.
const releasedIdle int64 = 1000 * 3600 * 1000

// Release gives deliveries back that were not begun or not ended: any consumer
// gets them at its next Recover, and this delivery does not count as an
// attempt. Those that are not this consumer's any more are left alone.
func (c *Consumer) Release(ctx context.Context, shard int, ds []*Delivery) error {
	x := c.shard[shard]
	keys, runs := x.runs(ds, false)
	if len(runs) == 0 {
		return nil
	}
	args := append([]any{group, c.name, shelf, releasedIdle}, runs...)
	if _, err := c.q.run(ctx, c.s.release, keys, args...); err != nil {
		return err
	}
	x.let(ds...)
	return nil
}

// Renew renews the leases of deliveries. It returns those that are not this
// consumer's any more.
func (c *Consumer) Renew(ctx context.Context, shard int, ds []*Delivery) (lost []*Delivery, err error) {
	x := c.shard[shard]
	keys, runs := x.runs(ds, true)
	if len(runs) == 0 {
		return nil, nil
	}
	v, err := c.q.run(ctx, c.s.renew, keys, append([]any{group, c.name}, runs...)...)
	if err != nil {
		return nil, err
	}
	list, _ := v.([]any)
	for i := 0; i+1 < len(list); i += 2 {
		number, _ := list[i].(string)
		entry, _ := list[i+1].(string)
		for _, d := range ds {
			if d.entry == entry && x.streams[d.stream].key == keyOf(keys, number) {
				lost = append(lost, d)
			}
		}
	}
	return lost, nil
}

func keyOf(keys []string, number string) string {
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > len(keys) {
		return ""
	}
	return keys[n-1]
}

// runs groups deliveries by stream: its number, with range the lowest and the
// highest entry, how many there are, and the entries.
func (x *consumed) runs(ds []*Delivery, withRange bool) (keys []string, args []any) {
	for i := range x.streams {
		var b bounds
		var entries []any
		for _, d := range ds {
			if d.stream == i {
				b.add(d.entry)
				entries = append(entries, d.entry)
			}
		}
		if entries == nil {
			continue
		}
		keys = append(keys, x.streams[i].key)
		args = append(args, len(keys))
		if withRange {
			args = append(args, b.first, b.last)
		}
		args = append(append(args, len(entries)), entries...)
	}
	return keys, args
}

// pendingEntry is a line of a pending list.
type pendingEntry struct {
	stream int
	entry  string
	owner  string
	count  int64 // of deliveries
}

// pending lists entries that have been idle for so long, of one owner or, with
// "", of any; at most so many of each stream. What is missing has none.
func (c *Consumer) pending(ctx context.Context, x *consumed, idle time.Duration, owner string, most int) ([]pendingEntry, error) {
	pipe := c.q.client.Pipeline()
	cmds := make([]*redis.XPendingExtCmd, len(x.streams))
	for i := range x.streams {
		cmds[i] = pipe.XPendingExt(ctx, &redis.XPendingExtArgs{
			Stream: x.streams[i].key, Group: group, Idle: idle, Start: "-", End: "+", Count: int64(most), Consumer: owner,
		})
	}
	pipe.Exec(ctx) // each command has its own error
	var list []pendingEntry
	for i, cmd := range cmds {
		es, err := cmd.Result()
		if err != nil {
			if isNoGroup(err) {
				continue
			}
			return nil, fmt.Errorf("pending: %w", c.q.explain(ctx, err, false))
		}
		for _, e := range es {
			list = append(list, pendingEntry{stream: i, entry: e.ID, owner: e.Consumer, count: e.RetryCount})
		}
	}
	return list, nil
}

// Recover takes over what nobody works on, at most so many, and appends it to
// dst: deliveries of consumers whose lease is over, what somebody gave back, and
// this consumer's own after the reply of a Fetch was lost. What this process
// still runs is never taken, be it that its lease is over. Paused queues are
// left alone, but for the consumer's own.
func (c *Consumer) Recover(ctx context.Context, shard, most int, dst []Delivery) ([]Delivery, error) {
	x := c.shard[shard]
	begin := len(dst)
	var args []any
	doubt := x.doubt.Swap(false)
	if doubt {
		// What a Fetch under way has read must not be taken for lost.
		x.fetching.Lock()
		defer x.fetching.Unlock()
		own, err := c.pending(ctx, x, 0, c.name, maxReadCount)
		if err != nil {
			x.doubt.Store(true)
			return dst, err
		}
		args = c.claims(x, own, nil, maxReadCount, args)
	}
	idle, err := c.pending(ctx, x, c.o.Lease, "", most+c.Held(shard))
	var stopped []bool
	if err == nil && len(idle) > 0 {
		stopped, err = c.pausedNow(ctx, x)
	}
	if err != nil {
		x.doubt.Store(doubt)
		return dst, err
	}
	if args = c.claims(x, idle, stopped, most, args); len(args) == 0 {
		return dst, nil
	}
	dst, err = c.claim(ctx, x, args, dst)
	if err != nil {
		x.doubt.Store(true)
		return dst, err
	}
	return dst, c.markCanceled(ctx, x, dst[begin:])
}

// claims appends the claim script's arguments for those entries that may be
// taken; stopped tells which queues are paused.
func (c *Consumer) claims(x *consumed, list []pendingEntry, stopped []bool, most int, args []any) []any {
	for _, p := range list {
		if most == 0 {
			break
		}
		if x.holds(p.stream, p.entry) {
			continue
		}
		idle, count := c.o.Lease.Milliseconds(), p.count+1
		if p.owner == c.name {
			idle, count = 0, max(p.count, 1) // never handed out, so this is no further delivery
		} else if stopped[p.stream%len(stopped)] {
			continue
		}
		args = append(args, p.stream+1, p.entry, p.owner, idle, count)
		most--
	}
	return args
}

// pausedNow finds out which of the queues are paused.
func (c *Consumer) pausedNow(ctx context.Context, x *consumed) ([]bool, error) {
	list := make([]bool, len(c.o.Queues))
	cmds := make([]*redis.BoolCmd, len(list))
	err := c.q.pipe(ctx, func(p redis.Pipeliner) {
		for i := range list {
			cmds[i] = p.HExists(ctx, x.streams[i].queue.state, "paused")
		}
	})
	if err != nil {
		return nil, fmt.Errorf("paused: %w", err)
	}
	for i := range list {
		list[i] = cmds[i].Val()
	}
	return list, nil
}

// claimArgs is how many arguments the claim script has for an entry.
const claimArgs = 5

// claim takes entries over and holds them.
func (c *Consumer) claim(ctx context.Context, x *consumed, claims []any, dst []Delivery) ([]Delivery, error) {
	keys := make([]string, len(x.streams))
	for i := range keys {
		keys[i] = x.streams[i].key
	}
	repeats := c.q.Repeats()
	v, err := c.q.run(ctx, c.s.claim, keys, append([]any{group, c.name}, claims...)...)
	if err != nil {
		return dst, err
	}
	begin := len(dst)
	p := parser{c: c, x: x, now: time.Now()}
	list, _ := v.([]any)
	if len(list) < len(claims)/claimArgs && c.q.Repeats() != repeats {
		x.doubt.Store(true) // taken over by a call whose reply was lost, perhaps
	}
	for _, e := range list {
		if dst, err = p.claimed(e, dst); err != nil {
			return dst[:begin], err
		}
	}
	return append(dst[:begin], x.hold(dst[begin:])...), nil
}

// claimed reads one entry that the claim script took.
func (p *parser) claimed(v any, dst []Delivery) ([]Delivery, error) {
	e, _ := v.([]any)
	if len(e) != 4 {
		return dst, errReply
	}
	number, _ := e[0].(string)
	entry, _ := e[1].(string)
	count, _ := e[2].(string)
	list, _ := e[3].([]any)
	stream, err1 := strconv.Atoi(number)
	n, err2 := strconv.Atoi(count)
	if err1 != nil || err2 != nil || stream < 1 || stream > len(p.x.streams) {
		return dst, errReply
	}
	fields := make([]string, len(list))
	for i := range list {
		fields[i], _ = list[i].(string)
	}
	d := extend(&dst)
	d.shard, d.stream, d.entry = p.x.number, stream-1, entry
	if len(fields) == 4 && fields[0] == "t" && fields[2] == "d" {
		p.task(d, fields[1], []byte(fields[3]))
	} else {
		p.foreign(d, fields, "is no task: a task has the fields t and d")
	}
	d.Attempt += max(n, 1) - 1
	if d.Refused == "" && d.Attempt > d.MaxAttempts {
		d.Refused = Poison
		d.RefusedFor = fmt.Sprintf("given out %d times and never finished: its workers died or hung", n-1)
	}
	return dst, nil
}
