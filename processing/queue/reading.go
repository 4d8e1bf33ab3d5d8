package queue

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
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
