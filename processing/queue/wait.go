package queue

import (
	"context"
	"fmt"
	"time"
)

const (
	firstLook = 2 * time.Millisecond
	lastLook  = 250 * time.Millisecond
)

// Wait waits until a task that was enqueued with Keep has ended and returns
// what Inspect would. It asks every 2 ms at first, every 250 ms in the end.
func (q *Queue) Wait(ctx context.Context, id string) (Info, error) {
	if err := checkText("id", id, maxID, true); err != nil {
		return Info{}, fmt.Errorf("wait: %w", err)
	}
	shard, err := q.keptIn(ctx, id)
	if err != nil {
		return Info{}, fmt.Errorf("wait for %s: %w", id, err)
	}
	for pause := firstLook; ; pause = min(pause*3/2, lastLook) {
		var m map[string]string
		err := q.again(ctx, func(ctx context.Context) (err error) {
			m, err = q.client.HGetAll(ctx, q.keys.result(shard, id)).Result()
			return err
		})
		if err != nil {
			return Info{}, fmt.Errorf("wait for %s: %w", id, err)
		}
		info := Info{Task: Task{ID: id}, Shard: shard}
		info.fromState(m)
		switch {
		case info.State.Ended():
			return info, nil
		case info.State == "":
			return Info{}, fmt.Errorf("wait for %s: %w: its result was not kept any longer", id, ErrNotFound)
		case !wait(ctx, pause):
			return info, fmt.Errorf("wait for %s: %w", id, ctx.Err())
		}
	}
}

// keptIn returns the shard that has the state of a task.
func (q *Queue) keptIn(ctx context.Context, id string) (int, error) {
	home := q.ShardOf("", id)
	for i := range q.o.Shards {
		shard := (home + i) % q.o.Shards
		var n int64
		err := q.again(ctx, func(ctx context.Context) (err error) {
			n, err = q.client.Exists(ctx, q.keys.result(shard, id)).Result()
			return err
		})
		if err != nil || n > 0 {
			return shard, err
		}
	}
	return 0, fmt.Errorf("%w: only tasks that are enqueued with Keep can be waited for, until that time is over", ErrNotFound)
}
