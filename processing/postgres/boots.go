package postgres

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// bootID is a boot of a device; bootKey a lane of it.
type (
	bootID struct {
		device int32
		boot   [16]byte
	}
	bootKey struct {
		bootID
		lane int16
	}
)

// bootCache remembers the first date that is committed of each lane of a boot,
// so that only frames with an earlier one are noted.
type bootCache struct {
	mu    sync.Mutex // guards first
	first map[bootKey]int64
}

func newBootCache() *bootCache { return &bootCache{first: map[bootKey]int64{}} }

func (c *bootCache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.first)
}

// news reports whether t0 is earlier than what is known.
func (c *bootCache) news(k bootKey, t0 int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, ok := c.first[k]
	return !ok || t0 < known
}

// learn remembers what was committed.
func (c *bootCache) learn(dated map[bootKey]int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.first) > maxNames {
		clear(c.first)
	}
	for k, t0 := range dated {
		if known, ok := c.first[k]; !ok || t0 < known {
			c.first[k] = t0
		}
	}
}

// bootNote is what a Store learns of a lane of a boot: the last stamp without a
// date, the first with one.
type bootNote struct{ undated, dated *int64 }

// noteBoots notes what the frames tell about the dates of their boots, and
// finds the offsets that are decided for those without.
func (w *writer) noteBoots(ctx context.Context, tx pgx.Tx) error {
	notes := w.bootNotes()
	if len(notes) == 0 {
		return nil
	}
	keys := make([]bootKey, 0, len(notes))
	for k := range notes {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b bootKey) int { // one order for all, see ledger.go
		return cmp.Or(cmp.Compare(a.device, b.device), bytes.Compare(a.boot[:], b.boot[:]), cmp.Compare(a.lane, b.lane))
	})
	var device []int32
	var boot []pgtype.UUID
	var lane []int16
	var undated, dated []*int64
	for _, k := range keys {
		device, boot, lane = append(device, k.device), append(boot, pgtype.UUID{Bytes: k.boot, Valid: true}), append(lane, k.lane)
		undated, dated = append(undated, notes[k].undated), append(dated, notes[k].dated)
	}
	const put = `INSERT INTO telhub.boot AS b (device, boot, lane, last_undated, first_dated)
		SELECT * FROM unnest($1::int[], $2::uuid[], $3::smallint[], $4::bigint[], $5::bigint[])
		ON CONFLICT (device, boot, lane) DO UPDATE SET changed = now(),
			last_undated = greatest(b.last_undated, excluded.last_undated), first_dated = least(b.first_dated, excluded.first_dated)`
	if _, err := tx.Exec(ctx, put, device, boot, lane, undated, dated); err != nil {
		return err
	}
	return w.findOffsets(ctx, tx, keys, notes)
}

func (w *writer) bootNotes() map[bootKey]*bootNote {
	notes := map[bootKey]*bootNote{}
	w.dated = map[bootKey]int64{}
	for i, f := range w.frames {
		if len(f.Samples) == 0 {
			continue // the span of a gap record says nothing of the lane's clock
		}
		k := bootKey{bootID{w.ids[i].device, uuidOf(f.Boot).Bytes}, w.ids[i].lane}
		if f.Dated() && !w.s.boots.news(k, f.T0) {
			continue
		}
		n := notes[k]
		if n == nil {
			n = &bootNote{}
			notes[k] = n
		}
		switch {
		case !f.Dated() && (n.undated == nil || f.T1 > *n.undated):
			n.undated = &f.T1
		case f.Dated() && (n.dated == nil || f.T0 < *n.dated):
			n.dated = &f.T0
			w.dated[k] = f.T0
		}
	}
	return notes
}

func (w *writer) findOffsets(ctx context.Context, tx pgx.Tx, keys []bootKey, notes map[bootKey]*bootNote) error {
	var device []int32
	var boot []pgtype.UUID
	for _, k := range keys {
		if notes[k].undated != nil {
			device, boot = append(device, k.device), append(boot, pgtype.UUID{Bytes: k.boot, Valid: true})
		}
	}
	if len(device) == 0 {
		return nil
	}
	const get = `SELECT device, boot, max(offset_ms) FROM telhub.boot
		WHERE (device, boot) IN (SELECT * FROM unnest($1::int[], $2::uuid[])) AND offset_ms IS NOT NULL GROUP BY 1, 2`
	rows, err := tx.Query(ctx, get, device, boot)
	if err != nil {
		return err
	}
	w.offsets = map[bootID]int64{}
	var d int32
	var u pgtype.UUID
	var offset int64
	_, err = pgx.ForEachRow(rows, []any{&d, &u, &offset}, func() error {
		w.offsets[bootID{d, u.Bytes}] = offset
		return nil
	})
	return err
}
