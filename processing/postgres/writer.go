package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/telhub/telhub/processing/telemetry"
)

// errForgotten: numbers were forgotten three times while they were looked up.
var errForgotten = errors.New("postgres: names were forgotten while they were in use; it is tried again")

// writer puts the fresh frames of one Store into the tables.
type writer struct {
	s      *Storage
	frames []*telemetry.Frame
	ids    []identity

	samples, events, undated, gaps [][]any // rows
	forgot                         bool    // a channel's number is not known any more
	dated                          map[bootKey]int64
	offsets                        map[bootID]int64
}

// write fills the tables and the ledger. It may be called once.
func (w *writer) write(ctx context.Context, tx pgx.Tx) error {
	if err := w.noteBoots(ctx, tx); err != nil {
		return err
	}
	for i, f := range w.frames {
		w.frame(w.ids[i], f)
	}
	if w.forgot {
		return errForgotten
	}
	for _, t := range []struct {
		table   string
		columns []string
		rows    [][]any
	}{
		{"sample", []string{"time", "value", "epoch", "seq", "channel", "idx", "lane", "quality"}, w.samples},
		{"event", []string{"time", "epoch", "seq", "device", "idx", "lane", "quality", "kind", "name", "word"}, w.events},
		{"undated", []string{
			"boot_ms", "epoch", "seq", "boot", "value", "device", "channel", "idx", "lane", "kind", "name", "word", "after", "before",
		}, w.undated},
		{"gap", []string{
			"device", "lane", "epoch", "seq", "quality", "boot", "cause", "samples", "t0", "t1", "boot_t0", "boot_t1", "channels",
		}, w.gaps},
	} {
		if len(t.rows) == 0 {
			continue
		}
		if _, err := tx.CopyFrom(ctx, pgx.Identifier{"telhub", t.table}, t.columns, pgx.CopyFromRows(t.rows)); err != nil {
			return err
		}
	}
	return note(ctx, tx, purposeStorage, w.ids, w.frames)
}

// frame turns a frame into rows.
func (w *writer) frame(id identity, f *telemetry.Frame) {
	boot := uuidOf(f.Boot)
	offset, quality, dated := int64(0), qualityOf(f.Quality), f.Dated()
	if !dated {
		if offset, dated = w.offsets[bootID{id.device, boot.Bytes}]; dated {
			quality = qualityEstimated
		}
	}
	if f.Gap != nil {
		w.gap(id, f.Gap, boot, quality, offset, dated)
		return
	}
	for i := range f.Samples {
		s := &f.Samples[i]
		switch {
		case !dated:
			w.undated = append(w.undated, w.undatedRow(id, f, s, i, boot))
		case s.Kind == telemetry.Value:
			w.samples = append(w.samples, []any{
				time.UnixMilli(s.Millis + offset), s.Value, id.epoch, id.seq, w.channel(id.device, s), int32(i), id.lane, quality,
			})
		default:
			w.events = append(w.events, []any{
				time.UnixMilli(s.Millis + offset), id.epoch, id.seq, id.device, int32(i), id.lane, quality, int16(s.Kind), s.Name, s.Word,
			})
		}
	}
}

// channel is known, unless it was forgotten since identify saw to it.
func (w *writer) channel(device int32, s *telemetry.Sample) int32 {
	n, ok := w.s.names.channel(channelKey{device, s.Name, s.Unit})
	w.forgot = w.forgot || !ok
	return n
}

func (w *writer) undatedRow(id identity, f *telemetry.Frame, s *telemetry.Sample, i int, boot pgtype.UUID) []any {
	row := []any{
		s.Millis, id.epoch, id.seq, boot, nil, id.device, nil, int32(i), id.lane, int16(s.Kind), nil, nil, bound(f.After), bound(f.Before),
	}
	if s.Kind == telemetry.Value {
		row[4], row[6] = s.Value, w.channel(id.device, s)
	} else {
		row[10], row[11] = s.Name, s.Word
	}
	return row
}

// bound is an instant, or NULL where it is not known.
func bound(ms int64) any {
	if ms == 0 {
		return nil
	}
	return time.UnixMilli(ms)
}

func (w *writer) gap(id identity, g *telemetry.Gap, boot pgtype.UUID, quality int16, offset int64, dated bool) {
	var n, t0, t1, bootT0, bootT1 any
	if g.N >= 0 {
		n = g.N
	}
	if dated {
		t1 = time.UnixMilli(g.T1 + offset)
	} else {
		bootT1 = g.T1
	}
	switch {
	case !g.T0Known:
	case dated:
		t0 = time.UnixMilli(g.T0 + offset)
	default:
		bootT0 = g.T0
	}
	w.gaps = append(w.gaps, []any{
		id.device, id.lane, id.epoch, id.seq, quality, boot, g.Cause, n, t0, t1, bootT0, bootT1, g.Channels,
	})
}
