package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/telhub/telhub/processing/telemetry"
	"github.com/telhub/telhub/processing/telemetry/streamtest"
	"github.com/telhub/telhub/uplink/frame"
)

func TestMigrateTogetherAndAgain(t *testing.T) {
	pool := open(t, database(t))
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			if err := Migrate(context.Background(), pool); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	want(t, pool, "1", "SELECT count(*) FROM telhub.version")
	if _, err := pool.Exec(t.Context(), "INSERT INTO telhub.version VALUES (99)"); err != nil {
		t.Fatal(err)
	}
	if err := Migrate(t.Context(), pool); err == nil || !strings.Contains(err.Error(), "update ttp") {
		t.Errorf("a newer schema: %v", err)
	}
}

func TestRowsAreWhatFramesHold(t *testing.T) {
	pool := migrated(t)
	s := NewStorage(pool, StorageOptions{})
	f := data("pi-01", 2, 7, 2)
	f.Samples = append(f.Samples,
		telemetry.Sample{Name: "s/c0", Millis: streamtest.Base + 7500, Kind: telemetry.Status, Word: "lost"},
		telemetry.Sample{Name: "s/c1", Unit: "K", Millis: streamtest.Base + 7600, Value: math.Inf(-1)})
	gap := &telemetry.Frame{
		Device: "pi-01", Lane: backfill, ID: frame.ID{Epoch: 2, Seq: 9}, Quality: "gnss", Boot: streamtest.Boot,
		Gap: &telemetry.Gap{Cause: "power_cut", N: -1, T0: streamtest.Base, T0Known: true, T1: streamtest.Base + 5000, Channels: []string{"s/c0"}},
	}
	if r := store(t, s, f, gap); r != (telemetry.Result{Frames: 2, Rows: 4}) {
		t.Errorf("result %+v", r)
	}
	want(t, pool, `pi-01/live/2/7#0|s/c0|Cel|2026-06-01 12:00:07|7000|ntp
pi-01/live/2/7#1|s/c1|Cel|2026-06-01 12:00:07.001|7001|ntp
pi-01/live/2/7#3|s/c1|K|2026-06-01 12:00:07.6|-Infinity|ntp`,
		"SELECT correlation, channel, unit, time::text::timestamp::text, value::text, quality FROM telhub.samples ORDER BY 1")
	want(t, pool, "pi-01/live/2/7#2|s/c0|status|lost|2026-06-01 12:00:07.5", "SELECT correlation, channel, kind, word, time::timestamp::text FROM telhub.events")
	want(t, pool, "power_cut|<nil>|2026-06-01 12:00:00|2026-06-01 12:00:05|3|{s/c0}",
		"SELECT cause, samples, t0::timestamp::text, t1::timestamp::text, quality, channels::text FROM telhub.gap")
	want(t, pool, "sample_20260601", "SELECT name FROM telhub.partition")
}

func TestFramesThatComeAgainChangeNothing(t *testing.T) {
	pool := migrated(t)
	s := NewStorage(pool, StorageOptions{})
	store(t, s, data("a", 1, 1, 3), data("a", 1, 2, 3))
	r := store(t, s, data("a", 1, 2, 3), data("a", 1, 3, 3), data("a", 1, 3, 3), data("b", 1, 2, 3))
	if r != (telemetry.Result{Frames: 2, Rows: 6, Duplicates: 2}) {
		t.Errorf("result %+v", r)
	}
	// another process, which remembers nothing
	if r := store(t, NewStorage(pool, StorageOptions{}), data("a", 1, 1, 3), data("b", 1, 2, 3)); r != (telemetry.Result{Duplicates: 2}) {
		t.Errorf("result %+v", r)
	}
	want(t, pool, "12", "SELECT count(*) FROM telhub.sample")
	want(t, pool, "a|{[1,4)}|3|9\nb|{[2,3)}|1|3", `SELECT d.name, l.seen::text, l.frames, l.samples FROM telhub.ledger l JOIN telhub.device d ON d.id = l.device ORDER BY 1`)
}

