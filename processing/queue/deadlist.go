package queue

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
)

// Page asks for a part of a list, and tells where the next one begins.
type Page struct {
	Limit  int    `json:"limit"`            // at most 1000; 0: 50
	Cursor string `json:"cursor,omitempty"` // "" at the beginning, and when there is no more
}

const (
	defaultPage = 50
	maxPage     = 1000
)

// position is where a page ends: after a dead letter.
type position struct {
	entry string
	shard int
	queue string
}

func (p position) String() string { return fmt.Sprintf("%s/%d/%s", p.entry, p.shard, p.queue) }

func parsePosition(s string) (p position, err error) {
	parts := strings.SplitN(s, "/", 3)
	if len(parts) == 3 {
		p.entry, p.queue = parts[0], parts[2]
		p.shard, err = strconv.Atoi(parts[1])
	}
	if len(parts) != 3 || err != nil {
		return p, invalid("cursor", shorten(s), "must be that of the page before")
	}
	return p, nil
}

// DeadLetters lists the dead letters that a filter selects, the youngest
// first. The page returned is to be asked for next; its cursor is empty at
// the end of the list.
func (q *Queue) DeadLetters(ctx context.Context, f Filter, p Page) ([]DeadLetter, Page, error) {
	if p.Limit <= 0 {
		p.Limit = defaultPage
	}
	p.Limit = min(p.Limit, maxPage)
	list, err := q.cemeteries(ctx, &f)
	if err == nil {
		err = beginAfter(list, &f, p.Cursor)
	}
	if err != nil {
		return nil, p, fmt.Errorf("dead letters: %w", err)
	}
	var ds []DeadLetter
	p.Cursor = ""
	for {
		c, err := q.youngest(ctx, list)
		if err != nil {
			return ds, p, fmt.Errorf("dead letters: %w", err)
		}
		if c == nil {
			return ds, p, nil
		}
		d := c.letter(&c.chunk[0])
		if f.matches(&d) {
			if len(ds) == p.Limit {
				last := &ds[len(ds)-1]
				p.Cursor = position{last.Entry, last.Shard, last.Queue}.String()
				return ds, p, nil
			}
			ds = append(ds, d)
		}
		c.chunk = c.chunk[1:]
	}
}

// beginAfter sets where each reading begins. Dead letters are in the order of
// their entries, youngest first, then of shards and queues.
func beginAfter(list []*cemetery, f *Filter, cursor string) error {
	first, last := f.bounds()
	for _, c := range list {
		c.from, c.end = last, first
	}
	if cursor == "" {
		return nil
	}
	p, err := parsePosition(cursor)
	if err != nil {
		return err
	}
	for _, c := range list {
		c.from = p.entry
		if cmp.Or(cmp.Compare(c.shard, p.shard), cmp.Compare(c.keys.name, p.queue)) <= 0 {
			c.from = "(" + p.entry
		}
	}
	return nil
}

// readAhead is how many dead letters are read of a queue and shard at once,
// few where there are many, since each may be large.
func readAhead(sources int) int64 { return int64(max(4, 64/max(1, sources))) }

// youngest returns where the youngest dead letter lies that was not read yet;
// nil if there is none.
func (q *Queue) youngest(ctx context.Context, list []*cemetery) (best *cemetery, err error) {
	n := readAhead(len(list))
	for _, c := range list {
		if len(c.chunk) == 0 && c.from != "" {
			err := q.again(ctx, func(ctx context.Context) (err error) {
				c.chunk, err = q.client.XRevRangeN(ctx, c.keys.dlq, c.from, c.end, n).Result()
				return err
			})
			if err != nil {
				return nil, err
			}
			c.from = ""
			if int64(len(c.chunk)) == n {
				c.from = "(" + c.chunk[n-1].ID
			}
		}
		if len(c.chunk) > 0 && (best == nil || compareEntries(c.chunk[0].ID, best.chunk[0].ID) > 0) {
			best = c
		}
	}
	return best, nil
}

// compareEntries compares two entry IDs, "ms-number".
func compareEntries(a, b string) int {
	am, an, _ := strings.Cut(a, "-")
	bm, bn, _ := strings.Cut(b, "-")
	return cmp.Or(compareNumbers(am, bm), compareNumbers(an, bn))
}

// compareNumbers compares decimal numbers without leading zeros.
func compareNumbers(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }
