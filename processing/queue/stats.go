package queue

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Stats are the numbers of all queues, summed over the shards.
type Stats struct {
	At     time.Time    `json:"at"` // by this machine's clock
	Shards int          `json:"shards"`
	Queues []QueueStats `json:"queues"` // by name
}

// QueueStats are the numbers of one queue.
type QueueStats struct {
	Name    string                 `json:"name"`
	Paused  time.Time              `json:"paused,omitzero"` // since when
	Rate    float64                `json:"rate,omitempty"`  // limit a second
	Classes [NumClasses]ClassStats `json:"classes"`         // in the order of Classes
	Delayed int64                  `json:"delayed"`         // retries among them
	NextDue time.Time              `json:"next_due,omitzero"`
	Dead    int64                  `json:"dead"` // dead letters that are there

	// Counted since the queue's beginning.
	Done     int64 `json:"done"`
	Retried  int64 `json:"retried"`
	Died     int64 `json:"died"`
	Canceled int64 `json:"canceled"`
	Dropped  int64 `json:"dead_dropped"` // dead letters that made room for others
	Lost     int64 `json:"lost"`         // completions that were not accepted: the lease had gone to another
}

// ClassStats are the numbers of one class of a queue.
type ClassStats struct {
	Class   Class         `json:"class"`
	Waiting int64         `json:"waiting"`
	Running int64         `json:"running"` // fetched and not yet finished
	Added   int64         `json:"added"`   // since the beginning, retries and promotions too
	Oldest  time.Duration `json:"oldest"`  // age of the eldest that is not finished
}

// Waiting sums up what waits in all classes.
func (s *QueueStats) Waiting() (n int64) {
	for i := range s.Classes {
		n += s.Classes[i].Waiting
	}
	return n
}

// Running sums up what runs.
func (s *QueueStats) Running() (n int64) {
	for i := range s.Classes {
		n += s.Classes[i].Running
	}
	return n
}

// Stats reads the numbers of all queues, in one round trip a shard.
func (q *Queue) Stats(ctx context.Context) (Stats, error) {
	s := Stats{At: time.Now(), Shards: q.o.Shards}
	var mu sync.Mutex // guards byName
	byName := make(map[string]*QueueStats)
	err := q.eachShard(ctx, func(ctx context.Context, shard int) error {
		list, err := q.shardStats(ctx, shard, s.At)
		mu.Lock()
		defer mu.Unlock()
		for _, one := range list {
			if sum := byName[one.Name]; sum != nil {
				sum.add(one)
			} else {
				byName[one.Name] = one
			}
		}
		return err
	})
	if err != nil {
		return s, fmt.Errorf("stats: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		s.Queues = append(s.Queues, *byName[name])
	}
	return s, nil
}

// add adds the numbers of another shard.
func (s *QueueStats) add(o *QueueStats) {
	for i := range s.Classes {
		a, b := &s.Classes[i], &o.Classes[i]
		a.Waiting, a.Running, a.Added = a.Waiting+b.Waiting, a.Running+b.Running, a.Added+b.Added
		a.Oldest = max(a.Oldest, b.Oldest)
	}
	s.Paused, s.NextDue = earlier(s.Paused, o.Paused), earlier(s.NextDue, o.NextDue)
	s.Rate += o.Rate
	s.Delayed, s.Dead = s.Delayed+o.Delayed, s.Dead+o.Dead
	s.Done, s.Retried, s.Died = s.Done+o.Done, s.Retried+o.Retried, s.Died+o.Died
	s.Canceled, s.Dropped, s.Lost = s.Canceled+o.Canceled, s.Dropped+o.Dropped, s.Lost+o.Lost
}

// earlier returns the earlier of two times, of which a zero one counts nothing.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// asked are the replies about one queue in one shard.
type asked struct {
	stream  [NumClasses]*redis.XInfoStreamCmd
	pending [NumClasses]*redis.XPendingCmd
	delayed *redis.IntCmd
	next    *redis.ZSliceCmd
	dead    *redis.IntCmd
	state   *redis.MapStringStringCmd
}

func (q *Queue) shardStats(ctx context.Context, shard int, now time.Time) ([]*QueueStats, error) {
	names, err := q.queues(ctx, shard)
	if err != nil {
		return nil, err
	}
	list := make([]asked, len(names))
	err = q.pipe(ctx, func(p redis.Pipeliner) {
		for i, name := range names {
			k, a := q.keys.of(shard, name), &list[i]
			for j, c := range Classes() {
				a.stream[j], a.pending[j] = p.XInfoStream(ctx, k.stream[c]), p.XPending(ctx, k.stream[c], group)
			}
			a.delayed, a.next = p.ZCard(ctx, k.delay), p.ZRangeWithScores(ctx, k.delay, 0, 0)
			a.dead, a.state = p.XLen(ctx, k.dlq), p.HGetAll(ctx, k.state)
		}
	})
	if err != nil {
		return nil, err
	}
	stats := make([]*QueueStats, len(names))
	for i, name := range names {
		stats[i] = list[i].read(name, now)
	}
	return stats, nil
}

// read makes numbers of replies; one about a stream that is not there is
// empty.
func (a *asked) read(name string, now time.Time) *QueueStats {
	s := &QueueStats{Name: name, Delayed: a.delayed.Val(), Dead: a.dead.Val()}
	for j, c := range Classes() {
		x := &s.Classes[j]
		x.Class = c
		if p := a.pending[j].Val(); p != nil {
			x.Running = max(0, p.Count-p.Consumers[shelf]) // what was given back waits
		}
		if info := a.stream[j].Val(); info != nil {
			x.Waiting, x.Added = max(0, info.Length-x.Running), info.EntriesAdded
			if info.Length > 0 {
				x.Oldest = max(0, now.Sub(entryTime(info.FirstEntry.ID)))
			}
		}
	}
	if z := a.next.Val(); len(z) > 0 {
		s.NextDue = time.UnixMilli(int64(z[0].Score))
	}
	state := a.state.Val()
	number := func(field string) int64 { n, _ := strconv.ParseInt(state[field], 10, 64); return n }
	if ms := number("paused"); ms > 0 {
		s.Paused = time.UnixMilli(ms)
	}
	s.Rate, _ = strconv.ParseFloat(state["rate"], 64)
	s.Done, s.Retried, s.Died = number("done"), number("retried"), number("dead")
	s.Canceled, s.Dropped, s.Lost = number("canceled"), number("dropped"), number("lost")
	return s
}
