package queue

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// agree makes sure that all who use the queue divide it into as many shards:
// with another number, tasks would lie where nobody looks. The number stands in
// Redis since the first Open; another one replaces it once nothing is left that
// was placed by it.
func (q *Queue) agree(ctx context.Context) error {
	key, want := q.keys.shards[0].base+"shards", strconv.Itoa(q.o.Shards)
	var is string
	err := q.again(ctx, func(ctx context.Context) (err error) {
		if is, err = q.client.Get(ctx, key).Result(); !errors.Is(err, redis.Nil) {
			return err
		}
		if err := q.client.SetNX(ctx, key, want, 0).Err(); err != nil {
			return err
		}
		is, err = q.client.Get(ctx, key).Result() // of two at once one was first
		return err
	})
	if err != nil {
		return fmt.Errorf("number of shards: %w", err)
	}
	if is == want {
		return nil
	}
	n, err := strconv.Atoi(is)
	if err != nil || n < 1 || n > maxShards {
		return fmt.Errorf("%w: %s = %s: is no number of shards; something else uses the keys: set another Prefix", ErrInvalid, key, shorten(is))
	}
	left, err := q.left(ctx, n)
	if err != nil {
		return err
	}
	if left != "" {
		return invalid("Shards", want, fmt.Sprintf("this queue has %d in Redis, and %s there; set Shards to %d, or change it when they are gone", n, left, n))
	}
	return q.again(ctx, func(ctx context.Context) error { return q.client.Set(ctx, key, want, 0).Err() })
}

// left tells what was placed by another number of shards and is still there;
// "" if nothing is.
func (q *Queue) left(ctx context.Context, shards int) (string, error) {
	o := q.o
	o.Shards, o.Conns = shards, 0
	other, err := prepare(o)
	if err != nil {
		return "", err
	}
	defer other.Close()
	stats, err := other.Stats(ctx)
	if err != nil {
		return "", err
	}
	tasks, dead := int64(0), int64(0)
	for i := range stats.Queues {
		s := &stats.Queues[i]
		tasks += s.Waiting() + s.Running() + s.Delayed
		dead += s.Dead
	}
	recurring, err := other.Recurring(ctx)
	if err != nil || tasks+dead == 0 && len(recurring) == 0 {
		return "", err
	}
	return fmt.Sprintf("%d tasks, %d dead letters and %d recurring tasks are", tasks, dead, len(recurring)), nil
}