// A mark "seq > last" would drop what commits late.
func TestFourWorkersCommitOutOfOrder(t *testing.T) {
	pool := migrated(t)
	s := NewStorage(pool, StorageOptions{})
	const frames, devices = 400, 3
	var batches [][]*telemetry.Frame
	for d := range devices {
		for seq := uint64(1); seq <= frames; {
			var b []*telemetry.Frame
			for range 1 + rand.IntN(30) {
				b = append(b, data(fmt.Sprint("pi-", d), 1+seq%2, seq, 2))
				seq++
			}
			if seq > frames+1 {
				b = b[:len(b)-int(seq-frames-1)]
			}
			batches = append(batches, b, b) // each twice, perhaps at the same time
		}
	}
	rand.Shuffle(len(batches), func(i, j int) { batches[i], batches[j] = batches[j], batches[i] })
	work := make(chan []*telemetry.Frame)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var sum telemetry.Result
	for range 4 {
		wg.Go(func() {
			for b := range work {
				r, err := s.Store(context.Background(), b)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				sum.Frames, sum.Duplicates = sum.Frames+r.Frames, sum.Duplicates+r.Duplicates
				mu.Unlock()
			}
		})
	}
	for _, b := range batches {
		work <- b
	}
	close(work)
	wg.Wait()
	if sum.Frames != frames*devices || sum.Duplicates != frames*devices {
		t.Errorf("%+v, want %d of each", sum, frames*devices)
	}
	want(t, pool, fmt.Sprint(2*frames*devices), "SELECT count(*) FROM telhub.sample")
	want(t, pool, "0", "SELECT count(*) - count(DISTINCT (channel, epoch, seq, idx)) FROM telhub.sample")
	want(t, pool, fmt.Sprint(frames*devices/2), "SELECT max(n)::bigint FROM (SELECT sum(frames) AS n FROM telhub.ledger GROUP BY epoch) x")
}

func TestLedgerIsOneRangeInTheEnd(t *testing.T) {
	pool := migrated(t)
	s := NewStorage(pool, StorageOptions{})
	for _, seq := range rand.Perm(200) {
		store(t, s, data("a", 1, uint64(seq)+1, 1))
	}
	want(t, pool, "{[1,201)}", "SELECT seen::text FROM telhub.ledger")
}

func TestErrorsAreToldApart(t *testing.T) {
	pool := migrated(t)
	s := NewStorage(pool, StorageOptions{})
	bad := data("a", 1, 1, 2)
	bad.Samples[1].Name = "a\xff"
	if _, err := s.Store(t.Context(), []*telemetry.Frame{bad}); !errors.Is(err, telemetry.ErrRejected) {
		t.Errorf("a name that is no text: %v", err)
	}
	long := data("a", 1, 1, 1)
	long.Samples[0].Name = randomText(10000) // no index holds it
	if _, err := s.Store(t.Context(), []*telemetry.Frame{long}); !errors.Is(err, telemetry.ErrRejected) {
		t.Errorf("a name that is too long: %v", err)
	}
	store(t, s, data("a", 1, 1, 1))
	if _, err := pool.Exec(t.Context(), "ALTER TABLE telhub.sample RENAME TO gone"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Store(t.Context(), []*telemetry.Frame{data("a", 1, 2, 1)}); err == nil || errors.Is(err, telemetry.ErrRejected) || !strings.Contains(err.Error(), "telemetry_sink.md") {
		t.Errorf("a table that is gone: %v", err)
	}
	if _, err := pool.Exec(t.Context(), "ALTER TABLE telhub.gone RENAME TO sample"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Store(ctx, []*telemetry.Frame{data("a", 1, 2, 1)}); err == nil || errors.Is(err, telemetry.ErrRejected) {
		t.Errorf("a context that has ended: %v", err)
	}
	if r := store(t, s, data("a", 1, 2, 1)); r.Frames != 1 {
		t.Errorf("result %+v after the errors", r)
	}
}

// randomText does not compress.
func randomText(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + rand.IntN(26))
	}
	return string(b)
}

