package queue

import (
	"context"
	"crypto/sha1"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
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
)

// script is a Lua script and the hash by which the server knows it.
type script struct{ name, text, hash string }

func newScript(name string, parts ...string) *script {
	s := &script{name: name}
	for _, p := range parts {
		s.text += p
	}
	sum := sha1.Sum([]byte(s.text))
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
	maxPause   = time.Second
)

// again repeats call, which must be idempotent, until it is done, fails for a
// reason that stays, or its time is over.
func (q *Queue) again(ctx context.Context, call func(context.Context) error) error {
	var until time.Time
	unknown := false
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
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
