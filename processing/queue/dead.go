package queue

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Filter selects dead letters; what is zero selects all.
type Filter struct {
	Queue  string    `json:"queue,omitempty"`
	Type   string    `json:"type,omitempty"`
	Reason Reason    `json:"reason,omitempty"`
	ID     string    `json:"id,omitempty"`
	Err    string    `json:"error,omitempty"` // part of the last error
	Since  time.Time `json:"since,omitzero"`  // died then or later
	Until  time.Time `json:"until,omitzero"`  // died before
}

// check checks what a filter may hold.
func (f *Filter) check() error {
	switch f.Reason {
	case "", Failed, Fatal, Expired, Canceled, Poison, Unhandled, Malformed:
	default:
		return invalid("reason", shorten(string(f.Reason)), "must be failed, fatal, expired, canceled, poison, unhandled or malformed")
	}
	return CheckQueue(f.Queue)
}

func (f *Filter) matches(d *DeadLetter) bool {
	return (f.Type == "" || f.Type == d.Type) && (f.Reason == "" || f.Reason == d.Reason) && (f.ID == "" || f.ID == d.ID) &&
		strings.Contains(d.Err, f.Err) && (f.Since.IsZero() || !d.Died.Before(f.Since)) && (f.Until.IsZero() || d.Died.Before(f.Until))
}

// DeadLetter is a task that will not run again by itself, or an entry that is
// no task.
type DeadLetter struct {
	Task
	Reason   Reason            `json:"reason"`
	Err      string            `json:"error,omitempty"`
	Attempt  int               `json:"attempt"`
	Enqueued time.Time         `json:"enqueued,omitzero"`
	Died     time.Time         `json:"died"`
	History  []Failure         `json:"history,omitempty"`
	Fields   map[string]string `json:"fields,omitempty"` // of an entry that is no task
	Shard    int               `json:"shard"`
	Entry    string            `json:"entry"`
}

// ErrHeld: another task holds the unique key of a dead letter, which was
// therefore not replayed.
var ErrHeld = errors.New("unique key is held by another task")

// cemetery is the dead letters of a queue in a shard, read in chunks.
type cemetery struct {
	shard int
	keys  *queueKeys
	chunk []redis.XMessage
	from  string // where the next chunk begins; "" at the end
	end   string // where the reading ends
}

// cemeteries lists where dead letters may lie that a filter selects.
func (q *Queue) cemeteries(ctx context.Context, f *Filter) ([]*cemetery, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	var list []*cemetery
	for shard := range q.o.Shards {
		names := []string{f.Queue}
		if f.Queue == "" {
			var err error
			if names, err = q.queues(ctx, shard); err != nil {
				return nil, err
			}
		}
		for _, name := range names {
			list = append(list, &cemetery{shard: shard, keys: q.keys.of(shard, name)})
		}
	}
	return list, nil
}

// bounds are the first and the last entry ID that a filter can select.
func (f *Filter) bounds() (first, last string) {
	first, last = "-", "+"
	if !f.Since.IsZero() {
		first = strconv.FormatInt(max(0, f.Since.UnixMilli()), 10)
	}
	if !f.Until.IsZero() {
		last = strconv.FormatInt(max(0, f.Until.UnixMilli()), 10)
	}
	return first, last
}

// letter reads an entry of dead letters.
func (c *cemetery) letter(m *redis.XMessage) DeadLetter {
	d := DeadLetter{Shard: c.shard, Entry: m.ID, Died: entryTime(m.ID)}
	text := func(field string) string { s, _ := m.Values[field].(string); return s }
	d.Reason, d.Err = Reason(text("why")), text("err")
	var t Delivery
	if err := parseHeader(text("t"), &t); err == nil {
		d.Task, d.Attempt, d.Enqueued, d.History = t.Task, t.Attempt, t.Enqueued, t.History
		d.Payload = []byte(text("d"))
	} else {
		d.Fields = foreignFields(text("f"))
		if c, err := ParseClass(text("from")); err == nil {
			d.Class = c
		}
	}
	d.Queue = c.keys.name
	return d
}

// foreignFields reads the fields of an entry that is no task, each name and
// value with its length before it.
func foreignFields(s string) map[string]string {
	m := make(map[string]string)
	for r := (reader{s: s}); r.s != "" && !r.short; {
		name := r.text()
		m[name] = r.text()
	}
	return m
}

// entryTime is the time in an entry's ID.
func entryTime(id string) time.Time {
	ms, _, _ := strings.Cut(id, "-")
	n, _ := strconv.ParseInt(ms, 10, 64)
	return time.UnixMilli(n)
}

