package queue

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// Progress writes down how far a task has come, from 0 to 1, and a word on it,
// for Inspect. It does nothing for a task without Keep.
func (q *Queue) Progress(ctx context.Context, d *Delivery, done float64, note string) error {
	if d.Keep <= 0 {
		return nil
	}
	if math.IsNaN(done) || done < 0 || done > 1 {
		return fmt.Errorf("progress of %s: %w", d.ID, invalid("done", strconv.FormatFloat(done, 'g', -1, 64), "must be from 0 to 1"))
	}
	key := q.keys.result(d.shard, d.ID)
	err := q.again(ctx, func(ctx context.Context) error {
		_, err := q.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			p.HSet(ctx, key, "p", strconv.FormatFloat(done, 'f', -1, 64), "n", cut(note))
			p.PExpire(ctx, key, q.o.KeepWaiting+d.Keep)
			return nil
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("progress of %s: %w", d.ID, err)
	}
	return nil
}
