package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/uplink/frame"
)

// Reader follows the streams of a device's shard, for people and tests. It
// acknowledges nothing and changes nothing.
type Reader struct {
	sink   Sink // for its errors
	client redis.UniversalClient
	device string
	lanes  []string // stream keys, by lane
	last   []string // last ID read, by lane
}

// NewReader returns a reader that begins at the start of the streams, or,
// with onlyNew, with what comes next.
func NewReader(o Options, onlyNew bool) *Reader {
	silence()
	r := &Reader{sink: Sink{o: o}, client: o.client(), device: o.Device}
	shard := Shard(o.Device, o.Shards)
	start := "0"
	if onlyNew {
		start = fromNow
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

// Next waits for at most wait, not at all when that is negative, and calls f for each new entry of the device,
// urgent lanes first. It reports whether anything came. An entry that is not
// one of telhub's is passed over; the error then is an ErrEntry, and the next
// call goes on behind it.
func (r *Reader) Next(ctx context.Context, wait time.Duration, f func(frame.Lane, string, Entry) error) (bool, error) {
	if err := r.begin(ctx); err != nil {
		return false, r.explain(err)
	}
	streams := append(append([]string{}, r.lanes...), r.last...)
	got, err := r.client.XRead(ctx, &redis.XReadArgs{Streams: streams, Count: readCount, Block: wait}).Result()
	if absent(err) {
		return false, nil
	}
	if err != nil {
		return false, r.explain(err)
	}
	var foreign []error
	for _, s := range got {
		lane := slices.Index(r.lanes, s.Stream)
		for _, m := range s.Messages {
			r.last[lane] = m.ID
			e, err := ParseEntry(m.Values)
			if err != nil {
				foreign = append(foreign, fmt.Errorf("%s %s: %w", s.Stream, m.ID, err))
				continue
			}
			if e.Device != r.device {
				continue
			}
			if err := f(frame.Lane(lane), m.ID, e); err != nil {
				return true, err
			}
		}
	}
	return true, errors.Join(foreign...)
}

// fromNow stands for the end of a stream until begin knows its last ID. XREAD's
// own "$" would miss what comes between two calls.
const fromNow = "$"

func (r *Reader) begin(ctx context.Context) error {
	for i, last := range r.last {
		if last != fromNow {
			continue
		}
		got, err := r.client.XRevRangeN(ctx, r.lanes[i], "+", "-", 1).Result()
		if err != nil {
			return err
		}
		r.last[i] = "0"
		if len(got) > 0 {
			r.last[i] = got[0].ID
		}
	}
	return nil
}

// explain says what to do about an error of the server's.
func (r *Reader) explain(err error) error {
	if strings.Contains(err.Error(), "NOPERM") {
		return fmt.Errorf("redis %s: %w; a user that reads needs %s, too", r.sink.Server(), err, permissionsRead)
	}
	return r.sink.hungUp(r.sink.classify(err))
}
