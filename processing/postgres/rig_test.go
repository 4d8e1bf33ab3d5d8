package postgres

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/processing/postgres/postgrestest"
	"github.com/telhub/telhub/processing/telemetry"
	"github.com/telhub/telhub/processing/telemetry/streamtest"
	"github.com/telhub/telhub/uplink/frame"
)

const (
	stream   = "telhub"
	alarm    = frame.Alarm
	live     = frame.Live
	backfill = frame.Backfill
)

// shared is a cluster for tests that neither stop nor kill it.
var shared = sync.OnceValues(postgrestest.New)

func TestMain(m *testing.M) {
	if os.Getenv(envConsume) != "" {
		os.Exit(consume())
	}
	code := m.Run()
	if c, err := shared(); err == nil {
		c.Close()
	}
	os.Exit(code)
}

// database is an empty database of the shared cluster.
func database(tb testing.TB) string {
	tb.Helper()
	c, err := shared()
	if err != nil {
		tb.Fatal(err)
	}
	return c.Database(tb)
}

func open(tb testing.TB, url string) *pgxpool.Pool {
	tb.Helper()
	pool, err := Open(context.Background(), Options{URL: url, MaxConns: 8})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(pool.Close)
	return pool
}

// migrated is a pool over an empty database with the schema.
func migrated(tb testing.TB) *pgxpool.Pool {
	tb.Helper()
	pool := open(tb, database(tb))
	if err := Migrate(tb.Context(), pool); err != nil {
		tb.Fatal(err)
	}
	return pool
}

// value runs a query of one row and one column, as text.
func value(tb testing.TB, pool *pgxpool.Pool, sql string, args ...any) string {
	tb.Helper()
	rows, err := pool.Query(context.Background(), sql, args...)
	if err != nil {
		tb.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		v, err := row.Values()
		text := make([]string, len(v))
		for i := range v {
			text[i] = fmt.Sprint(v[i])
		}
		return strings.Join(text, "|"), err
	})
	if err != nil {
		tb.Fatalf("%s: %v", sql, err)
	}
	return strings.Join(lines, "\n")
}

func want(tb testing.TB, pool *pgxpool.Pool, text, sql string, args ...any) {
	tb.Helper()
	if got := value(tb, pool, sql, args...); got != text {
		tb.Errorf("%s\n got %s\nwant %s", sql, got, text)
	}
}

// data is a dated frame of lane live: value i of frame s is s·1000 + i, at
// millisecond s·1000 + i after streamtest.Base.
func data(device string, epoch, seq uint64, n int) *telemetry.Frame {
	f := &telemetry.Frame{
		Device: device, Lane: live, ID: frame.ID{Epoch: epoch, Seq: seq}, Quality: "ntp", Boot: streamtest.Boot,
	}
	for i := range n {
		v := int64(seq)*1000 + int64(i)
		f.Samples = append(f.Samples, telemetry.Sample{Name: fmt.Sprintf("s/c%d", i%3), Unit: "Cel", Millis: streamtest.Base + v, Value: float64(v)})
	}
	f.T0, f.T1 = f.Samples[0].Millis, f.Samples[n-1].Millis
	return f
}

// undated makes f a frame without date.
func undated(f *telemetry.Frame) *telemetry.Frame {
	f.Quality = "unset"
	f.T0, f.T1 = f.T0-streamtest.Base, f.T1-streamtest.Base
	for i := range f.Samples {
		f.Samples[i].Millis -= streamtest.Base
	}
	return f
}

func store(tb testing.TB, s telemetry.Sink, frames ...*telemetry.Frame) telemetry.Result {
	tb.Helper()
	r, err := s.Store(context.Background(), frames)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func client(tb testing.TB, addr string) *redis.Client {
	c := newClient(addr)
	tb.Cleanup(func() { c.Close() })
	return c
}

// begin runs a consumer until the returned function is called.
func begin(tb testing.TB, o telemetry.Options) (*telemetry.Consumer, func()) {
	tb.Helper()
	o.Stream = stream
	if o.Group == "" {
		o.Group = "storage"
	}
	c, err := telemetry.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.Run(ctx)
	}()
	stop := sync.OnceFunc(func() {
		cancel()
		<-ended
	})
	tb.Cleanup(stop)
	return c, stop
}

