package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"github.com/telhub/telhub/processing/config"
	"github.com/telhub/telhub/processing/observe"
	"github.com/telhub/telhub/processing/queue"
	"github.com/telhub/telhub/processing/worker"
)

// cmdRun works on tasks until SIGINT or SIGTERM. SIGHUP reads log.level again.
func (e *env) cmdRun(args []string) error {
	f := e.flags()
	untilEmpty := f.Bool("until-empty", false, "end when nothing waits, runs or is delayed any more")
	if err := parseNone(f, args); err != nil {
		return err
	}
	cfg, err := e.load()
	if err != nil {
		return err
	}
	o, err := queueOptions(cfg)
	if err != nil {
		return err
	}
	// A Redis that is not there at the start is told at once; whoever restarts
	// ttp tries again. Later on it is waited for.
	if err := askRedis(e.ctx, cfg); err != nil {
		return err
	}
	q, err := queue.Open(e.ctx, o)
	if err != nil {
		return err
	}
	defer q.Close()
	d, err := e.newDaemon(cfg, q)
	if err != nil {
		return err
	}
	defer d.server.close()
	return d.run(*untilEmpty)
}

// daemon is what ttp run consists of.
type daemon struct {
	*env
	cfg     *config.Config
	q       *queue.Queue
	name    string
	began   time.Time
	log     zerolog.Logger
	level   *leveled
	metrics *observe.Metrics
	watch   *observe.Watch
	tracer  *observe.Tracer
	pool    *worker.Pool
	sum     *summary
	server  *face
	telemetry
	state
}

// newDaemon prepares everything and opens the listener.
func (e *env) newDaemon(cfg *config.Config, q *queue.Queue) (*daemon, error) {
	d := &daemon{env: e, cfg: cfg, q: q, name: consumerName(cfg.Worker.Name), began: time.Now(), metrics: observe.NewMetrics(version), sum: &summary{}}
	d.log, d.level = newLog(cfg.Log, e.stderr)
	var err error
	if d.tracer, err = observe.NewTracer(e.ctx, observe.TracerOptions{
		Endpoint: cfg.Tracing.Endpoint, Service: cfg.Tracing.Service, Version: version, Ratio: cfg.Tracing.Ratio,
	}); err != nil {
		return nil, err
	}
	d.metrics.Traces(d.tracer)
	reserved := cfg.Worker.Reserved
	if reserved == 0 {
		reserved = -1 // which means none there
	}
	logger := d.log.With().Str("component", "worker").Logger()
	d.pool = worker.New(q, worker.Options{
		Workers: cfg.Worker.Count, Reserved: reserved, Queues: cfg.Worker.Queues, Name: d.name, Lease: cfg.Worker.Lease, Grace: cfg.Worker.Grace,
		Observer: observe.Observers{d.metrics, d.sum, &observe.Log{Logger: &logger, Level: d.level.Level}},
		Log:      d.slog("worker"),
	})
	d.pool.Use(d.tracer.Middleware())
	for taskType, h := range builtin(cfg.Handlers) {
		d.pool.Handle(taskType, h)
	}
	d.metrics.Pool(d.pool.Stats)
	d.watch = observe.NewWatch(q.Stats, cfg.Worker.Queues, cfg.Worker.Drain, d.metrics)
	if err := d.metrics.Register(d.watch); err != nil {
		return nil, err
	}
	if err := d.openTelemetry(); err != nil {
		return nil, err
	}
	return d, d.listen()
}

// slog is the log for packages that know the standard library's.
func (d *daemon) slog(component string) *slog.Logger {
	return slog.New(zerolog.NewSlogHandler(d.log.With().Str("component", component).Logger()))
}

// closeTime bounds sending the last spans.
const closeTime = 5 * time.Second

// run starts all parts and stops them in this order: the pool and telemetry
// finish or give back what they have; spans are sent; the HTTP server and the
// watch end, which until then tell that ttp is stopping.
func (d *daemon) run(untilEmpty bool) error {
	ctx, stop := context.WithCancel(d.ctx)
	defer stop()
	aside, end := context.WithCancel(context.WithoutCancel(ctx))
	var helpers sync.WaitGroup
	helpers.Go(func() { d.watch.Run(aside) })
	helpers.Go(func() { d.reloads(aside) })
	helpers.Go(func() { d.server.run(aside) })
	if untilEmpty {
		helpers.Go(func() { d.awaitEmpty(ctx, stop) })
	}
	helpers.Go(func() {
		<-ctx.Done()
		d.set(stopping)
		d.log.Info().Msg("stopping: what runs is finished, what was not begun is given back")
	})
	d.log.Info().Str("version", version).Str("redis", d.q.Server()).Strs("queues", d.cfg.Worker.Queues).Int("workers", d.cfg.Worker.Count).
		Strs("types", d.types()).Str("http", d.server.address()).Msg("working")
	var parts sync.WaitGroup
	parts.Go(func() { d.runTelemetry(ctx) })
	d.set(working)
	err := d.pool.Run(ctx)
	stop() // where the pool could not begin
	parts.Wait()
	flush, cancel := context.WithTimeout(aside, closeTime)
	defer cancel()
	if cerr := d.tracer.Close(flush); cerr != nil {
		d.log.Warn().Err(cerr).Msg("the last spans were not sent")
	}
	end()
	helpers.Wait()
	return errors.Join(err, d.conclude())
}

// conclude tells what was done in all.
func (d *daemon) conclude() error {
	line := d.sum.line(time.Since(d.began))
	d.log.Info().Int64("done", line.Done).Int64("retried", line.Retried).Int64("dead", line.Dead).Int64("given_back", line.GivenBack).Msg("stopped")
	if d.json {
		return d.print(line)
	}
	return nil
}

// reloads reads log.level again at each SIGHUP, until ctx ends.
func (d *daemon) reloads(ctx context.Context) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	for {
		select {
		case <-hup:
			d.reload()
		case <-ctx.Done():
			return
		}
	}
}

// reload takes over the log level of a configuration that is good, and nothing
// of one that is not.
func (d *daemon) reload() {
	next, err := d.load()
	if err != nil {
		d.complain(fmt.Errorf("reload: %w", err))
		d.log.Warn().Msg("reload: the configuration in force stays")
		return
	}
	d.level.set(next.Log.Level)
	d.log.Info().Str("level", next.Log.Level).Msg("log level read again; anything else wants a restart")
}

// emptyEvery is how often --until-empty looks.
const emptyEvery = 100 * time.Millisecond

// awaitEmpty calls stop when the queues that are worked on have nothing left.
func (d *daemon) awaitEmpty(ctx context.Context, stop func()) {
	tick := time.NewTicker(emptyEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if stats, err := d.q.Stats(ctx); err == nil && undone(stats, d.cfg.Worker.Queues) == 0 {
			stop()
			return
		}
	}
}

// consumerName is a name that keys can carry: the one given, or the host's.
func consumerName(name string) string {
	if name == "" {
		name, _ = os.Hostname() // without one the unique part that the queue adds has to do
	}
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.", r) {
			return r
		}
		return '-'
	}, name)
	return name[:min(len(name), 40)] // all of it ASCII
}
