package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/telhub/telhub/processing/telemetry"
)

// StorageOptions configure a Storage. A zero value stands for the default.
type StorageOptions struct {
	// Timeout bounds one transaction; 60 s. A database that hangs is left then,
	// and the batch tried again.
	Timeout time.Duration
	// Partition is the time that a table of samples spans, in whole days; 7
	// days. It may be changed: new tables fit between those that are there.
	Partition time.Duration
}

// Storage is the sink of samples, events and gap records. It is safe for
// concurrent use.
type Storage struct {
	pool    *pgxpool.Pool
	timeout time.Duration
	names   *names
	parts   *partitions
	boots   *bootCache
}

var _ telemetry.Sink = (*Storage)(nil)

// NewStorage returns a sink over a database that Migrate has been called for.
func NewStorage(pool *pgxpool.Pool, o StorageOptions) *Storage {
	if o.Timeout <= 0 {
		o.Timeout = time.Minute
	}
	return &Storage{
		pool: pool, timeout: o.Timeout, names: newNames(), parts: newPartitions(pool, o.Partition), boots: newBootCache(),
	}
}

// Store implements telemetry.Sink.
func (s *Storage) Store(ctx context.Context, frames []*telemetry.Frame) (telemetry.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	res, err := s.store(ctx, frames)
	if err != nil && lost(err) {
		s.names.forget()
		s.parts.forget()
		s.boots.forget()
	}
	return res, err
}

func (s *Storage) store(ctx context.Context, frames []*telemetry.Frame) (res telemetry.Result, err error) {
	ids, err := s.names.identify(ctx, s.pool, frames, true)
	if err != nil {
		return res, judge(err)
	}
	if err := s.parts.cover(ctx, frames); err != nil {
		return res, explain(err) // no fault of the frames'
	}
	w := writer{s: s}
	err = transact(ctx, s.pool, func(tx pgx.Tx) error {
		fresh, err := admit(ctx, tx, purposeStorage, ids)
		if err != nil {
			return err
		}
		for i, ok := range fresh {
			if ok {
				w.frames, w.ids = append(w.frames, frames[i]), append(w.ids, ids[i])
			}
		}
		if len(w.frames) == 0 {
			return nil
		}
		return w.write(ctx, tx)
	})
	if err != nil {
		return telemetry.Result{}, err
	}
	s.boots.learn(w.dated)
	res = telemetry.Result{Frames: len(w.frames), Duplicates: len(frames) - len(w.frames)}
	for _, f := range w.frames {
		res.Rows += len(f.Samples)
	}
	return res, nil
}

// identify gives frames their identities in the ledger; with channels it makes
// sure that the channels of their values are known as well.
func (n *names) identify(ctx context.Context, db Querier, frames []*telemetry.Frame, channels bool) ([]identity, error) {
	ids := make([]identity, len(frames))
	for range 3 { // again when what was learnt was forgotten meanwhile
		var devices []string
		var missing []channelKey
		for i, f := range frames {
			id, ok := n.device(f.Device)
			if !ok {
				devices = append(devices, f.Device)
				continue
			}
			ids[i] = identityOf(id, f)
			if channels {
				missing = n.unknown(id, f, missing)
			}
		}
		if len(devices)+len(missing) == 0 {
			return ids, nil
		}
		if err := n.learnDevices(ctx, db, devices); err != nil {
			return nil, err
		}
		if err := n.learnChannels(ctx, db, missing); err != nil {
			return nil, err
		}
	}
	return nil, errForgotten
}

// unknown appends the channels of f that are not known.
func (n *names) unknown(device int32, f *telemetry.Frame, missing []channelKey) []channelKey {
	var last channelKey
	for i := range f.Samples {
		s := &f.Samples[i]
		k := channelKey{device, s.Name, s.Unit}
		if s.Kind != telemetry.Value || k == last {
			continue
		}
		last = k
		if _, ok := n.channel(k); !ok {
			missing = append(missing, k)
		}
	}
	return missing
}

// The numbers of qualities of dates.
const (
	qualityUnset     = int16(0)
	qualityEstimated = int16(4)
)

func qualityOf(word string) int16 {
	switch word {
	case "holdover":
		return 1
	case "ntp":
		return 2
	case "gnss":
		return 3
	}
	return qualityUnset
}

// uuidOf reads a boot's id, which telemetry has checked.
func uuidOf(text string) (u pgtype.UUID) {
	if u.Scan(text) != nil {
		return pgtype.UUID{}
	}
	return u
}
