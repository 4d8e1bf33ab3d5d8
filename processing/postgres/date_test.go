package postgres

import (
	"testing"

	"github.com/telhub/telhub/processing/telemetry"
	"github.com/telhub/telhub/processing/telemetry/streamtest"
	"github.com/telhub/telhub/uplink/frame"
)

// Frames 1 to 3 go out before the clock is set, a second apart; 4 is dated.
func TestUndatedFramesGetTheirBootsDate(t *testing.T) {
	pool := migrated(t)
	s := NewStorage(pool, StorageOptions{})
	event := undated(data("a", 1, 3, 2))
	event.Samples[1] = telemetry.Sample{Name: "s/c1", Millis: 3001, Kind: telemetry.Status, Word: "bad"}
	gap := &telemetry.Frame{
		Device: "a", Lane: live, ID: frame.ID{Epoch: 1, Seq: 9}, Quality: "unset", Boot: streamtest.Boot,
		Gap: &telemetry.Gap{Cause: "ring_overrun", N: 3, T0: 500, T0Known: true, T1: 900},
	}
	store(t, s, undated(data("a", 1, 1, 2)), event, gap)
	want(t, pool, "4|0", "SELECT (SELECT count(*) FROM telhub.undated), (SELECT count(*) FROM telhub.sample)")
	if n, err := Date(t.Context(), pool, 0); n != 0 || err != nil {
		t.Errorf("%d dated without any date, %v", n, err)
	}
	store(t, s, data("a", 1, 4, 2)) // commits before 2 does
	if n, err := Date(t.Context(), pool, 1e12); n != 0 || err != nil {
		t.Errorf("%d dated before it settles, %v", n, err)
	}
	store(t, s, undated(data("a", 1, 2, 2)), undated(data("other", 1, 2, 2)))
	n, err := Date(t.Context(), pool, 0)
	if n != 6 || err != nil {
		t.Errorf("%d dated, %v; want 6", n, err)
	}
	// From 3001, the last without a date, to 4000, the first with one, were 999
	// ms: so much they are late, all of them.
	want(t, pool, "1000|estimated|1999\n1001|estimated|2000\n2000|estimated|2999\n2001|estimated|3000\n3000|estimated|3999\n4000|ntp|4000\n4001|ntp|4001",
		"SELECT value, quality, (extract(epoch FROM time) * 1000)::bigint - $1 FROM telhub.samples ORDER BY value", streamtest.Base)
	want(t, pool, "bad|4000", "SELECT word, (extract(epoch FROM time) * 1000)::bigint - $1 FROM telhub.events", streamtest.Base)
	want(t, pool, "4|1499|1899", "SELECT quality, (extract(epoch FROM t0) * 1000)::bigint - $1, (extract(epoch FROM t1) * 1000)::bigint - $1 FROM telhub.gap", streamtest.Base)
	want(t, pool, "2", "SELECT count(*) FROM telhub.undated") // the other device's

	// What comes later, from a backlog, gets the same date at once.
	late := undated(data("a", 1, 5, 1))
	late.Lane, late.Samples[0].Millis, late.T0, late.T1 = backfill, 1500, 1500, 1500
	store(t, s, late)
	want(t, pool, "2499|4", "SELECT (extract(epoch FROM time) * 1000)::bigint - $1, quality FROM telhub.sample WHERE lane = 2", streamtest.Base)
	r, err := Audit(t.Context(), pool, AuditOptions{Rows: true})
	if err != nil || r.Lanes[1].Device != "a" || r.Lanes[1].Lane != "backfill" {
		t.Fatalf("%+v, %v", r, err)
	}
	if l := r.Lanes[0]; l.Rows.Samples != 7 || l.Rows.Events != 1 || l.Rows.Twice != 0 || l.Samples != 8 || l.Lost != 3 {
		t.Errorf("balance %+v of rows %+v", l, l.Rows)
	}
}

func TestBoundsOfUndatedFramesAreKept(t *testing.T) {
	pool := migrated(t)
	s := NewStorage(pool, StorageOptions{})
	f := undated(data("a", 1, 1, 1))
	f.After, f.Before = streamtest.Base-5000, streamtest.Base+5000
	store(t, s, f)
	want(t, pool, "2026-06-01 11:59:55|2026-06-01 12:00:05", "SELECT after::timestamp::text, before::timestamp::text FROM telhub.undated")
}

func TestKeeperCleansUpWithinBounds(t *testing.T) {
	pool := migrated(t)
	for _, sql := range []string{
		"INSERT INTO telhub.done (id, at) SELECT i::text, now() - i * interval '1 hour' FROM generate_series(1, 25000) i",
		"INSERT INTO telhub.outbox (id, correlation, payload, sent) SELECT i::text, '', '{}', now() - i * interval '1 day' FROM generate_series(1, 20) i",
		"INSERT INTO telhub.outbox (id, correlation, payload, created) VALUES ('waits', '', '{}', now() - interval '1 year')",
	} {
		if _, err := pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	k := Keeper{Pool: pool}
	did, err := k.Once(t.Context())
	if err != nil || did.Once != 25000-30*24+1 || did.Sent != 20-7+1 {
		t.Errorf("%+v, %v", did, err)
	}
	want(t, pool, "719|7", "SELECT (SELECT count(*) FROM telhub.done), (SELECT count(*) FROM telhub.outbox)")
}
