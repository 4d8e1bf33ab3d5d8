package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Dates for frames that were sent without.
//
// Such a frame counts milliseconds since the boot, a dated one Unix
// milliseconds, and none says both. Within a lane, though, frames come in the
// order in which their samples were taken, and once a boot knows the time it
// never forgets it: all dated frames of a lane follow all others. So the first
// dated stamp of a lane is at or after the last one without a date:
//
//	offset ≤ first dated (Unix) − last undated (since boot)
//
// The least of these over the lanes is taken for the offset. What it is wrong
// by is the time between those two samples, a sampling period where the clock
// was set while samples went out; dates come out late by that and never early,
// and the order within the boot is kept. Rows get quality "estimated".
const (
	decide = `WITH ready AS (
			SELECT device, boot, min(first_dated - last_undated) AS offset_ms FROM telhub.boot
			WHERE (device, boot) IN (SELECT device, boot FROM telhub.boot WHERE offset_ms IS NULL AND last_undated IS NOT NULL)
			GROUP BY 1, 2
			HAVING min(first_dated - last_undated) IS NOT NULL AND max(offset_ms) IS NULL AND max(changed) < now() - $1::interval
		), locked AS (
			SELECT b.device, b.boot, b.lane, r.offset_ms FROM telhub.boot b JOIN ready r USING (device, boot)
			ORDER BY 1, 2, 3 FOR UPDATE OF b SKIP LOCKED
		)
		UPDATE telhub.boot b SET offset_ms = l.offset_ms FROM locked l WHERE (b.device, b.boot, b.lane) = (l.device, l.boot, l.lane)`
	waiting = `SELECT b.device, b.boot, max(b.offset_ms) FROM telhub.boot b
		WHERE b.offset_ms IS NOT NULL AND EXISTS (SELECT FROM telhub.undated u WHERE (u.device, u.boot) = (b.device, b.boot))
		GROUP BY 1, 2`
	reach = `SELECT min(boot_ms), max(boot_ms) FROM telhub.undated WHERE device = $1 AND boot = $2 AND kind = 0`
	// SKIP LOCKED: two keepers share the work.
	move = `WITH chunk AS (
			SELECT ctid FROM telhub.undated WHERE device = $1 AND boot = $2 LIMIT $4 FOR UPDATE SKIP LOCKED
		), moved AS (
			DELETE FROM telhub.undated WHERE ctid = ANY(ARRAY(SELECT ctid FROM chunk))
			RETURNING *, 'epoch'::timestamptz + (boot_ms + $3::bigint) * interval '1 millisecond' AS time
		), samples AS (
			INSERT INTO telhub.sample (time, value, epoch, seq, channel, idx, lane, quality)
			SELECT time, value, epoch, seq, channel, idx, lane, 4 FROM moved WHERE kind = 0
		), events AS (
			INSERT INTO telhub.event (time, epoch, seq, device, idx, lane, quality, kind, name, word)
			SELECT time, epoch, seq, device, idx, lane, 4, kind, name, word FROM moved WHERE kind <> 0
		)
		SELECT count(*) FROM moved`
	dateGaps = `UPDATE telhub.gap g SET quality = 4,
			t0 = 'epoch'::timestamptz + (g.boot_t0 + b.offset_ms) * interval '1 millisecond',
			t1 = 'epoch'::timestamptz + (g.boot_t1 + b.offset_ms) * interval '1 millisecond'
		FROM (SELECT device, boot, max(offset_ms) AS offset_ms FROM telhub.boot WHERE offset_ms IS NOT NULL AND last_undated IS NOT NULL GROUP BY 1, 2) b
		WHERE (g.device, g.boot) = (b.device, b.boot) AND g.quality = 0`
)

// Date gives dates to samples, events and gap records that came without, where
// a later frame of their boot has one, and returns how many samples and events
// got theirs. An offset is decided once for a boot, when its lanes have not
// changed for settle: what workers commit out of order is in by then.
func Date(ctx context.Context, pool *pgxpool.Pool, settle time.Duration) (dated int64, err error) {
	if _, err := pool.Exec(ctx, decide, settle); err != nil {
		return 0, explain(err)
	}
	rows, err := pool.Query(ctx, waiting)
	if err != nil {
		return 0, explain(err)
	}
	type job struct {
		device int32
		boot   pgtype.UUID
		offset int64
	}
	var jobs []job
	var j job
	if _, err := pgx.ForEachRow(rows, []any{&j.device, &j.boot, &j.offset}, func() error {
		jobs = append(jobs, j)
		return nil
	}); err != nil {
		return 0, explain(err)
	}
	parts := newPartitions(pool, 0)
	for _, j := range jobs {
		n, err := dateBoot(ctx, pool, parts, j.device, j.boot, j.offset)
		dated += n
		if err != nil {
			return dated, explain(err)
		}
	}
	_, err = pool.Exec(ctx, dateGaps)
	return dated, explain(err)
}

// dateBoot moves the rows of a boot to where rows with dates are, a bounded
// number in each transaction.
func dateBoot(ctx context.Context, pool *pgxpool.Pool, parts *partitions, device int32, boot pgtype.UUID, offset int64) (moved int64, err error) {
	var first, last *int64
	if err := pool.QueryRow(ctx, reach, device, boot).Scan(&first, &last); err != nil {
		return 0, err
	}
	if first != nil {
		if err := parts.coverTimes(ctx, []int64{*first + offset, *last + offset}); err != nil {
			return 0, err
		}
	}
	for {
		var n int64
		if err := pool.QueryRow(ctx, move, device, boot, offset, cleanChunk).Scan(&n); err != nil {
			return moved, err
		}
		moved += n
		if n == 0 {
			return moved, nil
		}
	}
}
