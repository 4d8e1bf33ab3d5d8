package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/telhub/telhub/uplink/frame"
)

// Stats is what a Consumer has done since it began, for metrics.
type Stats struct {
	Read       int64 // entries that came here
	Frames     int64 // frames and gap records that were new to the sink
	Rows       int64 // samples of them
	Duplicates int64 // frames that the sink had before
	Acked      int64 // entries acknowledged
	Dead       int64 // entries that went to the dead letters
	Reread     int64 // entries of our own that a lost reply had kept from us, or the process before
	Taken      int64 // entries taken over from consumers that did not stir
	Trimmed    int64 // entries that were trimmed away before they were stored: a loss
	Healed     int64 // groups made because they were missing

	Stores      int64         // calls of the sink that succeeded
	StoreTime   time.Duration // that they took together
	StoreErrors int64         // calls that failed and were tried again
	ReadErrors  int64
	Halved      int64 // batches halved to find a frame that the sink refuses

	Waiting      int // entries in the queue
	WaitingBytes int
	Held         int // entries read and not yet acknowledged
	// Newest is, by lane, the last stamp of a dated frame that was stored; zero:
	// none yet.
	Newest [frame.Lanes]time.Time
	// Lags is how far the group is behind, stream by stream, as Run has asked
	// the server within the last lagEvery; shared, not to be changed.
	Lags []Lag
}

// lagEvery is how often Run asks how far the group is behind.
const lagEvery = 10 * time.Second

