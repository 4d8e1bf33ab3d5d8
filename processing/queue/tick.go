package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// tickIdle is when to look again for recurring tasks that were added or
// changed.
const tickIdle = time.Second

// Tick fires the recurring tasks of a shard that are due, by the server's
// clock, and returns how many tasks it enqueued and when to call it again. Any
// number of schedulers may do so: of each firing one of them succeeds.
func (q *Queue) Tick(ctx context.Context, shard int) (fired int, next time.Time, err error) {
	ds, now, err := q.definitions(ctx, shard)
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("tick: %w", err)
	}
	pause := tickIdle
	var errs []error
	for i := range ds {
		n, due, err := q.fireDue(ctx, shard, &ds[i], now)
		fired += n
		if err != nil {
			errs = append(errs, fmt.Errorf("tick: %w", err))
		} else if !due.IsZero() {
			pause = min(pause, max(0, due.Sub(now)))
		}
	}
	return fired, time.Now().Add(pause), errors.Join(errs...)
}

// fireDue fires what is due of one recurring task; next is the one after.
func (q *Queue) fireDue(ctx context.Context, shard int, d *definition, now time.Time) (fired int, next time.Time, err error) {
	last, c, err := d.lastAndClock()
	if err != nil {
		return 0, time.Time{}, err
	}
	dues, mark, next := c.due(last, now, d.r.Misfire, d.r.Grace)
	if mark.Equal(last) {
		return 0, next, nil
	}
	fired, err = q.fire(ctx, shard, d, dues, mark)
	return fired, next, err
}

// due lists the firings to make up to now, tickMost at most, the mark to leave,
// and when there is more to do.
func (c *clock) due(last, now time.Time, policy Misfire, grace time.Duration) (dues []time.Time, mark, next time.Time) {
	if grace == 0 {
		grace = defaultGrace
	}
	mark = last
	if policy != FireAll {
		// Long ago is skipped, not counted: there may have been millions.
		if t := c.before(now); t.After(last) {
			mark = t
			if policy != FireNone || now.Sub(t) <= grace {
				dues = append(dues, t)
			}
		}
		return dues, mark, c.next(now)
	}
	for next = c.next(last); !next.IsZero() && !next.After(now); next = c.next(next) {
		if len(dues) == tickMost {
			return dues, mark, now
		}
		dues = append(dues, next)
		mark = next
	}
	return dues, mark, next
}

// before returns the last firing at or before now; the zero time if there is
// none within a long while.
func (c *clock) before(now time.Time) time.Time {
	if c.cron == nil {
		ms := c.every.Milliseconds()
		return time.UnixMilli(now.UnixMilli() / ms * ms).UTC()
	}
	// A schedule only tells what comes after a time: step back until
	// something does, then forth.
	for back := time.Minute; back <= maxBack; back *= 4 {
		t := c.next(now.Add(-back))
		if t.IsZero() || t.After(now) {
			continue
		}
		for {
			n := c.next(t)
			if n.IsZero() || n.After(now) {
				return t
			}
			t = n
		}
	}
	return time.Time{}
}

// maxBack is past the longest gap of a yearly schedule, the 29th of February
// of a century without one.
const maxBack = 12 * 366 * 24 * time.Hour

// fire enqueues firings and moves the mark, both or neither.
func (q *Queue) fire(ctx context.Context, shard int, d *definition, dues []time.Time, mark time.Time) (int, error) {
	b, free := q.newBatch()
	defer free()
	l := q.lane(shard)
	defer q.giveBack(shard, l)
	b.begin(q, shard, l, len(dues))
	b.args[2] = "-1" // MaxLen is for what comes in masses; a firing must not get lost
	b.keys = append(b.keys, q.keys.shards[shard].cron)
	b.args = append(b.args, d.r.Name, d.text, d.mark, strconv.FormatInt(mark.UnixMilli(), 10))
	now := time.Now()
	for _, due := range dues {
		t := d.r.Task
		t.ID = d.r.Name + "@" + due.UTC().Format("2006-01-02T15:04:05.999Z07:00")
		if d.r.Expires > 0 {
			t.NotAfter = due.Add(d.r.Expires)
		}
		b.add(&t, t.ID, now)
	}
	v, err := q.runArgs(ctx, q.s.cron, b.command(q.s.cron))
	if err != nil {
		return 0, err
	}
	text, _ := v.(string)
	word, out, _ := strings.Cut(text, "\n")
	if word != "fired" {
		return 0, nil // another scheduler was first
	}
	b.noted(now)
	refused := 0 // by their unique key
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "E ") {
			refused++
		}
	}
	return len(dues) - refused, nil
}

// Recurring lists the recurring tasks by name.
func (q *Queue) Recurring(ctx context.Context) ([]Recurring, error) {
	byShard := make([][]definition, q.o.Shards)
	times := make([]time.Time, q.o.Shards)
	err := q.eachShard(ctx, func(ctx context.Context, shard int) (err error) {
		byShard[shard], times[shard], err = q.definitions(ctx, shard)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("recurring: %w", err)
	}
	var list []Recurring
	for shard, ds := range byShard {
		for i := range ds {
			last, c, err := ds[i].lastAndClock()
			if err != nil {
				return nil, fmt.Errorf("recurring: %w", err)
			}
			r := ds[i].r
			r.Last, r.Next = last, c.next(times[shard])
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b Recurring) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}
