package postgres

import (
	"context"
	"testing"

	"github.com/telhub/telhub/processing/telemetry"
	"github.com/telhub/telhub/processing/telemetry/streamtest"
	"github.com/telhub/telhub/uplink/frame"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

func gapFrame(device string, epoch, seq uint64, n int64) *telemetry.Frame {
	return &telemetry.Frame{
		Device: device, Lane: live, ID: frame.ID{Epoch: epoch, Seq: seq}, Quality: "ntp", Boot: streamtest.Boot,
		Gap: &telemetry.Gap{Cause: "store_full", N: n, T1: streamtest.Base},
	}
}

func audited(t *testing.T, o AuditOptions, frames ...*telemetry.Frame) LaneReport {
	t.Helper()
	pool := migrated(t)
	store(t, NewStorage(pool, StorageOptions{}), frames...)
	r, err := Audit(t.Context(), pool, o)
	if err != nil || len(r.Lanes) != 1 || r.Balanced != (len(r.Lanes[0].Findings) == 0) {
		t.Fatalf("%+v, %v", r, err)
	}
	return r.Lanes[0]
}

func TestAuditAddsUpAndFindsHoles(t *testing.T) {
	l := audited(t, AuditOptions{Rows: true, Whole: true},
		data("a", 1, 1, 2), data("a", 1, 2, 2), gapFrame("a", 1, 8, 12), data("a", 1, 9, 2), // 3 to 8 are declared
		data("a", 2, 1, 2), data("a", 2, 4, 2), gapFrame("a", 2, 5, -1)) // 2/2 and 2/3 are not
	if l.Samples != 10 || l.Lost != 12 || l.Unknown != 1 || l.Acquired != 22 || l.Frames != 5 || l.GapRecords != 2 || l.Epochs != 2 || l.First != "1/1" || l.Last != "2/5" {
		t.Errorf("%+v", l)
	}
	if len(l.Findings) != 1 || l.Missing != 2 || l.Findings[0].Kind != "hole" || l.Findings[0].ID != "2/2" || l.Findings[0].Until != "2/3" {
		t.Errorf("findings %+v", l.Findings)
	}
}

func TestAuditOfATrimmedBeginning(t *testing.T) {
	if l := audited(t, AuditOptions{}, data("a", 3, 7, 1)); len(l.Findings) != 0 {
		t.Errorf("%+v", l)
	}
	if l := audited(t, AuditOptions{Whole: true}, data("a", 3, 7, 1)); len(l.Findings) != 1 || l.Missing != 6 {
		t.Errorf("%+v", l)
	}
}

func TestAuditNoticesRowsThatAreNotTheLedgers(t *testing.T) {
	pool := migrated(t)
	store(t, NewStorage(pool, StorageOptions{}), data("a", 1, 1, 3), data("b", 1, 1, 3))
	for _, sql := range []string{
		"INSERT INTO telhub.sample SELECT * FROM telhub.sample WHERE channel = (SELECT min(channel) FROM telhub.sample)",
		"DELETE FROM telhub.sample WHERE channel = (SELECT max(channel) FROM telhub.sample)",
	} {
		if _, err := pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	r, err := Audit(t.Context(), pool, AuditOptions{Rows: true})
	if err != nil || r.Balanced || r.Unexplained != 3 {
		t.Errorf("%+v, %v; want a row too many, one twice, and one missing", r, err)
	}
	if r, err := Audit(t.Context(), pool, AuditOptions{Rows: true, Device: "b"}); err != nil || len(r.Lanes) != 1 || r.Unexplained != 1 {
		t.Errorf("one device: %+v, %v", r, err)
	}
}

func TestCompareWithTheStreams(t *testing.T) {
	srv := redistest.Start(t)
	pool := migrated(t)
	c := client(t, srv.Addr())
	a := streamtest.New(t, srv.Addr(), stream, 1, "pi-01")
	for range 10 {
		a.Frame(live, 3)
	}
	a.Gap(live, 1, 4, "ring_overrun")
	differences := func() []Difference {
		t.Helper()
		r, err := Audit(t.Context(), pool, AuditOptions{})
		if err != nil {
			t.Fatal(err)
		}
		streams, err := AuditStreams(t.Context(), c, stream, 1)
		if err != nil {
			t.Fatal(err)
		}
		return r.Compare(streams)
	}
	if d := differences(); len(d) != 1 {
		t.Errorf("nothing is stored: %+v", d)
	}
	_, stop := begin(t, telemetry.Options{Client: c, Sink: NewStorage(pool, StorageOptions{})})
	eventually(t, "everything stored", func() bool { return settled(t, c, "storage", 1) })
	stop()
	if d := differences(); len(d) != 0 {
		t.Errorf("all is stored: %+v", d)
	}
	a.Frame(live, 3)
	if d := differences(); len(d) != 1 || d[0].Device != "pi-01" || d[0].Lane != "live" {
		t.Errorf("one frame is not stored: %+v", d)
	}
	c.XTrimMaxLen(context.Background(), telemetry.StreamKey(stream, 0, live), 1)
	store(t, NewStorage(pool, StorageOptions{}), data("pi-01", 1, 12, 3))
	if d := differences(); len(d) != 0 {
		t.Errorf("the stream was trimmed: %+v", d)
	}
}
