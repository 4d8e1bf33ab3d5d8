package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/telhub/telhub/processing/telemetry"
)

// The purposes of ledgers.
const (
	purposeStorage = "storage"
	purposeAlarms  = "alarms"
)

// identity is a frame's in the ledger.
type identity struct {
	device int32
	lane   int16
	epoch  int64
	seq    int64
}

func identityOf(device int32, f *telemetry.Frame) identity {
	return identity{device, int16(f.Lane), int64(f.ID.Epoch), int64(f.ID.Seq)}
}

// columns are identities as arguments of unnest.
type columns struct {
	device []int32
	lane   []int16
	epoch  []int64
	seq    []int64
}

func columnsOf(ids []identity) (c columns) {
	for _, id := range ids {
		c.device, c.lane = append(c.device, id.device), append(c.lane, id.lane)
		c.epoch, c.seq = append(c.epoch, id.epoch), append(c.seq, id.seq)
	}
	return c
}

// The ledger is a set, not a mark: workers commit out of order, and a server
// that lost its tail brings frames again. Its rows are locked in one order, so
// that two transactions never wait for each other in a circle. The look comes
// after the lock as a statement of its own, whose snapshot sees what others
// committed meanwhile.
const (
	ledgerAdd = `INSERT INTO telhub.ledger (purpose, device, lane, epoch)
		SELECT DISTINCT $1::text, u.device, u.lane, u.epoch FROM unnest($2::int[], $3::smallint[], $4::bigint[]) u (device, lane, epoch)
		WHERE NOT EXISTS (SELECT FROM telhub.ledger l WHERE (l.purpose, l.device, l.lane, l.epoch) = ($1, u.device, u.lane, u.epoch))
		ORDER BY 2, 3, 4 ON CONFLICT DO NOTHING`
	ledgerLock = `SELECT FROM telhub.ledger l
		WHERE l.purpose = $1 AND (l.device, l.lane, l.epoch) IN (SELECT * FROM unnest($2::int[], $3::smallint[], $4::bigint[]))
		ORDER BY l.device, l.lane, l.epoch FOR UPDATE`
	ledgerLook = `SELECT u.i FROM unnest($2::int[], $3::smallint[], $4::bigint[], $5::bigint[]) WITH ORDINALITY u (device, lane, epoch, seq, i)
		JOIN telhub.ledger l ON (l.purpose, l.device, l.lane, l.epoch) = ($1, u.device, u.lane, u.epoch)
		WHERE NOT l.seen @> u.seq`
	ledgerNote = `UPDATE telhub.ledger l SET seen = l.seen + n.seen, changed = now(),
			frames = l.frames + n.frames, samples = l.samples + n.samples,
			gaps = l.gaps + n.gaps, lost = l.lost + n.lost, unknown = l.unknown + n.unknown
		FROM (
			SELECT u.device, u.lane, u.epoch, range_agg(int8range(u.seq, u.seq + 1)) AS seen,
				count(*) FILTER (WHERE u.lost IS NULL) AS frames, sum(u.samples) AS samples,
				count(*) FILTER (WHERE u.lost IS NOT NULL) AS gaps,
				coalesce(sum(u.lost) FILTER (WHERE u.lost >= 0), 0) AS lost, count(*) FILTER (WHERE u.lost < 0) AS unknown
			FROM unnest($2::int[], $3::smallint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[]) u (device, lane, epoch, seq, samples, lost)
			GROUP BY 1, 2, 3
		) n
		WHERE l.purpose = $1 AND (l.device, l.lane, l.epoch) = (n.device, n.lane, n.epoch)`
)

// admit locks the ledger rows of the identities and tells which of them are
// not there yet, each once.
func admit(ctx context.Context, tx pgx.Tx, purpose string, ids []identity) (fresh []bool, err error) {
	c := columnsOf(ids)
	var b pgx.Batch
	b.Queue(ledgerAdd, purpose, c.device, c.lane, c.epoch)
	b.Queue(ledgerLock, purpose, c.device, c.lane, c.epoch)
	b.Queue(ledgerLook, purpose, c.device, c.lane, c.epoch, c.seq)
	res := tx.SendBatch(ctx, &b)
	defer func() {
		if e := res.Close(); err == nil {
			err = e
		}
	}()
	for range 2 {
		if _, err := res.Exec(); err != nil {
			return nil, err
		}
	}
	rows, err := res.Query()
	if err != nil {
		return nil, err
	}
	fresh = make([]bool, len(ids))
	here := make(map[identity]struct{}, len(ids))
	var i int64
	_, err = pgx.ForEachRow(rows, []any{&i}, func() error {
		if _, twice := here[ids[i-1]]; !twice {
			here[ids[i-1]] = struct{}{}
			fresh[i-1] = true
		}
		return nil
	})
	return fresh, err
}

// note adds frames to the ledger and their numbers to its sums.
func note(ctx context.Context, tx pgx.Tx, purpose string, ids []identity, frames []*telemetry.Frame) error {
	c := columnsOf(ids)
	samples, lost := make([]int64, len(frames)), make([]*int64, len(frames))
	for i, f := range frames {
		samples[i] = int64(len(f.Samples))
		if f.Gap != nil {
			lost[i] = &f.Gap.N
		}
	}
	_, err := tx.Exec(ctx, ledgerNote, purpose, c.device, c.lane, c.epoch, c.seq, samples, lost)
	return err
}
