package postgres

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/telhub/telhub/processing/telemetry"
)

const (
	day = 24 * time.Hour
	// Times further away get no partition of their own: they are of clocks that
	// are wrong, and would make thousands.
	windowBack  = 2 * 366 * day
	windowAhead = 2 * day
)

// partitions makes the tables that samples go to before they are needed. Times
// are Unix milliseconds.
type partitions struct {
	pool  *pgxpool.Pool
	width int64

	mu    sync.RWMutex // guards known
	known []span       // sorted, apart
}

// span is [lo, hi).
type span struct{ lo, hi int64 }

func newPartitions(pool *pgxpool.Pool, width time.Duration) *partitions {
	if width <= 0 {
		width = 7 * day
	}
	days := max(int64((width+day-1)/day), 1)
	return &partitions{pool: pool, width: days * day.Milliseconds()}
}

func (p *partitions) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known = nil
}

// find returns the span that holds t among sorted spans, or where it would be.
func find(known []span, t int64) (i int, ok bool) {
	return slices.BinarySearchFunc(known, t, func(s span, t int64) int {
		switch {
		case s.hi <= t:
			return -1
		case s.lo > t:
			return 1
		}
		return 0
	})
}

// cover makes sure that the samples of frames have their partitions.
func (p *partitions) cover(ctx context.Context, frames []*telemetry.Frame) error {
	var times []int64
	for _, f := range frames {
		if !f.Dated() {
			continue
		}
		for i := range f.Samples {
			times = append(times, f.Samples[i].Millis)
		}
	}
	return p.coverTimes(ctx, times)
}

func (p *partitions) coverTimes(ctx context.Context, times []int64) error {
	now := time.Now()
	window := span{now.Add(-windowBack).UnixMilli(), now.Add(windowAhead).UnixMilli()}
	missing := p.missing(times, window)
	if len(missing) == 0 {
		return nil
	}
	return pgx.BeginFunc(ctx, p.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", schemaLock); err != nil {
			return err
		}
		known, err := spans(ctx, tx)
		if err != nil {
			return err
		}
		for _, t := range missing {
			i, ok := find(known, t)
			if ok {
				continue // another was faster
			}
			s := p.spanFor(t, known, i)
			if err := create(ctx, tx, s); err != nil {
				return err
			}
			known = slices.Insert(known, i, s)
		}
		// Should this transaction fail, these are wrong: samples go to the
		// default partition then until one that succeeds moves them.
		p.mu.Lock()
		p.known = known
		p.mu.Unlock()
		return nil
	})
}

// missing returns a time of each partition that is not known.
func (p *partitions) missing(times []int64, window span) (missing []int64) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	last := span{0, 0}
	var added []span
	for _, t := range times {
		if t >= last.lo && t < last.hi {
			continue
		}
		if t < window.lo || t >= window.hi {
			continue
		}
		if i, ok := find(p.known, t); ok {
			last = p.known[i]
			continue
		}
		last = p.bucket(t)
		if !slices.Contains(added, last) {
			added = append(added, last)
			missing = append(missing, t)
		}
	}
	return missing
}

// monday is 1970-01-05, so that weeks begin on Mondays.
const monday = int64(4 * 24 * time.Hour / time.Millisecond)

// bucket returns the span of the usual width that holds t.
func (p *partitions) bucket(t int64) span {
	n := (t - monday) / p.width
	if (t-monday)%p.width < 0 {
		n--
	}
	return span{monday + n*p.width, monday + (n+1)*p.width}
}

// spanFor is bucket, cut to what its neighbours at place i leave free.
func (p *partitions) spanFor(t int64, known []span, i int) span {
	s := p.bucket(t)
	if i > 0 {
		s.lo = max(s.lo, known[i-1].hi)
	}
	if i < len(known) {
		s.hi = min(s.hi, known[i].lo)
	}
	return s
}

func spans(ctx context.Context, db Querier) ([]span, error) {
	rows, err := db.Query(ctx, "SELECT lo, hi FROM telhub.partition ORDER BY lo")
	if err != nil {
		return nil, err
	}
	var out []span
	var lo, hi time.Time
	_, err = pgx.ForEachRow(rows, []any{&lo, &hi}, func() error {
		out = append(out, span{lo.UnixMilli(), hi.UnixMilli()})
		return nil
	})
	return out, err
}

// create adds a partition and moves into it what the default one has of its
// time. It is made apart and attached: that lets readers and writers of the
// others go on, and stops only those of the default one.
func create(ctx context.Context, tx pgx.Tx, s span) error {
	lo, hi := time.UnixMilli(s.lo).UTC(), time.UnixMilli(s.hi).UTC()
	name := "sample_" + lo.Format("20060102")
	const form = "2006-01-02T15:04:05.000Z"
	within := fmt.Sprintf("time >= '%s' AND time < '%s'", lo.Format(form), hi.Format(form))
	for _, sql := range []string{
		"LOCK TABLE telhub.sample_default IN ACCESS EXCLUSIVE MODE",
		"CREATE TABLE telhub." + name + " (LIKE telhub.sample INCLUDING DEFAULTS)",
		"WITH moved AS (DELETE FROM telhub.sample_default WHERE " + within + " RETURNING *) INSERT INTO telhub." + name + " SELECT * FROM moved",
		fmt.Sprintf("ALTER TABLE telhub.sample ATTACH PARTITION telhub.%s FOR VALUES FROM ('%s') TO ('%s')", name, lo.Format(form), hi.Format(form)),
	} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return fmt.Errorf("partition %s: %w", name, err)
		}
	}
	_, err := tx.Exec(ctx, "INSERT INTO telhub.partition (lo, hi, name) VALUES ($1, $2, $3)", lo, hi, name)
	return err
}

// DropBefore drops partitions that end at or before an instant, and what the
// default one and the events have of before it. It returns the names of what
// it dropped.
func DropBefore(ctx context.Context, pool *pgxpool.Pool, before time.Time) (dropped []string, err error) {
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", schemaLock); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, "DELETE FROM telhub.partition WHERE hi <= $1 RETURNING name", before)
		if err != nil {
			return err
		}
		if dropped, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
			return err
		}
		for _, name := range dropped {
			if _, err := tx.Exec(ctx, "DROP TABLE "+pgx.Identifier{"telhub", name}.Sanitize()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, explain(err)
	}
	for _, table := range []string{"telhub.sample_default", "telhub.event"} {
		if _, err := clean(ctx, pool, table, "time < now() - $1::interval", time.Since(before)); err != nil {
			return dropped, err
		}
	}
	return dropped, nil
}
