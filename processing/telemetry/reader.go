package telemetry

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/uplink/frame"
)

// reader reads the streams of one shard. Run starts its goroutine, which ends
// with its context.
type reader struct {
	c     *Consumer
	shard int
	keys  [frame.Lanes]string

	// own is, by lane, behind which entry this consumer's pending list is still
	// to be looked through; "" = nothing of it is missing here. After an error a
	// reply may be lost whose entries are ours without our having seen them.
	own    [frame.Lanes]string
	claim  [frame.Lanes]string // where the search for others' entries goes on
	upkeep time.Time           // when it is due

	mu   sync.Mutex // guards held
	held [frame.Lanes]map[string]struct{}
}

func newReader(c *Consumer, shard int) *reader {
	r := &reader{c: c, shard: shard}
	for _, l := range c.o.Lanes {
		r.keys[l] = StreamKey(c.o.Stream, shard, l)
		r.held[l] = map[string]struct{}{}
	}
	r.suspect(c.o.Lanes...) // what a process of our name has left
	return r
}

// suspect makes the reader look through its own pending entries of lanes.
func (r *reader) suspect(lanes ...frame.Lane) {
	for _, l := range lanes {
		r.own[l], r.claim[l] = "0-0", "0-0"
	}
}

func (r *reader) run(ctx context.Context) {
	again := backoff{least: 50 * time.Millisecond, most: 2 * time.Second}
	sick := trouble{log: r.c.o.Log, what: fmt.Sprintf("read shard %d of %s", r.shard, r.c.o.Stream)}
	var came int64 // entries when the last error happened
	for ctx.Err() == nil {
		err := r.step(ctx)
		if err == nil {
			sick.over()
			again.reset()
			continue
		}
		if ctx.Err() != nil {
			return
		}
		if n := r.c.count.read.Load(); n > came { // it gets on
			again.reset()
			came = n
		}
		if isNoGroup(err) {
			r.suspect(r.c.o.Lanes...)
			if err = r.heal(ctx); err == nil {
				continue
			}
		}
		r.c.count.readErrors.Add(1)
		sick.is(explain(err))
		again.wait(ctx)
	}
}

// step does what is due: upkeep, own pending entries, new ones.
func (r *reader) step(ctx context.Context) error {
	if now := time.Now(); !now.Before(r.upkeep) {
		if err := r.keepUp(ctx); err != nil {
			return err
		}
		r.upkeep = now.Add(r.c.o.Lease / 3)
	}
	full := false
	for _, l := range r.c.o.Lanes {
		if r.own[l] == "" {
			continue
		}
		more, err := r.readOwn(ctx, l)
		if err != nil {
			return err
		}
		full = full || more
	}
	if full {
		r.pause(ctx)
		return nil
	}
	return r.readNew(ctx)
}

// readOwn reads on in what the server says is ours. It reports whether there
// is no room for it.
func (r *reader) readOwn(ctx context.Context, l frame.Lane) (full bool, err error) {
	for r.own[l] != "" {
		room := r.c.queue.reserve(l, r.c.o.Batch)
		if room == 0 {
			return true, nil
		}
		got, err := r.c.o.Client.XReadGroup(ctx, &redis.XReadGroupArgs{
			Group: r.c.o.Group, Consumer: r.c.o.Name, Streams: []string{r.keys[l], r.own[l]}, Count: int64(room), Block: -1,
		}).Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			r.c.queue.unreserve(l, room)
			return false, err
		}
		r.own[l] = ""
		if len(got) > 0 && len(got[0].Messages) > 0 {
			m := got[0].Messages
			r.own[l] = m[len(m)-1].ID
			r.c.count.reread.Add(int64(r.admit(l, m, room)))
		} else {
			r.c.queue.unreserve(l, room)
		}
	}
	return false, nil
}

// readNew reads what nobody was given yet: each lane as much as there is room
// for it, and when there is nothing, whatever comes first.
func (r *reader) readNew(ctx context.Context) error {
	var room [frame.Lanes]int
	var lanes []frame.Lane
	for _, l := range r.c.o.Lanes {
		if room[l] = r.c.queue.reserve(l, r.c.o.Batch); room[l] > 0 {
			lanes = append(lanes, l)
		}
	}
	n, err := r.readLanes(ctx, lanes, &room)
	switch {
	case err != nil || n > 0:
		return err
	case len(lanes) < len(r.c.o.Lanes):
		r.pause(ctx)
		return nil
	}
	return r.readBlocking(ctx)
}

// readLanes asks for new entries of each lane without waiting for them. It
// uses up the room.
func (r *reader) readLanes(ctx context.Context, lanes []frame.Lane, room *[frame.Lanes]int) (n int, err error) {
	if len(lanes) == 0 {
		return 0, nil
	}
	pipe := r.c.o.Client.Pipeline()
	cmds := make([]*redis.XStreamSliceCmd, len(lanes))
	for i, l := range lanes {
		cmds[i] = pipe.XReadGroup(ctx, &redis.XReadGroupArgs{
			Group: r.c.o.Group, Consumer: r.c.o.Name, Streams: []string{r.keys[l], ">"}, Count: int64(room[l]), Block: -1,
		})
	}
	pipe.Exec(ctx) // each command has its own error
	for i, l := range lanes {
		got, failed := cmds[i].Result()
		if failed != nil && !errors.Is(failed, redis.Nil) {
			err = failed
			r.suspect(l)
		}
		if len(got) == 0 {
			r.c.queue.unreserve(l, room[l])
			continue
		}
		n += r.admit(l, got[0].Messages, room[l])
	}
	return n, err
}

// readBlocking waits for new entries of any lane. It asks for few: what is
// more comes with the next call.
func (r *reader) readBlocking(ctx context.Context) error {
	few := max(1, r.c.o.Batch/4)
	var room [frame.Lanes]int
	least := few
	for _, l := range r.c.o.Lanes {
		room[l] = r.c.queue.reserve(l, few)
		least = min(least, room[l])
	}
	defer func() {
		for l, n := range room {
			r.c.queue.unreserve(frame.Lane(l), n)
		}
	}()
	if least == 0 {
		return nil // another shard's reader was faster
	}
	args := &redis.XReadGroupArgs{Group: r.c.o.Group, Consumer: r.c.o.Name, Count: int64(least), Block: r.patience()}
	for _, l := range r.c.o.Lanes {
		args.Streams = append(args.Streams, r.keys[l])
	}
	for range r.c.o.Lanes {
		args.Streams = append(args.Streams, ">")
	}
	got, err := r.c.o.Client.XReadGroup(ctx, args).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		r.suspect(r.c.o.Lanes...)
		return err
	}
	for _, s := range got {
		for _, l := range r.c.o.Lanes {
			if r.keys[l] == s.Stream {
				r.admit(l, s.Messages, room[l])
				room[l] = 0
			}
		}
	}
	return nil
}

// patience is how long a read may block.
func (r *reader) patience() time.Duration {
	return min(max(time.Until(r.upkeep), time.Millisecond), block)
}

// pause waits until there is room.
func (r *reader) pause(ctx context.Context) {
	t := time.NewTimer(min(r.patience(), 20*time.Millisecond))
	defer t.Stop()
	select {
	case <-r.c.queue.room:
	case <-t.C:
	case <-ctx.Done():
	}
}

// admit puts entries into the queue, but for those that are held already, and
// gives back the rest of the room. It returns how many it put.
func (r *reader) admit(l frame.Lane, entries []redis.XMessage, room int) (n int) {
	now := time.Now()
	for i := range entries {
		e := &entries[i]
		if !r.hold(l, e.ID) {
			continue
		}
		n++
		r.c.count.read.Add(1)
		it := item{shard: r.shard, lane: l, id: e.ID, values: e.Values, since: now}
		for k, v := range e.Values {
			s, _ := v.(string)
			it.size += len(k) + len(s)
		}
		r.c.queue.put(it)
	}
	r.c.queue.unreserve(l, room-n)
	return n
}

// hold notes an entry as being under way. It reports whether it was not yet.
func (r *reader) hold(l frame.Lane, id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, there := r.held[l][id]; there {
		return false
	}
	r.held[l][id] = struct{}{}
	return true
}

// release notes that entries are acknowledged.
func (r *reader) release(l frame.Lane, ids []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		delete(r.held[l], id)
	}
}

// holding lists the entries of a lane that are under way.
func (r *reader) holding(l frame.Lane) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	ids := make([]string, 0, len(r.held[l]))
	for id := range r.held[l] {
		ids = append(ids, id)
	}
	return ids
}

// heal makes the groups that are missing: on the first start, and after the
// server lost them. They begin with the first entry, whatever was read before:
// the sink knows what it has.
func (r *reader) heal(ctx context.Context) error {
	for _, l := range r.c.o.Lanes {
		err := r.c.o.Client.XGroupCreateMkStream(ctx, r.keys[l], r.c.o.Group, "0").Err()
		if err != nil && !strings.HasPrefix(err.Error(), "BUSYGROUP") {
			return err
		}
		if err == nil {
			r.c.count.healed.Add(1)
		}
	}
	return nil
}

func isNoGroup(err error) bool {
	return strings.HasPrefix(err.Error(), "NOGROUP") || strings.HasPrefix(err.Error(), "UNBLOCKED")
}
