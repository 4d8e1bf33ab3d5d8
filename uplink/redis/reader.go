package redis

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/uplink/frame"
)

// Reader follows the streams of a device's shard, for people and tests. It
// acknowledges nothing and changes nothing.
type Reader struct {
	client redis.UniversalClient
	device string
	lanes  []string // stream keys, by lane
	last   []string // last ID read, by lane
}

// NewReader returns a reader that begins at the start of the streams, or,
// with fromNow, with what comes next.
func NewReader(o Options, fromNow bool) *Reader {
	r := &Reader{client: o.client(), device: o.Device}
	shard := Shard(o.Device, o.Shards)
	start := "0"
	if fromNow {
		start = "$"
	}
	for i := range frame.Lanes {
		r.lanes = append(r.lanes, StreamKey(o.Stream, shard, frame.Lane(i).String()))
		r.last = append(r.last, start)
	}
	return r
}

// Close closes the connection.
func (r *Reader) Close() error { return r.client.Close() }

// readCount is how many entries of a lane one call fetches.
const readCount = 100

// Next waits for at most wait and calls f for each new entry of the device,
// urgent lanes first. It reports whether anything came.
func (r *Reader) Next(ctx context.Context, wait time.Duration, f func(frame.Lane, string, Entry) error) (bool, error) {
	streams := append(append([]string{}, r.lanes...), r.last...)
	got, err := r.client.XRead(ctx, &redis.XReadArgs{Streams: streams, Count: readCount, Block: wait}).Result()
	if errors.Is(err, redis.Nil) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for _, s := range got {
		for lane := range r.lanes {
			if r.lanes[lane] != s.Stream {
				continue
			}
			for _, m := range s.Messages {
				r.last[lane] = m.ID
				e, err := ParseEntry(m.Values)
				if err == nil && e.Device != r.device {
					continue
				}
				if err = errors.Join(err, f(frame.Lane(lane), m.ID, e)); err != nil {
					return true, err
				}
			}
		}
	}
	return true, nil
}
