package queue

import (
	"context"
	"fmt"
)

// withdraw gives back at once what came from a queue that turns out to be
// paused, and marks what was canceled.
func (c *Consumer) withdraw(ctx context.Context, x *consumed, dst []Delivery, begin int) ([]Delivery, error) {
	queues := len(x.read.mode)
	var back []*Delivery
	for i := range dst[begin:] {
		if d := &dst[begin+i]; x.read.mode[d.stream%queues] == paused {
			copied := *d
			back = append(back, &copied)
		}
	}
	if back != nil {
		kept := dst[:begin]
		for _, d := range dst[begin:] {
			if x.read.mode[d.stream%queues] != paused {
				kept = append(kept, d)
			}
		}
		dst = kept
		if err := c.Release(ctx, x.number, back); err != nil {
			x.let(back...)
			x.doubt.Store(true) // Recover takes them up, which nobody else may find for ever
			return dst, err
		}
	}
	if x.read.anyCanceled {
		return dst, c.markCanceled(ctx, x, dst[begin:])
	}
	return dst, nil
}

// markCanceled sets Refused of deliveries whose task was canceled.
func (c *Consumer) markCanceled(ctx context.Context, x *consumed, ds []Delivery) error {
	if len(ds) == 0 {
		return nil
	}
	refs := make([]*Delivery, len(ds))
	for i := range ds {
		refs[i] = &ds[i]
	}
	gone, err := c.Canceled(ctx, x.number, refs)
	for _, d := range gone {
		d.Refused, d.RefusedFor = Canceled, "canceled"
	}
	return err
}

// Canceled returns those of the deliveries whose task was canceled.
func (c *Consumer) Canceled(ctx context.Context, shard int, ds []*Delivery) ([]*Delivery, error) {
	if len(ds) == 0 {
		return nil, nil
	}
	key := c.q.keys.shards[shard].canceled
	if n, err := c.q.client.ZCard(ctx, key).Result(); err != nil || n == 0 {
		return nil, err
	}
	args := make([]any, 0, len(ds)+2)
	args = append(args, "zmscore", key)
	for _, d := range ds {
		args = append(args, d.ID)
	}
	scores, err := c.q.client.Do(ctx, args...).Slice()
	if err != nil {
		return nil, fmt.Errorf("canceled: %w", c.q.explain(ctx, err, false))
	}
	var gone []*Delivery
	for i, s := range scores {
		if s != nil && i < len(ds) {
			gone = append(gone, ds[i])
		}
	}
	return gone, nil
}
