package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/uplink/frame"
)

// History reads the whole streams of shards, of all devices in them, and the
// marks beside them: for an audit. It changes nothing and judges nothing. It
// holds a page of a stream at a time.
type History struct {
	sink   Sink // for its errors
	client redis.UniversalClient
	o      Options
}

// NewHistory connects nothing yet. Options.Device is not used.
func NewHistory(o Options) *History {
	silence()
	return &History{sink: Sink{o: o}, client: o.client(), o: o}
}

// Close closes the connection.
func (h *History) Close() error { return h.client.Close() }

// Moment is how far a shard's streams reached at a moment. Marks are fields of
// the state hash, "<device>|<lane>", as they were before and after that.
type Moment struct {
	Ends          [frame.Lanes]string // ID of a stream's last entry; "" = it has none
	Before, After map[string]string
}

// permissionsAudit are the rights that a user needs for a History.
const permissionsAudit = "+xread +xrevrange +hget, and +hgetall for all devices"

// Moment asks for the ends of a shard's streams and for the marks of a device,
// or of all where device is "". It is one round trip.
func (h *History) Moment(ctx context.Context, shard int, device string) (*Moment, error) {
	var ends [frame.Lanes]*redis.XMessageSliceCmd
	var before, after func(map[string]string) error
	_, err := h.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		before = h.marks(ctx, p, shard, device)
		for i := range ends {
			ends[i] = p.XRevRangeN(ctx, StreamKey(h.o.Stream, shard, frame.Lane(i).String()), "+", "-", 1)
		}
		after = h.marks(ctx, p, shard, device)
		return nil
	})
	if err != nil && !absent(err) {
		return nil, h.explain(err)
	}
	m := &Moment{Before: map[string]string{}, After: map[string]string{}}
	if err := errors.Join(before(m.Before), after(m.After)); err != nil {
		return nil, h.explain(err)
	}
	for i, c := range ends {
		got, err := c.Result()
		if err != nil {
			return nil, h.explain(err)
		}
		if len(got) > 0 {
			m.Ends[i] = got[0].ID
		}
	}
	return m, nil
}

// marks asks for the marks; what it returns puts the answers into a map.
func (h *History) marks(ctx context.Context, p redis.Pipeliner, shard int, device string) func(map[string]string) error {
	key := StateKey(h.o.Stream, shard)
	if device == "" {
		c := p.HGetAll(ctx, key)
		return func(to map[string]string) error {
			for field, value := range c.Val() {
				to[field] = value
			}
			return c.Err()
		}
	}
	var field [frame.Lanes]string
	var cmd [frame.Lanes]*redis.StringCmd
	for i := range cmd {
		field[i] = device + "|" + frame.Lane(i).String()
		cmd[i] = p.HGet(ctx, key, field[i])
	}
	return func(to map[string]string) error {
		for i, c := range cmd {
			switch value, err := c.Result(); {
			case err == nil:
				to[field[i]] = value
			case !absent(err):
				return err
			}
		}
		return nil
	}
}

// A page of entries is about pageBytes, to bound memory: frames may hold
// 65,536 samples or one.
const (
	pageBytes          = 1 << 20
	leastPage, topPage = 8, 1000
)

// Entries calls f for each entry of a lane's stream up to end, in order. The
// values are f's until it returns. It returns the ID of the entry that the
// stream then begins with, "" if it is empty: it may have been trimmed meanwhile.
func (h *History) Entries(ctx context.Context, shard int, lane frame.Lane, end string, f func(id string, values map[string]any) error) (first string, err error) {
	key := StreamKey(h.o.Stream, shard, lane.String())
	last, count := "0", int64(leastPage)
	for end != "" {
		page, err := h.page(ctx, key, last, count)
		if err != nil {
			return "", err
		}
		bytes := 1
		for _, m := range page {
			if earlier(end, m.ID) {
				return h.first(ctx, key)
			}
			if err := f(m.ID, m.Values); err != nil {
				return "", err
			}
			last = m.ID
			d, _ := m.Values["d"].(string)
			bytes += len(d) + 100
		}
		if len(page) == 0 || last == end {
			break
		}
		count = min(max(int64(pageBytes*len(page)/bytes), leastPage), topPage)
	}
	return h.first(ctx, key)
}

// page reads the next entries behind last.
func (h *History) page(ctx context.Context, key, last string, count int64) ([]redis.XMessage, error) {
	got, err := h.client.XRead(ctx, &redis.XReadArgs{Streams: []string{key, last}, Count: count, Block: -1}).Result()
	if absent(err) || err == nil && len(got) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, h.explain(err)
	}
	return got[0].Messages, nil
}

func (h *History) first(ctx context.Context, key string) (string, error) {
	page, err := h.page(ctx, key, "0", 1)
	if err != nil || len(page) == 0 {
		return "", err
	}
	return page[0].ID, nil
}

// earlier orders the IDs of entries, "<milliseconds>-<number>".
func earlier(a, b string) bool {
	am, as := splitEntryID(a)
	bm, bs := splitEntryID(b)
	return am < bm || am == bm && as < bs
}

func splitEntryID(id string) (ms, seq uint64) {
	a, b, _ := strings.Cut(id, "-")
	ms, _ = strconv.ParseUint(a, 10, 64)
	seq, _ = strconv.ParseUint(b, 10, 64)
	return ms, seq
}

// explain says what to do about an error of the server's.
func (h *History) explain(err error) error {
	if strings.Contains(err.Error(), "NOPERM") {
		return fmt.Errorf("redis %s: %w; a user that audits needs %s", h.sink.Server(), err, permissionsAudit)
	}
	return h.sink.hungUp(h.sink.classify(err))
}
