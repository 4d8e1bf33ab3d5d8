package queue

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/internal/redisurl"
)

// identity is a server's process and its history. A restart makes a new
// run_id, a promotion a new master_replid.
type identity struct{ run, history string }

// identities asks who answers for each shard; where there is no cluster, one
// server does for all.
func (q *Queue) identities(ctx context.Context) (map[int]identity, error) {
	who := make(map[int]identity)
	nodes := make(map[redis.UniversalClient]identity)
	for shard := range q.o.Shards {
		err := q.again(ctx, func(ctx context.Context) error {
			node, err := q.node(ctx, q.keys.shards[shard].queues)
			if err != nil {
				return err
			}
			if _, asked := nodes[node]; !asked {
				info, err := node.Info(ctx).Result()
				if err != nil {
					return err
				}
				nodes[node] = identityOf(info)
			}
			who[shard] = nodes[node]
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("producer: asking the server who it is (INFO; an ACL needs +info): %w", err)
		}
		if who[shard] == (identity{}) {
			return nil, errors.New("producer: the server's INFO has neither run_id nor master_replid, so what it forgets cannot be noticed")
		}
		if q.u.Topology != redisurl.Cluster {
			break
		}
	}
	return who, nil
}

// node is the master that has the key.
func (q *Queue) node(ctx context.Context, key string) (redis.UniversalClient, error) {
	if cluster, ok := q.client.(*redis.ClusterClient); ok {
		return cluster.MasterForKey(ctx, key)
	}
	return q.client, nil
}

func identityOf(info string) (id identity) {
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch name {
		case "run_id":
			id.run = value
		case "master_replid":
			id.history = value
		}
	}
	return id
}

// watch asks the servers who they are until ctx ends, and offers again what is
// kept when they are not who they were.
func (p *Producer) watch(ctx context.Context, was map[int]identity) {
	defer close(p.done)
	tick := time.NewTicker(p.o.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		began := time.Now()
		is, err := p.q.identities(ctx)
		p.note(err)
		switch {
		case err != nil:
		case maps.Equal(is, was) && !p.latecomers():
			p.settle(began.Add(-p.o.Horizon))
		default:
			p.lost(!maps.Equal(is, was))
			if p.offerAll(ctx) {
				was = is // what is lost during the offer is noticed at the next look
			}
		}
	}
}

// latecomers reports whether a call that began before the loss was seen was
// acknowledged after all was offered.
func (p *Producer) latecomers() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.late
}

// lost notes that a loss was seen now.
func (p *Producer) lost(anew bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.late = false
	if anew {
		p.stats.Losses++
		p.looked = time.Now()
	}
}

func (p *Producer) note(err error) {
	p.mu.Lock()
	p.stats.Err = err
	p.mu.Unlock()
}

// offerAll offers again all that was kept when it began, and reports whether
// it came to the end. What was offered is kept for another Horizon.
func (p *Producer) offerAll(ctx context.Context) bool {
	p.mu.Lock()
	list := append([]kept(nil), p.kept...)
	p.mu.Unlock()
	for i := range list {
		if !p.offer(ctx, list[i].tasks) {
			return false
		}
	}
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range list { // kept grows at its end only, and nothing settles meanwhile
		p.kept[i].at = now
	}
	return true
}

// offer enqueues tasks that were acknowledged once, until all are taken or
// there, or Close.
func (p *Producer) offer(ctx context.Context, tasks []*Task) bool {
	p.mu.Lock()
	p.stats.Offered += uint64(len(tasks))
	p.mu.Unlock()
	for {
		receipts, err := p.q.Enqueue(ctx, tasks...)
		var left []*Task
		renewed := 0
		for i, r := range receipts {
			switch {
			case r.Err != nil && !errors.Is(r.Err, ErrInvalid): // its NotAfter may have passed by now
				left = append(left, tasks[i])
			case r.Err == nil && !r.Existing:
				renewed++
			}
		}
		p.note(err)
		p.mu.Lock()
		p.stats.Renewed += uint64(renewed)
		p.mu.Unlock()
		if len(left) == 0 {
			return true
		}
		tasks = left
		select {
		case <-ctx.Done():
			return false
		case <-time.After(offerAgainAfter):
		}
	}
}
