package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Credits say how many deliveries of each class are wanted.
type Credits [NumClasses]int

// Total is the sum over the classes.
func (c Credits) Total() (n int) {
	for _, x := range c {
		n += x
	}
	return n
}

// ConsumerOptions configure a Consumer. Zero values are filled in.
type ConsumerOptions struct {
	// Name is a part of the consumer's name, for people who look into Redis. A
	// part that makes it unique is added always: of two processes of one name
	// each would take the other's tasks for its own.
	Name string
	// Queues are what it reads; default: "default".
	Queues []string
	// Lease is how long a delivery is its consumer's without a renewal; default
	// 5 s, at least 1 s.
	Lease time.Duration
}

const (
	defaultLease = 5 * time.Second
	minLease     = time.Second
	maxLease     = time.Hour
	maxReadCount = 10_000 // entries of one read; more would keep the server busy
)

// shelf is the consumer that entries belong to which somebody gave back.
const shelf = "released"

// Consumer reads tasks, keeps their leases and finishes them. All calls may be
// made at once; those of Fetch for one shard, and of Finish, follow each other.
type Consumer struct {
	q     *Queue
	name  string
	o     ConsumerOptions
	s     consumerScripts
	shard []*consumed
}

// consumerScripts are the scripts of this side.
type consumerScripts struct{ finish, release, renew, claim, leave, limited, groups *script }

// consumed is what a consumer knows of a shard.
type consumed struct {
	number   int
	streams  []stream   // by queue and class
	fetching sync.Mutex // guards read; held from a read's question until its entries are noted as given out
	read     reading

	doubt atomic.Bool // a read's reply was lost: there may be deliveries that nobody holds

	finishing sync.Mutex // guards finish: one call at a time, so that lane can answer repeats
	finish    finishing

	mu   sync.Mutex            // guards held
	held []map[string]struct{} // by stream: entries given out and not finished
}

// stream is one stream that a consumer reads.
type stream struct {
	key   string
	queue *queueKeys
	class Class
}

// Consumer prepares a consumer; it connects nothing.
func (q *Queue) Consumer(o ConsumerOptions) (*Consumer, error) {
	if len(o.Queues) == 0 {
		o.Queues = []string{DefaultQueue}
	}
	set(&o.Lease, defaultLease)
	var errs []error
	for i, name := range o.Queues {
		if err := checkName(name, maxQueueName); err != nil {
			errs = append(errs, fmt.Errorf("%w: Queues[%d] = %s: %w", ErrInvalid, i, shorten(name), err))
		}
		if reserved(name) {
			errs = append(errs, fmt.Errorf("%w: Queues[%d] = %s: %s", ErrInvalid, i, shorten(name), reservedName))
		}
		if slices.Contains(o.Queues[:i], name) {
			errs = append(errs, fmt.Errorf("%w: Queues[%d] = %s: stands there twice", ErrInvalid, i, shorten(name)))
		}
	}
	if o.Name != "" {
		if err := checkName(o.Name, maxQueueName); err != nil {
			errs = append(errs, fmt.Errorf("%w: Name = %s: %w", ErrInvalid, shorten(o.Name), err))
		}
	}
	if o.Lease < minLease || o.Lease > maxLease {
		errs = append(errs, fmt.Errorf("%w: Lease = %v: must be from %v to %v", ErrInvalid, o.Lease, minLease, maxLease))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	c := &Consumer{q: q, o: o, name: strings.TrimPrefix(o.Name+"-"+q.ids.token(), "-"), s: newConsumerScripts()}
	for i := range q.o.Shards {
		c.shard = append(c.shard, c.newConsumed(i))
	}
	return c, nil
}

func (c *Consumer) newConsumed(shard int) *consumed {
	x := &consumed{number: shard}
	for _, class := range Classes() {
		for _, name := range c.o.Queues {
			k := c.q.keys.of(shard, name)
			x.streams = append(x.streams, stream{key: k.stream[class], queue: k, class: class})
			x.held = append(x.held, make(map[string]struct{}))
		}
	}
	x.read.prepare(c, x)
	x.finish.lane = lane{key: c.q.keys.batch(shard, c.name)}
	return x
}

// Name is the consumer's name in the groups.
func (c *Consumer) Name() string { return c.name }

// Lease is how long a delivery is the consumer's without a renewal.
func (c *Consumer) Lease() time.Duration { return c.o.Lease }

// hold notes deliveries as given out; it returns those which were not before.
func (x *consumed) hold(ds []Delivery) []Delivery {
	x.mu.Lock()
	defer x.mu.Unlock()
	kept := ds[:0]
	for i := range ds {
		h := x.held[ds[i].stream]
		if _, twice := h[ds[i].entry]; twice {
			continue // it runs here: the group was made anew, and read from its start
		}
		h[ds[i].entry] = struct{}{}
		kept = append(kept, ds[i])
	}
	return kept
}

// let forgets deliveries that are finished or given back.
func (x *consumed) let(ds ...*Delivery) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, d := range ds {
		delete(x.held[d.stream], d.entry)
	}
}