// watch is a goroutine of Run's, which ends with ctx. Lags stay as they are
// while the server is away.
func (c *Consumer) watch(ctx context.Context) {
	tick := time.NewTicker(lagEvery)
	defer tick.Stop()
	for {
		if lags, err := c.Lags(ctx); err == nil {
			c.lags.Store(&lags)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

type counters struct {
	read, frames, rows, duplicates, acked, dead, reread, taken, trimmed, healed atomic.Int64
	stores, storeTime, storeErrors, readErrors, halved                          atomic.Int64
	newest                                                                      [frame.Lanes]atomic.Int64
}

// stored counts what a Store did.
func (c *counters) stored(r Result, batch []pending, took time.Duration) {
	c.frames.Add(int64(r.Frames))
	c.rows.Add(int64(r.Rows))
	c.duplicates.Add(int64(r.Duplicates))
	c.stores.Add(1)
	c.storeTime.Add(int64(took))
	for i := range batch {
		f := batch[i].frame
		if !f.Dated() || f.Gap != nil {
			continue
		}
		n := &c.newest[f.Lane]
		for old := n.Load(); old < f.T1 && !n.CompareAndSwap(old, f.T1); old = n.Load() {
		}
	}
}

// Stats may be called at any time.
func (c *Consumer) Stats() Stats {
	n := &c.count
	s := Stats{
		Read: n.read.Load(), Frames: n.frames.Load(), Rows: n.rows.Load(), Duplicates: n.duplicates.Load(),
		Acked: n.acked.Load(), Dead: n.dead.Load(), Reread: n.reread.Load(), Taken: n.taken.Load(),
		Trimmed: n.trimmed.Load(), Healed: n.healed.Load(), Stores: n.stores.Load(), StoreTime: time.Duration(n.storeTime.Load()),
		StoreErrors: n.storeErrors.Load(), ReadErrors: n.readErrors.Load(), Halved: n.halved.Load(),
	}
	s.Waiting, s.WaitingBytes = c.queue.waiting()
	for _, r := range c.readers {
		for _, l := range c.o.Lanes {
			s.Held += len(r.holding(l))
		}
	}
	if lags := c.lags.Load(); lags != nil {
		s.Lags = *lags
	}
	for l := range s.Newest {
		if ms := n.newest[l].Load(); ms > 0 {
			s.Newest[l] = time.UnixMilli(ms)
		}
	}
	return s
}

// Lag is how far a group is behind in a stream.
type Lag struct {
	Stream  string        `json:"stream"`
	Group   string        `json:"group"`
	Pending int64         `json:"pending"` // delivered and not acknowledged
	Waiting int64         `json:"waiting"` // not delivered yet; -1: the server cannot tell
	Oldest  time.Duration `json:"oldest"`  // age of the oldest entry that is not acknowledged, by the server's IDs
	Dead    int64         `json:"dead"`    // dead letters of the shard
}

// Lags asks the server how far the group is behind, stream by stream.
func (c *Consumer) Lags(ctx context.Context) ([]Lag, error) {
	var out []Lag
	for _, shard := range c.o.Only {
		dead, err := c.o.Client.XLen(ctx, DeadKey(c.o.Stream, shard)).Result()
		if err != nil {
			return nil, explain(err)
		}
		for _, l := range c.o.Lanes {
			lag, err := c.lag(ctx, StreamKey(c.o.Stream, shard, l))
			if err != nil {
				return nil, explain(err)
			}
			lag.Dead = dead
			out = append(out, lag)
		}
	}
	return out, nil
}

func (c *Consumer) lag(ctx context.Context, key string) (Lag, error) {
	lag := Lag{Stream: key, Group: c.o.Group, Waiting: -1}
	floor, err := floorScript.Run(ctx, c.o.Client, []string{key}, c.o.Group).StringSlice()
	if err != nil || len(floor) != 2 {
		return lag, err
	}
	if floor[1] != "" {
		now, err := c.o.Client.Time(ctx).Result()
		if err != nil {
			return lag, err
		}
		lag.Oldest = max(now.Sub(time.UnixMilli(entryMillis(floor[1]))), 0)
	}
	groups, err := c.o.Client.XInfoGroups(ctx, key).Result()
	for _, g := range groups {
		if g.Name == c.o.Group {
			lag.Pending, lag.Waiting = g.Pending, g.Lag
		}
	}
	return lag, err
}

// entryMillis returns the time in an entry's ID.
func entryMillis(id string) int64 {
	ms, _, _ := strings.Cut(id, "-")
	n, _ := strconv.ParseInt(ms, 10, 64)
	return n
}

// trouble logs the first of a run of failures, and when it is over. One
// goroutine uses it.
type trouble struct {
	log   *slog.Logger
	what  string
	since time.Time
	n     int
}

func (t *trouble) is(err error) {
	if t.n++; t.n == 1 {
		t.since = time.Now()
		t.log.Warn("cannot "+t.what+"; trying again", "error", err)
	}
}

func (t *trouble) over() {
	if t.n > 0 {
		t.log.Info("can "+t.what+" again", "after", time.Since(t.since).Round(time.Millisecond), "attempts", t.n)
		t.n = 0
	}
}

// rights are what the ACL user of a consumer needs on the keys <stream>:*.
const rights = "+xreadgroup +xack +xclaim +xautoclaim +xgroup +xinfo +xpending +xadd +xdel +xlen +xrange +xrevrange +xtrim +exists +evalsha +eval +time"

// explain says what to do about an error of the server's.
func explain(err error) error {
	text := err.Error()
	for _, c := range [...]struct{ sign, cure string }{
		{"NOPERM", "the user needs " + rights},
		{"can't run this command", "the user needs " + rights},
		{"NOAUTH", "the server wants a password"},
		{"WRONGTYPE", "something else uses the keys of telhub's streams: compare the stream's name with the agents' redis.stream"},
		{"OOM ", "the server has reached its maxmemory; acknowledged entries can be trimmed, see docs/telemetry_sink.md"},
		{"READONLY", "that is a replica: give the master's address"},
		{"unknown command", "telemetry needs Redis 7.0 or Valkey 7.2"},
	} {
		if strings.Contains(text, c.sign) {
			return fmt.Errorf("redis: %w; %s", err, c.cure)
		}
	}
	return fmt.Errorf("redis: %w", err)
}
