package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/telhub/telhub/processing/telemetry"
)

// Alarm is the payload of a task alarm.notify, as JSON.
type Alarm struct {
	Device  string `json:"device"`
	Channel string `json:"channel"` // "<sensor>/<output>"
	State   string `json:"state"`   // "high", "low", "stale" or "clear"
	// Time is RFC 3339 in UTC, "" where the device knew no time; then BootMillis
	// counts since its boot Boot.
	Time        string `json:"time,omitempty"`
	Quality     string `json:"quality"` // of the date: "unset", "holdover", "ntp" or "gnss"
	Boot        string `json:"boot,omitempty"`
	BootMillis  int64  `json:"boot_ms,omitempty"`
	Correlation string `json:"correlation"` // "<device>/alarm/<epoch>/<seq>#<index>"
}

// Alarms is the sink of the group "alarms": each alarm event becomes a row of
// the outbox, in one transaction with the ledger. It reads what lane alarm
// holds and passes over everything else. It is safe for concurrent use.
type Alarms struct {
	pool    *pgxpool.Pool
	timeout time.Duration
	names   *names
	added   func()
}

var _ telemetry.Sink = (*Alarms)(nil)

// NewAlarms returns a sink. added is told of new rows in the outbox, as by
// Dispatcher.Wake; nil: nobody is.
func NewAlarms(pool *pgxpool.Pool, timeout time.Duration, added func()) *Alarms {
	if timeout <= 0 {
		timeout = 30 * time.Second
	}
	if added == nil {
		added = func() {}
	}
	return &Alarms{pool: pool, timeout: timeout, names: newNames(), added: added}
}

// Store implements telemetry.Sink.
func (a *Alarms) Store(ctx context.Context, frames []*telemetry.Frame) (res telemetry.Result, err error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	ids, err := a.names.identify(ctx, a.pool, frames, false)
	if err != nil {
		a.names.forget()
		return res, judge(err)
	}
	var out outbox
	err = transact(ctx, a.pool, func(tx pgx.Tx) error {
		fresh, err := admit(ctx, tx, purposeAlarms, ids)
		if err != nil {
			return err
		}
		var new []*telemetry.Frame
		var newIDs []identity
		for i, ok := range fresh {
			if !ok {
				res.Duplicates++
				continue
			}
			new, newIDs = append(new, frames[i]), append(newIDs, ids[i])
			if err := out.add(frames[i]); err != nil {
				return err
			}
		}
		res.Frames, res.Rows = len(new), len(out.ids)
		if len(new) == 0 {
			return nil
		}
		if err := out.insert(ctx, tx); err != nil {
			return err
		}
		return note(ctx, tx, purposeAlarms, newIDs, new)
	})
	if err != nil {
		if lost(err) {
			a.names.forget()
		}
		return telemetry.Result{}, err
	}
	if res.Rows > 0 {
		a.added()
	}
	return res, nil
}

// outbox are rows on their way there.
type outbox struct{ ids, correlations, payloads []string }

// add appends the alarms of a frame.
func (o *outbox) add(f *telemetry.Frame) error {
	for i := range f.Samples {
		s := &f.Samples[i]
		if s.Kind != telemetry.Alarm {
			continue
		}
		a := Alarm{Device: f.Device, Channel: s.Name, State: s.Word, Quality: f.Quality, Correlation: f.Correlation(i)}
		if f.Dated() {
			a.Time = time.UnixMilli(s.Millis).UTC().Format("2006-01-02T15:04:05.000Z")
		} else {
			a.Boot, a.BootMillis = f.Boot, s.Millis
		}
		b, err := json.Marshal(a)
		if err != nil {
			return err
		}
		o.ids = append(o.ids, taskID(a.Correlation))
		o.correlations = append(o.correlations, a.Correlation)
		o.payloads = append(o.payloads, string(b))
	}
	return nil
}

func (o *outbox) insert(ctx context.Context, tx pgx.Tx) error {
	if len(o.ids) == 0 {
		return nil
	}
	const put = `INSERT INTO telhub.outbox (id, correlation, payload)
		SELECT * FROM unnest($1::text[], $2::text[], $3::text[]::jsonb[]) ON CONFLICT DO NOTHING`
	_, err := tx.Exec(ctx, put, o.ids, o.correlations, o.payloads)
	return err
}

// maxTaskID is the most that a task's ID takes.
const maxTaskID = 128

// taskID makes the ID of a task from a correlation ID, one for one.
func taskID(correlation string) string {
	id := "alarm:" + correlation
	if len(id) <= maxTaskID {
		return id
	}
	sum := sha256.Sum256([]byte(correlation))
	return "alarm:" + hex.EncodeToString(sum[:])
}