// Numbers that are remembered are wrong when the database is another one.
func TestDatabaseThatWasRestoredIsNoticed(t *testing.T) {
	c, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	url := c.Database(t)
	pool := open(t, url)
	if err := Migrate(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	s := NewStorage(pool, StorageOptions{})
	store(t, s, data("other", 1, 1, 3), data("a", 1, 1, 3))
	if _, err := pool.Exec(t.Context(), "DROP SCHEMA telhub CASCADE"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Store(t.Context(), []*telemetry.Frame{data("a", 1, 2, 3)}); err == nil {
		t.Fatal("stored without tables")
	}
	if err := Migrate(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a store into the new tables", func() bool {
		_, err := s.Store(context.Background(), []*telemetry.Frame{data("a", 1, 2, 3)})
		return err == nil
	})
	want(t, pool, "a|3", "SELECT device, count(*) FROM telhub.samples GROUP BY 1")
}

func TestSamplesFindTheirPartition(t *testing.T) {
	pool := migrated(t)
	s := NewStorage(pool, StorageOptions{Partition: 24 * time.Hour})
	at := func(seq uint64, when time.Time) *telemetry.Frame {
		f := data("a", 1, seq, 1)
		f.Samples[0].Millis = when.UnixMilli()
		return f
	}
	now := time.Now()
	store(t, s, at(1, now), at(2, now.Add(-24*time.Hour)), at(3, now.Add(-400*24*time.Hour)))
	store(t, s, at(4, time.Unix(0, 0)), at(5, now.Add(30*24*time.Hour)), at(6, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)))
	want(t, pool, "3", "SELECT count(*) FROM telhub.partition")
	want(t, pool, "3", "SELECT count(*) FROM telhub.sample_default")
	// A month later the default partition has what a new one is for.
	future := now.Add(30 * 24 * time.Hour).UnixMilli()
	p := newPartitions(pool, 7*24*time.Hour)
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	known, err := spans(t.Context(), tx)
	if err != nil {
		t.Fatal(err)
	}
	i, _ := find(known, future)
	if err := create(t.Context(), tx, p.spanFor(future, known, i)); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(t, pool, "4", "SELECT count(*) FROM telhub.partition")
	want(t, pool, "2", "SELECT count(*) FROM telhub.sample_default")
	want(t, pool, "6", "SELECT count(*) FROM telhub.sample")

	dropped, err := DropBefore(t.Context(), pool, now.Add(-100*24*time.Hour))
	if err != nil || len(dropped) != 1 {
		t.Errorf("dropped %v, %v; want one", dropped, err)
	}
	want(t, pool, "4", "SELECT count(*) FROM telhub.sample") // without 1970 and the one of 400 days ago
	if r := store(t, NewStorage(pool, StorageOptions{}), at(7, now.Add(-400*24*time.Hour))); r.Frames != 1 {
		t.Error("what is older than the retention is not taken")
	}
}

func TestPartitionsOfOtherWidthsFitBetween(t *testing.T) {
	p := newPartitions(nil, 7*24*time.Hour)
	d := day.Milliseconds()
	week := p.bucket(streamtest.Base)
	if time.UnixMilli(week.lo).UTC().Weekday() != time.Monday || week.hi-week.lo != 7*d {
		t.Errorf("bucket %v", week)
	}
	known := []span{{week.lo - d, week.lo + d}, {week.lo + 3*d, week.lo + 4*d}}
	for _, c := range []struct {
		t    int64
		want span
	}{{week.lo + 2*d, span{week.lo + d, week.lo + 3*d}}, {week.lo + 5*d, span{week.lo + 4*d, week.hi}}, {week.lo - 2*d, span{week.lo - 7*d, week.lo - d}}} {
		i, ok := find(known, c.t)
		if got := p.spanFor(c.t, known, i); ok || got != c.want {
			t.Errorf("%d: %v (%v), want %v", c.t, got, ok, c.want)
		}
	}
	if got := p.bucket(-5); got.lo > -5 || got.hi <= -5 {
		t.Errorf("before 1970: %v", got)
	}
}
