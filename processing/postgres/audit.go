package postgres

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/telhub/telhub/uplink/frame"
)

// Report is the balance of the database: for each device and lane acquired =
// rows + declared losses, and whatever is neither is a finding. The words are
// those of `telhub audit --json`.
type Report struct {
	Balanced    bool         `json:"balanced"` // no lane has a finding
	Unexplained int          `json:"unexplained"`
	Lanes       []LaneReport `json:"lanes"`
}

// LaneReport is the balance of a lane of a device.
type LaneReport struct {
	Device     string    `json:"device"`
	Lane       string    `json:"lane"`
	Epochs     int64     `json:"epochs"`
	Frames     int64     `json:"frames"`
	Samples    int64     `json:"samples"` // delivered: rows that were written
	GapRecords int64     `json:"gap_records"`
	Lost       int64     `json:"declared_lost"`
	Unknown    int64     `json:"unknown_losses"` // gap records that tell no number
	Acquired   int64     `json:"acquired"`       // Samples + Lost
	First      string    `json:"first"`          // epoch/seq
	Last       string    `json:"last"`
	Missing    int64     `json:"missing_frames"` // that no gap record covers
	Rows       *Rows     `json:"rows,omitempty"` // with AuditOptions.Rows
	Findings   []Finding `json:"findings,omitempty"`
	More       int       `json:"more_findings,omitempty"`
}

// Rows are the rows that are there, by where they are.
type Rows struct {
	Samples int64 `json:"samples"`
	Events  int64 `json:"events"`
	Undated int64 `json:"undated"`
	Twice   int64 `json:"twice"` // rows of one identity beyond the first
}

// Finding is something that nothing in the database explains.
type Finding struct {
	Kind   string `json:"kind"` // "hole", "beginning", "rows" or "twice"
	ID     string `json:"id"`   // first frame concerned, epoch/seq
	Until  string `json:"until,omitempty"`
	Frames int64  `json:"frames,omitempty"`
	Text   string `json:"text"`
}

// AuditOptions say what is looked at.
type AuditOptions struct {
	Device string // one device; all
	// Rows counts the rows themselves, which reads all of them, and compares them
	// with the ledger. Not after old samples were dropped.
	Rows bool
	// Whole: the streams were read from their beginning, so that a lane that does
	// not begin with frame 1 is a finding.
	Whole bool
}

// maxFindings bounds the findings that are shown of a lane.
const maxFindings = 200

// Audit draws up the balance. It reads one snapshot.
func Audit(ctx context.Context, pool *pgxpool.Pool, o AuditOptions) (*Report, error) {
	a := auditor{o: o, lanes: map[auditKey]*LaneReport{}}
	err := pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if err := a.readLedger(ctx, tx); err != nil {
			return err
		}
		if !o.Rows {
			return nil
		}
		return a.readRows(ctx, tx)
	})
	if err != nil {
		return nil, explain(err)
	}
	return a.report(), nil
}

type auditKey struct {
	device int32
	lane   int16
}

type auditor struct {
	o     AuditOptions
	lanes map[auditKey]*LaneReport
}

func (a *auditor) readLedger(ctx context.Context, tx pgx.Tx) error {
	const get = `SELECT l.device, d.name, l.lane, l.epoch, l.seen, l.frames, l.samples, l.gaps, l.lost, l.unknown,
			(SELECT array_agg(g.seq) FROM telhub.gap g WHERE (g.device, g.lane, g.epoch) = (l.device, l.lane, l.epoch))
		FROM telhub.ledger l JOIN telhub.device d ON d.id = l.device
		WHERE l.purpose = 'storage' AND NOT isempty(l.seen) AND ($1 = '' OR d.name = $1) ORDER BY l.device, l.lane, l.epoch`
	rows, err := tx.Query(ctx, get, a.o.Device)
	if err != nil {
		return err
	}
	var k auditKey
	var name string
	var epoch, frames, samples, gaps, lost, unknown int64
	var seen pgtype.Multirange[pgtype.Range[int64]]
	var own []int64
	_, err = pgx.ForEachRow(rows, []any{&k.device, &name, &k.lane, &epoch, &seen, &frames, &samples, &gaps, &lost, &unknown, &own}, func() error {
		l := a.lane(k, name)
		first := l.Epochs == 0
		l.Epochs++
		l.Frames, l.Samples, l.GapRecords = l.Frames+frames, l.Samples+samples, l.GapRecords+gaps
		l.Lost, l.Unknown, l.Acquired = l.Lost+lost, l.Unknown+unknown, l.Acquired+samples+lost
		l.examine(epoch, seen, own, first && !a.o.Whole)
		return nil
	})
	return err
}

func (a *auditor) lane(k auditKey, device string) *LaneReport {
	l := a.lanes[k]
	if l == nil {
		l = &LaneReport{Device: device, Lane: frame.Lane(k.lane).String()}
		a.lanes[k] = l
	}
	return l
}