// settled reports whether nothing of the group is pending or waiting.
func settled(tb testing.TB, c *redis.Client, group string, shards int) bool {
	tb.Helper()
	x, err := telemetry.New(telemetry.Options{Client: c, Stream: stream, Shards: shards, Group: group, Sink: &Storage{}})
	if err != nil {
		tb.Fatal(err)
	}
	lags, err := x.Lags(context.Background())
	for _, l := range lags {
		if !grouped(c, l.Stream, group) {
			return false
		}
	}
	if err == nil {
		lags, err = x.Lags(context.Background()) // of groups that are there now
	}
	if err != nil {
		return false // the server may be away
	}
	for _, l := range lags {
		if l.Pending != 0 || l.Oldest != 0 {
			return false
		}
	}
	return true
}

// grouped reports whether a stream, if it is there, has the group: before the
// first read it has not, and nothing seems to be left.
func grouped(c *redis.Client, key, group string) bool {
	groups, err := c.XInfoGroups(context.Background(), key).Result()
	if err != nil {
		return strings.Contains(err.Error(), "no such key")
	}
	return slices.ContainsFunc(groups, func(g redis.XInfoGroup) bool { return g.Name == group })
}

// wantBalance compares the database with what the streams hold, row by row, and
// with what the agents sent.
func wantBalance(tb testing.TB, pool *pgxpool.Pool, c *redis.Client, shards int, agents ...*streamtest.Agent) {
	tb.Helper()
	ctx := context.Background()
	r, err := Audit(ctx, pool, AuditOptions{Rows: true, Whole: true})
	if err != nil {
		tb.Fatal(err)
	}
	if !r.Balanced {
		tb.Errorf("the database does not balance: %+v", r)
	}
	streams, err := AuditStreams(ctx, c, stream, shards)
	if err != nil {
		tb.Fatal(err)
	}
	if diff := r.Compare(streams); len(diff) > 0 || !streams.Balanced {
		tb.Errorf("differences from the streams: %+v; streams balanced: %v", diff, streams.Balanced)
	}
	for _, a := range agents {
		for l := range frame.Lanes {
			var got LaneReport
			for _, x := range r.Lanes {
				if x.Device == a.Device && x.Lane == frame.Lane(l).String() {
					got = x
				}
			}
			if n := got.Frames + got.GapRecords; n != int64(a.Frames(frame.Lane(l))) {
				tb.Errorf("%s/%v: %d frames are stored, %d were sent", a.Device, frame.Lane(l), n, a.Frames(frame.Lane(l)))
			}
		}
		n := value(tb, pool, `SELECT (SELECT count(*) FROM telhub.samples WHERE device = $1) + (SELECT count(*) FROM telhub.events WHERE device = $1)`, a.Device)
		if n != fmt.Sprint(a.Values) {
			tb.Errorf("%s: %s rows, %d samples were sent", a.Device, n, a.Values)
		}
		// each value stands at its own time under its own name; the index counts
		// in decoded order, which is another
		want(tb, pool, "0|0", `SELECT count(*) FILTER (WHERE s.value::bigint / 1000 <> s.seq OR s.time <> to_timestamp(($2::bigint + s.value) / 1000.0)
				OR c.name <> (ARRAY['greenhouse/temperature','greenhouse/humidity','meter/count'])[s.value::bigint % 1000 % 3 + 1]),
				count(*) - count(DISTINCT (s.lane, s.epoch, s.value))
			FROM telhub.sample s JOIN telhub.channel c ON c.id = s.channel JOIN telhub.device d ON d.id = c.device WHERE d.name = $1`,
			a.Device, streamtest.Base)
	}
}

func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	streamtest.Eventually(tb, what, ok)
}

type lane = frame.Lane

func newClient(addr string) *redis.Client {
	return redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1, PoolSize: 20})
}

func newCluster(tb testing.TB) *postgrestest.Cluster { return postgrestest.Start(tb) }
