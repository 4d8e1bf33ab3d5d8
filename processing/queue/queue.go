package queue

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/internal/redisurl"
)

// Queue is a client of the task queue. Open makes one.
type Queue struct {
	o         Options // filled
	u         redisurl.URL
	client    redis.UniversalClient
	keys      *keys
	ids       *ids
	s         scripts
	name      string     // what tells this Queue from others
	promoters []promoter // by shard

	turn     atomic.Uint64 // whose turn it is among the shards, for generated IDs
	repeats  atomic.Uint64 // calls repeated after a lost reply or a passing state
	closed   atomic.Bool
	maxPause time.Duration // between two attempts; a constant but for tests

	batches sync.Pool // of *batch, to save allocations

	mu    sync.Mutex // guards lanes
	lanes [][]*lane  // by shard: those that no call uses
}

// lane lets a call be repeated: once.lua keeps the number and the answer of
// the last call of each. A lane belongs to one call at a time.
type lane struct {
	key    string
	number uint64
}

// Open checks the options, connects, greets the server, and refuses another
// number of shards than the queue has there, unless it is empty. It waits for a
// server that does not answer yet for Options.Retry.
func Open(ctx context.Context, o Options) (*Queue, error) {
	q, err := prepare(o)
	if err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context) error{q.Ping, q.agree} {
		if err := step(ctx); err != nil {
			q.Close()
			return nil, err
		}
	}
	return q, nil
}

// prepare is Open without a connection.
func prepare(o Options) (*Queue, error) {
	o.fill()
	u, err := o.check()
	if err != nil {
		return nil, err
	}
	q := &Queue{
		o: o, u: u, keys: newKeys(o.Prefix, o.Shards), ids: newIDs(o.Shards),
		lanes: make([][]*lane, o.Shards), promoters: make([]promoter, o.Shards),
		s: newScripts(), maxPause: maxPause,
	}
	q.name = q.ids.token()
	q.turn.Store(uint64(q.ids.some(o.Shards)))
	c := &connector{o: o, u: u}
	q.client = c.client()
	return q, nil
}

// Options are those in force, defaults filled in.
func (q *Queue) Options() Options { return q.o }

// Shards is how many shards the queue has.
func (q *Queue) Shards() int { return q.o.Shards }

// Repeats counts the calls that were repeated after a lost reply or while
// Redis could not answer.
func (q *Queue) Repeats() uint64 { return q.repeats.Load() }

// Ping asks every node that the shards lie on for an answer.
func (q *Queue) Ping(ctx context.Context) error {
	for shard := range q.o.Shards {
		// a command with a key: PING would go to any node of a cluster
		err := q.again(ctx, func(ctx context.Context) error {
			return q.client.Exists(ctx, q.keys.shards[shard].queues).Err()
		})
		if err != nil {
			return fmt.Errorf("ping: %w", err)
		}
		if q.u.Topology != redisurl.Cluster {
			break
		}
	}
	return nil
}

// Close closes the connections. Calls under way fail with ErrClosed.
func (q *Queue) Close() error {
	if q.closed.Swap(true) {
		return nil
	}
	return q.client.Close()
}

// lane returns a lane of the shard for the length of a call; giveBack ends it.
func (q *Queue) lane(shard int) *lane {
	q.mu.Lock()
	defer q.mu.Unlock()
	if free := q.lanes[shard]; len(free) > 0 {
		l := free[len(free)-1]
		q.lanes[shard] = free[:len(free)-1]
		l.number++
		return l
	}
	return &lane{key: q.keys.batch(shard, q.ids.token()), number: 1}
}

// maxLanes bounds what is kept of lanes after many calls at once; a lane given
// up expires at the server.
const maxLanes = 64

func (q *Queue) giveBack(shard int, l *lane) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.lanes[shard]) < maxLanes {
		q.lanes[shard] = append(q.lanes[shard], l)
	}
}
