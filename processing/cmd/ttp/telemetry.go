package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/processing/config"
	"github.com/telhub/telhub/processing/observe"
	"github.com/telhub/telhub/processing/postgres"
	"github.com/telhub/telhub/processing/queue"
	consumer "github.com/telhub/telhub/processing/telemetry"
	"github.com/telhub/telhub/uplink/frame"
)

// telemetry is what reads telhub's streams; all of it is nil where that is off.
type telemetry struct {
	redis      redis.UniversalClient
	db         *pgxpool.Pool
	storage    *consumer.Consumer
	alarms     *consumer.Consumer
	producer   *queue.Producer // of the dispatcher: alarms outlive a Redis that forgets
	dispatcher *postgres.Dispatcher
	keeper     *postgres.Keeper
	trimmer    *consumer.Trimmer // nil: off
	reading    atomic.Bool       // the schema is there, and frames are read
}

// Names of the consumer groups.
const (
	groupStorage = "storage"
	groupAlarms  = "alarms"
)

// openTelemetry prepares the readers; nothing connects yet.
func (d *daemon) openTelemetry() (err error) {
	c := &d.cfg.Telemetry
	if c.Stream == "" {
		return nil
	}
	t := &d.telemetry
	o, err := queueOptions(d.cfg)
	if err != nil {
		return err
	}
	// A connection for each shard and group, which may block, and for each worker.
	o.Conns = max(o.Conns, 2*c.Shards+d.cfg.Postgres.MaxConns+4)
	if t.redis, err = queue.Dial(o); err != nil {
		return err
	}
	if t.db, err = openPostgres(d.ctx, d.cfg); err != nil {
		return err
	}
	log := d.slog("telemetry")
	if t.producer, err = d.q.Producer(d.ctx, queue.ProducerOptions{}); err != nil {
		return err
	}
	enqueuer := &observe.Enqueuer{Queue: t.producer, Metrics: d.metrics, Tracer: d.tracer}
	t.dispatcher = postgres.NewDispatcher(t.db, enqueuer, postgres.DispatcherOptions{Class: queue.Critical, Dedup: d.cfg.Queue.Dedup, Log: log})
	t.keeper = &postgres.Keeper{Pool: t.db, Keep: c.Keep, Log: log}
	options := consumer.Options{
		Client: t.redis, Stream: c.Stream, Shards: c.Shards, Batch: c.Batch, Flush: c.Flush, Lease: c.Lease, Grace: d.cfg.Worker.Grace,
		Workers: d.cfg.Postgres.MaxConns, Log: log,
	}
	options.Group, options.Sink = groupStorage, postgres.NewStorage(t.db, postgres.StorageOptions{})
	if t.storage, err = consumer.New(options); err != nil {
		return err
	}
	options.Group, options.Sink = groupAlarms, postgres.NewAlarms(t.db, 0, t.dispatcher.Wake)
	options.Lanes, options.Workers = []frame.Lane{frame.Alarm}, 1
	if t.alarms, err = consumer.New(options); err != nil {
		return err
	}
	if c.Trim > 0 {
		t.trimmer = &consumer.Trimmer{Client: t.redis, Stream: c.Stream, Shards: c.Shards, Keep: c.Trim, Log: log}
		for l := range t.trimmer.Groups {
			t.trimmer.Groups[l] = []string{groupStorage}
		}
		t.trimmer.Groups[frame.Alarm] = []string{groupStorage, groupAlarms}
	}
	d.metrics.Telemetry(groupStorage, t.storage.Stats)
	d.metrics.Telemetry(groupAlarms, t.alarms.Stats)
	d.metrics.TelemetryRunning(t.reading.Load)
	return nil
}

func openPostgres(ctx context.Context, cfg *config.Config) (*pgxpool.Pool, error) {
	return postgres.Open(ctx, postgres.Options{URL: cfg.Postgres.URL.Reveal(), Password: cfg.Postgres.Password, MaxConns: cfg.Postgres.MaxConns})
}

// askPostgres is for ttp check.
func askPostgres(ctx context.Context, cfg *config.Config) error {
	db, err := openPostgres(ctx, cfg)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.Ping(ctx); err != nil {
		return fmt.Errorf("postgres: %w; check postgres.url, the password, and pg_hba.conf", err)
	}
	return nil
}

// runTelemetry brings the database's schema up to date, reads until ctx ends
// and closes what openTelemetry has opened. A database that is away is waited
// for: the frames wait in Redis.
func (d *daemon) runTelemetry(ctx context.Context) {
	t := &d.telemetry
	if t.storage == nil {
		return
	}
	defer t.redis.Close()
	defer t.db.Close()
	defer t.producer.Close(ctx) // what it keeps, the dispatcher sends again at the next start
	if !d.migrate(ctx) {
		return
	}
	t.reading.Store(true)
	defer t.reading.Store(false)
	var parts sync.WaitGroup
	parts.Go(func() { t.storage.Run(ctx) })
	parts.Go(func() { t.alarms.Run(ctx) })
	parts.Go(func() { t.dispatcher.Run(ctx) })
	parts.Go(func() { t.keeper.Run(ctx) })
	if t.trimmer != nil {
		parts.Go(func() { t.trimmer.Run(ctx) })
	}
	parts.Wait()
}

// migrateEvery is how often a database that is away is asked again.
const migrateEvery = 5 * time.Second

// migrate returns false if ctx ended before the schema was there.
func (d *daemon) migrate(ctx context.Context) bool {
	tick := time.NewTicker(migrateEvery)
	defer tick.Stop()
	for failed := false; ; failed = true {
		err := postgres.Migrate(ctx, d.telemetry.db)
		if err == nil {
			return true
		}
		if !failed && ctx.Err() == nil {
			d.log.Warn().Err(err).Msg("the database is not ready; telemetry waits in Redis, and it is tried again")
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
}

// checks tell whether the database answers.
func (t *telemetry) checks(ctx context.Context) []observe.Check {
	if t.db == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	check := observe.Check{Name: "postgres", OK: true}
	if err := t.db.Ping(ctx); err != nil {
		check.OK, check.Detail = false, err.Error()
	}
	return []observe.Check{check}
}

// status tells what the readers have done.
func (t *telemetry) status() (list []observe.Consumer) {
	if t.storage == nil {
		return nil
	}
	for _, c := range []struct {
		group string
		stats consumer.Stats
	}{{groupStorage, t.storage.Stats()}, {groupAlarms, t.alarms.Stats()}} {
		list = append(list, observe.Consumer{
			Group: c.group, Frames: c.stats.Frames, Rows: c.stats.Rows, Duplicates: c.stats.Duplicates, Dead: c.stats.Dead, Held: c.stats.Held,
		})
	}
	return list
}
