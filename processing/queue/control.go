package queue

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Pause keeps workers from fetching tasks of a queue; those that run go on,
// and tasks are taken as before.
func (q *Queue) Pause(ctx context.Context, queue string) error {
	now := time.Now().UnixMilli()
	return q.eachState(ctx, "pause", queue, func(ctx context.Context, shard int, key string) error {
		return q.again(ctx, func(ctx context.Context) error { return q.client.HSetNX(ctx, key, "paused", now).Err() })
	})
}

// Resume ends a Pause.
func (q *Queue) Resume(ctx context.Context, queue string) error {
	return q.eachState(ctx, "resume", queue, func(ctx context.Context, shard int, key string) error {
		return q.again(ctx, func(ctx context.Context) error { return q.client.HDel(ctx, key, "paused").Err() })
	})
}

// maxRate is more than a Redis can do.
const maxRate = 1e9

// Limit has workers begin at most perSecond tasks of a queue, all together, and
// after a lull burst at once; burst 0 is a second's worth. perSecond 0 ends the
// limit. Each shard has its share.
func (q *Queue) Limit(ctx context.Context, queue string, perSecond float64, burst int) error {
	if math.IsNaN(perSecond) || perSecond < 0 || perSecond > maxRate {
		return fmt.Errorf("limit: %w", invalid("rate", strconv.FormatFloat(perSecond, 'g', -1, 64), "must be from 0, which ends the limit, to 1e9 a second"))
	}
	if burst < 0 || float64(burst) > maxRate {
		return fmt.Errorf("limit: %w", invalid("burst", strconv.Itoa(burst), "must be from 0, which means a second's worth, to 1e9"))
	}
	if burst == 0 {
		burst = int(math.Ceil(perSecond))
	}
	n := float64(q.o.Shards)
	rate := strconv.FormatFloat(perSecond/n, 'f', -1, 64)
	share := strconv.Itoa(max(1, int(math.Ceil(float64(burst)/n))))
	return q.eachState(ctx, "limit", queue, func(ctx context.Context, shard int, key string) error {
		_, err := q.runOnce(ctx, q.s.control, shard, []string{key}, "limit", rate, share)
		return err
	})
}

// eachState calls do for the state of a queue in each shard.
func (q *Queue) eachState(ctx context.Context, what, queue string, do func(ctx context.Context, shard int, key string) error) error {
	if err := CheckQueue(queue); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	err := q.eachShard(ctx, func(ctx context.Context, shard int) error {
		k := q.keys.of(shard, orDefault(queue))
		if err := q.again(ctx, func(ctx context.Context) error { return q.client.SAdd(ctx, q.keys.shards[shard].queues, k.name).Err() }); err != nil {
			return err
		}
		return do(ctx, shard, k.state)
	})
	if err != nil {
		return fmt.Errorf("%s %s: %w", what, orDefault(queue), err)
	}
	return nil
}

func orDefault(queue string) string {
	if queue == "" {
		return DefaultQueue
	}
	return queue
}

// CancelState is what Cancel found.
type CancelState string

// What Cancel finds.
const (
	Removed CancelState = "removed" // it was delayed, and is a dead letter now
	Marked  CancelState = "marked"  // it waits, runs, or is not known: whoever has it or fetches it ends it
	Ended   CancelState = "ended"   // it is over
)

// cancelTime is how long a cancellation is remembered.
const cancelTime = 24 * time.Hour

// Cancel cancels a task. A canceled task becomes a dead letter of reason
// "canceled". One that runs has its context canceled by its worker, whose
// handler may still finish it first.
func (q *Queue) Cancel(ctx context.Context, id string) (CancelState, error) {
	if err := checkText("id", id, maxID, true); err != nil {
		return "", fmt.Errorf("cancel: %w", err)
	}
	home := q.ShardOf("", id)
	state, err := q.cancelIn(ctx, home, id)
	if err != nil || state != Marked || q.o.Shards == 1 {
		return state, err
	}
	// The shard is that of the unique key, if it has one, which only those
	// know that find it.
	found := make([]CancelState, q.o.Shards)
	err = q.eachShard(ctx, func(ctx context.Context, shard int) (err error) {
		if shard != home {
			found[shard], err = q.cancelIn(ctx, shard, id)
		}
		return err
	})
	for _, f := range found {
		if f == Removed || f == Ended {
			state = f
		}
	}
	return state, err
}

func (q *Queue) cancelIn(ctx context.Context, shard int, id string) (CancelState, error) {
	queues, err := q.queues(ctx, shard)
	if err != nil {
		return "", fmt.Errorf("cancel %s: %w", id, err)
	}
	d, err := q.delayed(ctx, shard, queues, id)
	if err != nil {
		return "", fmt.Errorf("cancel %s: %w", id, err)
	}
	keys := []string{q.keys.shards[shard].canceled, q.keys.result(shard, id), q.keys.unique(shard, d.Unique)}
	for _, name := range queues {
		k := q.keys.of(shard, name)
		keys = append(keys, k.delay, k.body, k.dlq, k.state)
	}
	v, err := q.runOnce(ctx, q.s.control, shard, keys, "cancel", id, cancelTime.Milliseconds(), max(1, d.Keep.Milliseconds()), q.o.MaxDead)
	if err != nil {
		return "", fmt.Errorf("cancel %s: %w", id, err)
	}
	text, _ := v.(string)
	return CancelState(text), nil
}

// delayed reads a delayed task; what it returns is empty if there is none.
func (q *Queue) delayed(ctx context.Context, shard int, queues []string, id string) (d Delivery, err error) {
	bodies := make([]*redis.StringCmd, len(queues))
	err = q.pipe(ctx, func(p redis.Pipeliner) {
		for i, name := range queues {
			bodies[i] = p.HGet(ctx, q.keys.of(shard, name).body, id)
		}
	})
	if err != nil {
		return d, err
	}
	for i, b := range bodies {
		if b.Val() == "" {
			continue
		}
		header, payload, ok := splitBody(b.Val())
		if !ok {
			return d, fmt.Errorf("the delayed task %s is not understood", id)
		}
		if err := parseHeader(header, &d); err != nil {
			return Delivery{}, fmt.Errorf("the delayed task %s: %w", id, err)
		}
		d.Queue, d.Payload, d.shard = queues[i], []byte(payload), shard
		return d, nil
	}
	return d, nil
}

// splitBody parts what put.lua joins: "length:header" and payload.
func splitBody(s string) (header, payload string, ok bool) {
	length, rest, _ := strings.Cut(s, ":")
	n, err := strconv.Atoi(length)
	if err != nil || n < 0 || n > len(rest) {
		return "", "", false
	}
	return rest[:n], rest[n:], true
}
