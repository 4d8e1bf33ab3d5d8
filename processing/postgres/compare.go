package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/agent/audit"
	"github.com/telhub/telhub/processing/telemetry"
	"github.com/telhub/telhub/uplink/frame"
)

// AuditStreams reads the streams from their first entry and judges them as
// `telhub audit` does.
func AuditStreams(ctx context.Context, c redis.UniversalClient, stream string, shards int) (*audit.Report, error) {
	a := audit.New(audit.Options{})
	for shard := range max(shards, 1) {
		for l := range frame.Lanes {
			if err := auditStream(ctx, c, a, shard, frame.Lane(l), telemetry.StreamKey(stream, shard, frame.Lane(l))); err != nil {
				return nil, err
			}
		}
	}
	return a.Finish(), nil
}

func auditStream(ctx context.Context, c redis.UniversalClient, a *audit.Auditor, shard int, l frame.Lane, key string) error {
	from := "-"
	for {
		got, err := c.XRangeN(ctx, key, from, "+", 500).Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			return fmt.Errorf("redis: read %s: %w", key, err)
		}
		if len(got) == 0 {
			return nil
		}
		for _, m := range got {
			e := audit.Entry{Shard: shard, Lane: l, At: m.ID}
			if err := e.Parse(m.Values); err != nil {
				a.Foreign(key, m.ID, err)
				continue
			}
			a.Add(&e)
		}
		from = "(" + got[len(got)-1].ID
	}
}

// Difference is where the database and the streams disagree.
type Difference struct {
	Device string `json:"device"`
	Lane   string `json:"lane"`
	Text   string `json:"text"`
}

// Compare looks for what the streams hold and the database does not. A stream
// that was trimmed holds less than the database, which is no difference; nor is
// what the agent declared lost after a server had lost it and the database had
// it already.
func (r *Report) Compare(streams *audit.Report) (found []Difference) {
	for i := range streams.Devices {
		d := &streams.Devices[i]
		for j := range d.Lanes {
			l := &d.Lanes[j]
			if text := r.compareLane(d.Device, l); text != "" {
				found = append(found, Difference{d.Device, l.Lane, text})
			}
		}
	}
	return found
}

func (r *Report) compareLane(device string, want *audit.Lane) string {
	var got LaneReport
	for i := range r.Lanes {
		if r.Lanes[i].Device == device && r.Lanes[i].Lane == want.Lane {
			got = r.Lanes[i]
		}
	}
	switch {
	case want.Last != "" && parseID(got.Last).Less(parseID(want.Last)):
		return fmt.Sprintf("the last frame is %s, that of the stream %s: not all of it is stored yet", got.Last, want.Last)
	case got.Frames < want.Frames-want.Unreadable || got.Samples < want.Samples:
		return fmt.Sprintf("%d frames with %d samples are stored, the stream holds %d with %d", got.Frames, got.Samples, want.Frames, want.Samples)
	case got.GapRecords < want.GapRecords || got.Lost < want.Lost || got.Unknown < want.Unknown:
		return fmt.Sprintf("%d gap records are stored that declare %d samples, the stream holds %d that declare %d", got.GapRecords, got.Lost, want.GapRecords, want.Lost)
	case want.Trimmed == nil && got.Samples > want.Samples && want.Missing == 0 && !rewound(want):
		return fmt.Sprintf("%d samples are stored, the whole stream holds %d", got.Samples, want.Samples)
	}
	return ""
}

// rewound reports whether the agent declared what a server had lost.
func rewound(l *audit.Lane) bool {
	for _, c := range l.Causes {
		if c.Cause == string(frame.ServerRewind) {
			return true
		}
	}
	return false
}
