package queue

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	// promoteMost bounds what one call moves: the script then takes about a
	// millisecond.
	promoteMost = 256
	// promoterTime is how long a shard's promoter stays it without asking.
	promoterTime = 400 * time.Millisecond
	// promoterPause is when others ask again.
	promoterPause = promoterTime / 4
	// promoteIdle bounds how long a promoter waits: something may have been
	// delayed to sooner than all that it knew.
	promoteIdle = 20 * time.Millisecond
	// listEvery is how often the names of a shard's queues are read.
	listEvery = time.Second
)

// promoter remembers the queues of a shard between calls of Promote.
type promoter struct {
	mu    sync.Mutex // guards all below
	keys  []string
	until time.Time
}

// Promote moves tasks of a shard that are due to their streams, 256 at most. It
// returns when to call it again. Of all Queues that promote in a shard, one at
// a time does; the others find out whether it still does every 100 ms.
func (q *Queue) Promote(ctx context.Context, shard int) (moved int, next time.Time, err error) {
	keys, err := q.promoterKeys(ctx, shard)
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("promote: %w", err)
	}
	v, err := q.run(ctx, q.s.promote, keys, q.name, promoterTime.Milliseconds(), promoteMost)
	if err != nil {
		return 0, time.Time{}, err
	}
	text, _ := v.(string)
	var due, now int64
	if _, err := fmt.Sscanf(text, "%d %d %d", &moved, &due, &now); err != nil {
		return 0, time.Time{}, fmt.Errorf("promote: the script answers %s", shorten(text))
	}
	pause := promoteIdle
	switch {
	case moved < 0:
		moved, pause = 0, promoterPause
	case moved >= promoteMost:
		pause = 0
	case due > 0: // by the server's clock, of which only differences count here
		pause = min(pause, time.Duration(max(0, due-now))*time.Millisecond)
	}
	return moved, time.Now().Add(pause), nil
}

// promoterKeys are the script's keys: those of all queues of the shard.
func (q *Queue) promoterKeys(ctx context.Context, shard int) ([]string, error) {
	p := &q.promoters[shard]
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Before(p.until) {
		return p.keys, nil
	}
	names, err := q.queues(ctx, shard)
	if err != nil {
		return nil, err
	}
	keys := make([]string, 0, 1+6*len(names))
	keys = append(keys, q.keys.shards[shard].promoter)
	for _, name := range names {
		k := q.keys.of(shard, name)
		keys = append(keys, k.delay, k.body, k.stream[Normal], k.stream[Critical], k.stream[High], k.stream[Bulk])
	}
	p.keys, p.until = keys, now.Add(listEvery)
	return keys, nil
}