// examine looks for numbers of an epoch that are missing. Numbers before that
// of a gap record are declared by it, back to the last frame before. The
// beginning of the first epoch may have been trimmed before anybody read it.
func (l *LaneReport) examine(epoch int64, seen pgtype.Multirange[pgtype.Range[int64]], gaps []int64, mayLack bool) {
	next := int64(1)
	for _, r := range seen {
		if l.First == "" {
			l.First = fmt.Sprintf("%d/%d", epoch, r.Lower)
		}
		l.Last = fmt.Sprintf("%d/%d", epoch, r.Upper-1)
		if r.Lower > next && !slices.Contains(gaps, r.Lower) && !(mayLack && next == 1) {
			l.hole(epoch, next, r.Lower-1)
		}
		next = r.Upper
	}
}

func (l *LaneReport) hole(epoch, first, last int64) {
	l.Missing += last - first + 1
	l.find(Finding{
		Kind: "hole", ID: fmt.Sprintf("%d/%d", epoch, first), Until: fmt.Sprintf("%d/%d", epoch, last), Frames: last - first + 1,
		Text: "these frames were not stored and no gap record covers them: they are still on their way, were trimmed before they " +
			"were read, lie among the dead letters, or the streams lack them (telhub audit)",
	})
}

func (l *LaneReport) find(f Finding) {
	if len(l.Findings) == maxFindings {
		l.More++
		return
	}
	l.Findings = append(l.Findings, f)
}

// readRows counts what is there and compares it with the ledger. A sample's
// identity is device, lane, epoch, seq and index, so that nothing is counted
// twice without being noticed.
func (a *auditor) readRows(ctx context.Context, tx pgx.Tx) error {
	const get = `WITH r AS (
			SELECT 0 AS place, c.device, s.lane, s.epoch, s.seq, s.idx FROM telhub.sample s JOIN telhub.channel c ON c.id = s.channel
			UNION ALL SELECT 1, device, lane, epoch, seq, idx FROM telhub.event
			UNION ALL SELECT 2, device, lane, epoch, seq, idx FROM telhub.undated
		), frames AS (
			SELECT device, lane, epoch, seq, count(*) FILTER (WHERE place = 0) AS samples, count(*) FILTER (WHERE place = 1) AS events,
				count(*) FILTER (WHERE place = 2) AS undated, count(*) - count(DISTINCT idx) AS twice
			FROM r GROUP BY 1, 2, 3, 4
		)
		SELECT f.device, d.name, f.lane, sum(f.samples)::bigint, sum(f.events)::bigint, sum(f.undated)::bigint, sum(f.twice)::bigint
		FROM frames f JOIN telhub.device d ON d.id = f.device WHERE $1 = '' OR d.name = $1 GROUP BY 1, 2, 3`
	rows, err := tx.Query(ctx, get, a.o.Device)
	if err != nil {
		return err
	}
	for _, l := range a.lanes {
		l.Rows = &Rows{}
	}
	var k auditKey
	var name string
	var r Rows
	_, err = pgx.ForEachRow(rows, []any{&k.device, &name, &k.lane, &r.Samples, &r.Events, &r.Undated, &r.Twice}, func() error {
		counted := r
		a.lane(k, name).Rows = &counted
		return nil
	})
	for _, l := range a.lanes {
		l.compareRows()
	}
	return err
}

func (l *LaneReport) compareRows() {
	r := l.Rows
	if r == nil {
		r = &Rows{}
	}
	if n := r.Samples + r.Events + r.Undated; n != l.Samples {
		l.find(Finding{Kind: "rows", ID: l.First, Until: l.Last, Text: fmt.Sprintf("there are %d rows, the ledger has %d: rows were added, removed or dropped by retention", n, l.Samples)})
	}
	if r.Twice > 0 {
		l.find(Finding{Kind: "twice", ID: l.First, Until: l.Last, Text: fmt.Sprintf("%d rows are there twice", r.Twice)})
	}
}

func (a *auditor) report() *Report {
	r := &Report{Lanes: []LaneReport{}}
	for _, l := range a.lanes {
		r.Unexplained += len(l.Findings) + l.More
		r.Lanes = append(r.Lanes, *l)
	}
	slices.SortFunc(r.Lanes, func(x, y LaneReport) int {
		return cmp.Or(strings.Compare(x.Device, y.Device), cmp.Compare(laneOrder(x.Lane), laneOrder(y.Lane)))
	})
	r.Balanced = r.Unexplained == 0
	return r
}

func laneOrder(name string) int {
	return slices.Index([]string{frame.Alarm.String(), frame.Live.String(), frame.Backfill.String()}, name)
}

// parseID reads "epoch/seq".
func parseID(s string) (id frame.ID) {
	epoch, seq, _ := strings.Cut(s, "/")
	id.Epoch, _ = strconv.ParseUint(epoch, 10, 64)
	id.Seq, _ = strconv.ParseUint(seq, 10, 64)
	return id
}
