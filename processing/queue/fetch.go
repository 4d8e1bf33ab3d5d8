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

// reading is what Fetch keeps between calls.
type reading struct {
	count  []int   // by stream: how many entries to ask for
	args   [][]any // by stream: the command, which points to count
	rotate int     // with which queue the next read begins

	mode    []mode // by queue
	look    [][]any
	limited [][]any // by queue: the script's command, which points to count

	block       []any // the command that waits, for the streams of open queues
	blockOf     []int // those streams
	blockMs     int64
	blockEach   int
	stale       bool // block does not fit mode any more
	canceled    []any
	anyCanceled bool
	idle        bool      // the last read brought nothing
	looked      time.Time // when paused, rate and cancellations were asked for last
}

// lookEvery is how often they are asked for, at most, by reads one after the
// other that bring tasks: a pause takes hold after that time.
const lookEvery = 5 * time.Millisecond

// mode is how a queue is to be read.
type mode uint8

const (
	unlimited mode = iota
	limitedRate
	paused
)

// prepare builds the commands.
func (r *reading) prepare(c *Consumer, x *consumed) {
	r.count = make([]int, len(x.streams))
	queues := len(c.o.Queues)
	r.mode, r.look, r.limited = make([]mode, queues), make([][]any, queues), make([][]any, queues)
	for i := range x.streams {
		r.args = append(r.args, []any{"xreadgroup", "group", group, c.name, "count", &r.count[i], "streams", x.streams[i].key, ">"})
	}
	for i := range queues {
		k := x.streams[i].queue
		r.look[i] = []any{"hmget", k.state, "paused", "rate"}
		args := []any{"evalsha", c.s.limited.hash, NumClasses + 1, k.state}
		for class := range NumClasses {
			args = append(args, x.streams[class*queues+i].key)
		}
		args = append(args, group, c.name)
		for class := range NumClasses {
			args = append(args, &r.count[class*queues+i])
		}
		r.limited[i] = args
	}
	r.canceled = []any{"zcard", c.q.keys.shards[x.number].canceled}
	r.stale = true
}

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

// share divides the credits of each class among the queues, by turns.
func (r *reading) share(want Credits, queues int) {
	for at, class := range Classes() {
		n := min(max(want[class], 0), maxReadCount)
		for i := range queues {
			turn := (i + r.rotate) % queues
			k := n / queues
			if i < n%queues {
				k++
			}
			r.count[at*queues+turn] = k
		}
	}
	r.rotate++
}

// asking makes the commands of a read that does not wait: one for each stream,
// and what tells whether the queues may be read at all.
func (r *reading) asking(ctx context.Context, x *consumed) []*redis.RawCmd {
	cmds := make([]*redis.RawCmd, 0, len(r.args)+2*len(r.look)+2)
	if now := time.Now(); r.idle || now.Sub(r.looked) >= lookEvery {
		r.looked = now
		cmds = r.looks(ctx, cmds)
	}
	queues := len(r.mode)
	for i := range x.streams {
		if r.count[i] > 0 && r.mode[i%queues] == unlimited {
			cmds = append(cmds, redis.NewRawCmd(ctx, r.args[i]...))
		}
	}
	for i := range queues {
		if r.mode[i] == limitedRate {
			cmds = append(cmds, redis.NewRawCmd(ctx, r.limited[i]...))
		}
	}
	return cmds
}

// waiting makes the commands of a read that waits; nil if there is nothing to
// wait for.
func (r *reading) waiting(ctx context.Context, x *consumed, wait time.Duration) []*redis.RawCmd {
	queues, limited := len(r.mode), false
	var streams []int
	most := 1
	for i := range x.streams {
		limited = limited || r.mode[i%queues] == limitedRate
		if r.mode[i%queues] == unlimited && r.wantedAnywhere(i, queues) {
			streams = append(streams, i)
			most = max(most, r.count[i])
		}
	}
	if len(streams) == 0 {
		return nil
	}
	if limited {
		wait = min(wait, limitedPoll)
	}
	r.blockMs = max(1, min(wait, maxBlock).Milliseconds())
	r.blockEach = most // one stream wakes it: the others were empty a moment ago
	r.buildBlock(x, streams)
	cmds := make([]*redis.RawCmd, 0, len(r.args)+2*len(r.look)+2)
	cmds = r.looks(ctx, append(cmds, redis.NewRawCmd(ctx, r.block...)))
	for i := range queues {
		if r.mode[i] == limitedRate {
			cmds = append(cmds, redis.NewRawCmd(ctx, r.limited[i]...))
		}
	}
	return cmds
}

// wantedAnywhere reports whether the class of a stream is wanted of any queue:
// with fewer credits than queues, a read that waits still hears of all.
func (r *reading) wantedAnywhere(i, queues int) bool {
	first := i - i%queues
	for _, n := range r.count[first : first+queues] {
		if n > 0 {
			return true
		}
	}
	return false
}

// buildBlock makes the command that waits, unless it is as before.
func (r *reading) buildBlock(x *consumed, streams []int) {
	same := !r.stale && len(streams) == len(r.blockOf)
	for i := range streams {
		same = same && streams[i] == r.blockOf[i]
	}
	if same {
		return
	}
	name := r.args[0][3]
	r.block = []any{"xreadgroup", "group", group, name, "count", &r.blockEach, "block", &r.blockMs, "streams"}
	for _, i := range streams {
		r.block = append(r.block, x.streams[i].key)
	}
	for range streams {
		r.block = append(r.block, ">")
	}
	r.blockOf, r.stale = streams, false
}

// looks appends the commands that tell whether queues may be read, and whether
// any task of the shard was canceled.
func (r *reading) looks(ctx context.Context, cmds []*redis.RawCmd) []*redis.RawCmd {
	for i := range r.look {
		cmds = append(cmds, redis.NewRawCmd(ctx, r.look[i]...))
	}
	return append(cmds, redis.NewRawCmd(ctx, r.canceled...))
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
