package queue

import (
	"context"
	"crypto/sha1" // #nosec G505
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// once.lua and put.lua begin the scripts that use them.
var (
	//go:embed once.lua
	onceLua string
	//go:embed put.lua
	putLua string
	//go:embed enqueue.lua
	enqueueLua string
	//go:embed control.lua
	controlLua string
	//go:embed promote.lua
	promoteLua string
	//go:embed cron.lua
	cronLua string
	//go:embed schedule.lua
	scheduleLua string
	//go:embed schedules.lua
	schedulesLua string
	//go:embed find.lua
	findLua string
	//go:embed dlq.lua
	dlqLua string
)

// scripts are those of producers and of control; the consumer has its own.
type scripts struct {
	enqueue, control, promote, cron, schedule, schedules, dlq, find *script
}

func newScripts() scripts {
	return scripts{
		enqueue:   newScript("enqueue", onceLua, putLua, enqueueLua),
		control:   newScript("control", allowOOM, onceLua, controlLua),
		promote:   newScript("promote", allowOOM, promoteLua),
		cron:      newScript("cron", onceLua, putLua, cronLua),
		schedule:  newScript("schedule", onceLua, scheduleLua),
		schedules: newScript("schedules", schedulesLua),
		find:      newScript("find", findLua),
		dlq:       newScript("dlq", allowOOM, onceLua, dlqLua),
	}
}

// script is a Lua script and the hash by which the server knows it.
type script struct{ name, text, hash string }

func newScript(name string, parts ...string) *script {
	s := &script{name: name}
	for _, p := range parts {
		s.text += p
	}
	sum := sha1.Sum([]byte(s.text)) // #nosec G401
	s.hash = hex.EncodeToString(sum[:])
	return s
}

// scriptHead is how many arguments of the command stand before the keys.
const scriptHead = 3

// run runs a script, again and again after lost replies and while the server
// is in a state that passes, for Options.Retry at most. The script must give
// the same answer each time. All its keys must be of one shard.
func (q *Queue) run(ctx context.Context, s *script, keys []string, args ...any) (any, error) {
	all := make([]any, 0, scriptHead+len(keys)+len(args))
	all = append(all, "evalsha", s.hash, strconv.Itoa(len(keys)))
	for _, k := range keys {
		all = append(all, k)
	}
	return q.runArgs(ctx, s, append(all, args...))
}

// runOnce runs a script that begins with once.lua: keys stand from KEYS[2] and
// args from ARGV[3] on.
func (q *Queue) runOnce(ctx context.Context, s *script, shard int, keys []string, args ...any) (any, error) {
	l := q.lane(shard)
	defer q.giveBack(shard, l)
	all := make([]any, 0, scriptHead+len(keys)+len(args)+3)
	all = append(all, "evalsha", s.hash, strconv.Itoa(len(keys)+1), l.key)
	for _, k := range keys {
		all = append(all, k)
	}
	all = append(all, strconv.FormatUint(l.number, 10), laneMillis)
	return q.runArgs(ctx, s, append(all, args...))
}

// pipe sends commands that only read, all of one shard, in one round trip. It
// repeats them as run does. That a key is missing is no error.
func (q *Queue) pipe(ctx context.Context, fill func(redis.Pipeliner)) error {
	return q.again(ctx, func(ctx context.Context) error {
		p := q.client.Pipeline()
		fill(p)
		cmds, err := p.Exec(ctx)
		for _, c := range cmds {
			if err := c.Err(); err != nil && !errors.Is(err, redis.Nil) && !isNoKey(err) && !isNoGroup(err) {
				return err
			}
		}
		if errors.Is(err, redis.Nil) || isNoKey(err) || isNoGroup(err) {
			return nil
		}
		return err
	})
}

// isNoKey: XINFO of a stream that does not exist is an error.
func isNoKey(err error) bool { return err != nil && strings.HasPrefix(err.Error(), "ERR no such key") }

// eachShard calls do for each shard, a few at once, and joins the errors.
func (q *Queue) eachShard(ctx context.Context, do func(ctx context.Context, shard int) error) error {
	errs := make([]error, q.o.Shards)
	var wg sync.WaitGroup
	turn := make(chan struct{}, callsAtOnce)
	for shard := range q.o.Shards {
		turn <- struct{}{}
		wg.Go(func() {
			defer func() { <-turn }()
			errs[shard] = do(ctx, shard)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// queues lists the queues of a shard by name, those that this Queue has used among them.
func (q *Queue) queues(ctx context.Context, shard int) ([]string, error) {
	var names []string
	err := q.again(ctx, func(ctx context.Context) (err error) {
		names, err = q.client.SMembers(ctx, q.keys.shards[shard].queues).Result()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("queues: %w", err)
	}
	names = slices.DeleteFunc(append(names, q.keys.used(shard)...), func(name string) bool { return name == "" || CheckQueue(name) != nil })
	slices.Sort(names)
	return slices.Compact(names), nil
}

// runArgs is run with the whole command: "evalsha", hash, number of keys, keys
// and arguments. It may change the first two.
func (q *Queue) runArgs(ctx context.Context, s *script, all []any) (v any, err error) {
	err = q.again(ctx, func(ctx context.Context) error {
		v, err = q.eval(ctx, s, all)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	return v, nil
}

// eval runs a script once, by its hash or, where the server has forgotten it,
// by its text.
func (q *Queue) eval(ctx context.Context, s *script, all []any) (any, error) {
	cmd := newEval(ctx, all)
	err := q.client.Process(ctx, cmd)
	if isNoScript(err) {
		all[0], all[1] = "eval", s.text
		cmd = newEval(ctx, all)
		err = q.client.Process(ctx, cmd)
		all[0], all[1] = "evalsha", s.hash
	}
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	return cmd.Val(), err
}

func newEval(ctx context.Context, all []any) *redis.Cmd {
	cmd := redis.NewCmd(ctx, all...)
	if all[2] != "0" {
		cmd.SetFirstKeyPos(scriptHead)
	}
	return cmd
}

const (
	firstPause = 5 * time.Millisecond
	maxPause   = 500 * time.Millisecond
)

// again repeats call, which must be idempotent, until it is done, fails for a
// reason that stays, or its time is over.
func (q *Queue) again(ctx context.Context, call func(context.Context) error) error {
	var until time.Time
	unknown := false
	for pause := firstPause; ; pause = min(2*pause, q.maxPause) {
		err := call(ctx)
		if err == nil {
			return nil
		}
		more, executed := lost(err)
		unknown = unknown || executed
		if !more && !passing(err) {
			return q.explain(ctx, err, unknown)
		}
		now := time.Now()
		if until.IsZero() {
			until = now.Add(q.o.Retry)
		}
		if !now.Before(until) || !wait(ctx, pause/2+rand.N(pause)) {
			return q.explain(ctx, err, unknown)
		}
		q.repeats.Add(1)
	}
}

// wait waits for d; it returns false if ctx ends sooner.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
