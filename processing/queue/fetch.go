package queue

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	maxBlock = time.Second // of one read; much less than ioTimeout
	// limitedPoll is how often queues with a limit of their rate are asked, which
	// no blocking read can wait for.
	limitedPoll = 20 * time.Millisecond
	pausedPoll  = 100 * time.Millisecond
)

// Fetch reads new deliveries of a shard and appends them to dst.
//
// Without wait it asks each class for so many at once, and returns what is
// there. With wait it waits until anything comes into one of the classes
// wanted, for that time or a second at most, and returns what has come: as many
// as are wanted of any class. It follows a read that brought nothing; otherwise it
// may bring so many of each stream.
//
// A delivery with Refused set must be finished as Dead. After an error there may
// be deliveries that nobody knows of; Recover finds them. A group that is not
// there is made.
func (c *Consumer) Fetch(ctx context.Context, shard int, want Credits, wait time.Duration, dst []Delivery) ([]Delivery, error) {
	x := c.shard[shard]
	x.fetching.Lock()
	defer x.fetching.Unlock()
	r := &x.read
	r.share(want, len(c.o.Queues))
	var cmds []*redis.RawCmd
	if wait > 0 {
		cmds = r.waiting(ctx, x, wait)
	} else {
		cmds = r.asking(ctx, x)
	}
	if cmds == nil { // all queues wanted are paused or limited
		return c.idle(ctx, x, wait, dst)
	}
	return c.exchange(ctx, x, cmds, dst)
}

// idle waits while no queue may be read, and then looks again.
func (c *Consumer) idle(ctx context.Context, x *consumed, block time.Duration, dst []Delivery) ([]Delivery, error) {
	poll := pausedPoll
	for _, m := range x.read.mode {
		if m == limitedRate {
			poll = limitedPoll
		}
	}
	wait(ctx, min(block, poll))
	return c.exchange(ctx, x, x.read.asking(ctx, x), dst)
}

// exchange sends the commands in one go and reads the replies.
func (c *Consumer) exchange(ctx context.Context, x *consumed, cmds []*redis.RawCmd, dst []Delivery) ([]Delivery, error) {
	pipe := c.q.client.Pipeline()
	for _, cmd := range cmds {
		pipe.Process(ctx, cmd)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		x.doubt.Store(true)
		return dst, fmt.Errorf("fetch: %w", c.q.explain(ctx, err, false))
	}
	begin := len(dst)
	var bad error
	p := parser{c: c, x: x, now: time.Now()}
	for _, cmd := range cmds {
		var err error
		switch r := (resp{cmd.Val()}); cmd.Args()[0] {
		case "hmget":
			err = x.learn(cmd.Args(), r)
		case "zcard":
			var n int
			n, err = r.integer()
			x.read.anyCanceled = n > 0
		default:
			dst, err = p.streams(r, dst)
		}
		if err != nil {
			bad = err
		}
	}
	x.read.idle = len(dst) == begin
	dst = append(dst[:begin], x.hold(dst[begin:])...)
	dst, err := c.withdraw(ctx, x, dst, begin)
	if bad == nil {
		bad = err
	}
	if len(dst) > begin || bad == nil {
		return dst, nil
	}
	return dst, c.mend(ctx, x, bad)
}

// learn reads a queue's paused and rate.
func (x *consumed) learn(args []any, reply resp) error {
	r := &x.read
	if _, err := reply.array(); err != nil {
		return err
	}
	isPaused, err := reply.bulk()
	if err != nil {
		return err
	}
	rate, err := reply.bulk()
	if err != nil {
		return err
	}
	m := unlimited
	switch {
	case len(isPaused) > 0 && text(isPaused) != "0":
		m = paused
	case len(rate) > 0 && text(rate) != "0":
		m = limitedRate
	}
	for i := range r.look {
		if args[1] == r.look[i][1] && r.mode[i] != m {
			r.mode[i], r.stale = m, true
		}
	}
	return nil
}

// mend does what an error of a read asks for: it makes groups, or loads a
// script, and then there is no error; or it has the map of a cluster read anew.
func (c *Consumer) mend(ctx context.Context, x *consumed, bad error) error {
	word, _, _ := strings.Cut(bad.Error(), " ")
	switch word {
	case "NOGROUP":
		return c.makeGroups(ctx, x)
	case "NOSCRIPT":
		_, err := c.q.eval(ctx, c.s.limited, []any{"eval", c.s.limited.text, "1", x.streams[0].queue.state, group, c.name})
		return err
	case "MOVED", "ASK", "READONLY", "CLUSTERDOWN":
		if cluster, ok := c.q.client.(*redis.ClusterClient); ok {
			cluster.ReloadState(ctx)
		}
	}
	return fmt.Errorf("fetch: %w", c.q.explain(ctx, bad, false))
}

// makeGroups makes the groups that are missing. A script may do so even when
// the server has reached its maxmemory.
func (c *Consumer) makeGroups(ctx context.Context, x *consumed) error {
	keys := make([]string, len(x.streams))
	for i := range keys {
		keys[i] = x.streams[i].key
	}
	_, err := c.q.run(ctx, c.s.groups, keys, group)
	return err
}