// Replay gives the dead letters that a filter selects back to their streams,
// the eldest first, as if they had not been tried; their history stays with
// them, NotAfter does not. What is no task stays where it is. Those that die meanwhile are not among them. The
// error is ErrHeld if some stay because of their unique keys.
func (q *Queue) Replay(ctx context.Context, f Filter) (int, error) {
	held := 0
	n, err := q.exhume(ctx, f, func(ctx context.Context, c *cemetery, ds []DeadLetter) (int, error) {
		done, skipped, err := q.replay(ctx, c, ds)
		held += skipped
		return done, err
	})
	switch {
	case err != nil:
		return n, fmt.Errorf("replay: %w", err)
	case held > 0:
		return n, fmt.Errorf("replay: %d dead letters stay: %w", held, ErrHeld)
	}
	return n, nil
}

// Purge removes the dead letters that a filter selects.
func (q *Queue) Purge(ctx context.Context, f Filter) (int, error) {
	n, err := q.exhume(ctx, f, func(ctx context.Context, c *cemetery, ds []DeadLetter) (int, error) {
		args := []any{"purge"}
		for i := range ds {
			args = append(args, ds[i].Entry)
		}
		done, _, err := q.counts(q.runOnce(ctx, q.s.dlq, c.shard, []string{c.keys.dlq}, args...))
		return done, err
	})
	if err != nil {
		return n, fmt.Errorf("purge: %w", err)
	}
	return n, nil
}

// exhumeMost is how many dead letters are read at once.
const exhumeMost = 100

// exhume calls do for the dead letters that a filter selects, in portions.
func (q *Queue) exhume(ctx context.Context, f Filter, do func(ctx context.Context, c *cemetery, ds []DeadLetter) (int, error)) (int, error) {
	list, err := q.cemeteries(ctx, &f)
	if err != nil {
		return 0, err
	}
	total := 0
	for _, c := range list {
		if err := q.openEldest(ctx, c, &f); err != nil {
			return total, err
		}
		for c.from != "" {
			if err := q.readForth(ctx, c); err != nil {
				return total, err
			}
			var ds []DeadLetter
			for i := range c.chunk {
				if d := c.letter(&c.chunk[i]); f.matches(&d) {
					ds = append(ds, d)
				}
			}
			if len(ds) == 0 {
				continue
			}
			n, err := do(ctx, c, ds)
			total += n
			if err != nil {
				return total, err
			}
		}
	}
	return total, nil
}

// openEldest sets where reading from the eldest begins and ends: what dies
// later is left out.
func (q *Queue) openEldest(ctx context.Context, c *cemetery, f *Filter) error {
	first, last := f.bounds()
	var newest []redis.XMessage
	err := q.again(ctx, func(ctx context.Context) (err error) {
		newest, err = q.client.XRevRangeN(ctx, c.keys.dlq, last, first, 1).Result()
		return err
	})
	if err == nil && len(newest) > 0 {
		c.from, c.end = first, newest[0].ID
	}
	return err
}

func (q *Queue) readForth(ctx context.Context, c *cemetery) error {
	err := q.again(ctx, func(ctx context.Context) (err error) {
		c.chunk, err = q.client.XRangeN(ctx, c.keys.dlq, c.from, c.end, exhumeMost).Result()
		return err
	})
	if err != nil {
		return err
	}
	if len(c.chunk) < exhumeMost {
		c.from = ""
	} else {
		c.from = "(" + c.chunk[len(c.chunk)-1].ID
	}
	return nil
}

// replay gives dead letters of one queue and shard back.
func (q *Queue) replay(ctx context.Context, c *cemetery, ds []DeadLetter) (done, skipped int, err error) {
	keys := []string{
		c.keys.dlq, c.keys.stream[Normal], c.keys.stream[Critical], c.keys.stream[High], c.keys.stream[Bulk],
		q.keys.shards[c.shard].canceled,
	}
	args := []any{"replay"}
	own := func(has bool, key string, ms int64) {
		if !has {
			args = append(args, 0, 0)
			return
		}
		keys = append(keys, key)
		args = append(args, len(keys)+1, ms)
	}
	for i := range ds {
		d := &ds[i]
		if d.Fields != nil {
			continue // no task
		}
		t := d.Task
		t.NotBefore, t.NotAfter = time.Time{}, time.Time{}
		args = append(args, d.Entry, appendHeader(nil, &t, t.ID, 1, millis(d.Enqueued), d.History), 3+int(t.Class))
		own(t.Unique != "", q.keys.unique(c.shard, t.Unique), q.o.UniqueFor.Milliseconds())
		own(t.Keep > 0, q.keys.result(c.shard, t.ID), (q.o.KeepWaiting + t.Keep).Milliseconds())
		args = append(args, t.ID)
	}
	if len(args) == 1 {
		return 0, 0, nil
	}
	return q.counts(q.runOnce(ctx, q.s.dlq, c.shard, keys, args...))
}

// counts reads what dlq.lua answers.
func (q *Queue) counts(v any, err error) (done, skipped int, _ error) {
	if err != nil {
		return 0, 0, err
	}
	text, _ := v.(string)
	if _, err := fmt.Sscanf(text, "%d %d", &done, &skipped); err != nil {
		return 0, 0, fmt.Errorf("dlq: the script answers %s", shorten(text))
	}
	return done, skipped, nil
}