// holds reports whether an entry is given out.
func (x *consumed) holds(stream int, entry string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	_, ok := x.held[stream][entry]
	return ok
}

// Held is how many deliveries of a shard are given out and not finished.
func (c *Consumer) Held(shard int) (n int) {
	x := c.shard[shard]
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, h := range x.held {
		n += len(h)
	}
	return n
}

// Leave gives back what the consumer still owns anywhere and takes it out of
// the groups. No call may be under way or come after it.
func (c *Consumer) Leave(ctx context.Context) error {
	var errs []error
	for _, x := range c.shard {
		if err := c.leave(ctx, x); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (c *Consumer) leave(ctx context.Context, x *consumed) error {
	own, err := c.pending(ctx, x, 0, c.name, leaveStep)
	for err == nil && len(own) > 0 {
		ds := make([]*Delivery, len(own))
		for i, p := range own {
			ds[i] = &Delivery{shard: x.number, stream: p.stream, entry: p.entry}
		}
		if err = c.Release(ctx, x.number, ds); err == nil {
			own, err = c.pending(ctx, x, 0, c.name, leaveStep)
		}
	}
	if err != nil {
		return err
	}
	for _, s := range x.streams {
		if _, err := c.q.run(ctx, c.s.leave, []string{s.key}, group, c.name, 0); err != nil {
			return err
		}
	}
	return nil
}

// leaveStep is how many entries are given back at a time.
const leaveStep = 500

// Sweep takes consumers out of a shard's groups which have owned nothing and
// said nothing for an hour: those of processes that were killed.
func (c *Consumer) Sweep(ctx context.Context, shard int) error {
	for _, s := range c.shard[shard].streams {
		list, err := c.q.client.XInfoConsumers(ctx, s.key, group).Result()
		if err != nil {
			if isNoGroup(err) || strings.Contains(err.Error(), "no such key") {
				continue
			}
			return fmt.Errorf("sweep: %w", c.q.explain(ctx, err, false))
		}
		args := []any{group}
		for _, k := range list {
			if k.Pending == 0 && k.Idle >= sweepAge && k.Name != c.name {
				args = append(args, k.Name, sweepAge.Milliseconds())
			}
		}
		if len(args) == 1 {
			continue
		}
		if _, err := c.q.run(ctx, c.s.leave, []string{s.key}, args...); err != nil {
			return err
		}
	}
	return nil
}

const sweepAge = time.Hour

func isNoGroup(err error) bool { return err != nil && strings.HasPrefix(err.Error(), "NOGROUP") }

// entryParts reads an entry's ID, "ms-number".
func entryParts(entry string) (ms, number uint64, ok bool) {
	a, b, _ := strings.Cut(entry, "-")
	ms, err1 := strconv.ParseUint(a, 10, 64)
	number, err2 := strconv.ParseUint(b, 10, 64)
	return ms, number, err1 == nil && err2 == nil
}
