package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/telhub/telhub/agent/checkpoint"
	"github.com/telhub/telhub/agent/clock"
	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/agent/flash"
	"github.com/telhub/telhub/agent/httpapi"
	"github.com/telhub/telhub/agent/metrics"
	"github.com/telhub/telhub/agent/pipeline"
	"github.com/telhub/telhub/board"
	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
	"github.com/telhub/telhub/uplink/redis"
)

// Options are what an agent needs besides its configuration.
type Options struct {
	Version string
	Built   time.Time    // no earlier date can be true
	Board   *board.Board // what the machine has; nil: it is detected
	Openers Openers
	Log     *Log
	// Sink replaces Redis, for measurements without a server; nil is Redis.
	Sink uplink.Sink
	// Root is where the kernel's files are found, for what flash tells of its
	// wear; "" is "/".
	Root string
}

func (o *Options) root() string {
	if o.Root == "" {
		return "/"
	}
	return o.Root
}

// Agent is a telhub, from sensors to Redis.
type Agent struct {
	cfg     *config.Config
	opts    Options
	log     *Log
	started time.Time

	board      *board.Board
	boot       frame.BootID
	clock      *clock.Clock
	budget     Budget
	plan       *plan
	metrics    metrics.Registry
	pool       *frame.Pool
	store      *store.Store     // nil when it could not be opened
	reader     *spoolReader     // of it, for the uplink
	checkpoint *checkpoint.File // nil without a store
	saveText   string           // of the last error of a save; its goroutine's, then the shutdown's
	wear       *wear
	cutWindow  time.Duration            // the longest loss window of the run before; 0 = not known
	toldWindow time.Duration            // as logged; the checkpoint's goroutine's, then the shutdown's
	lives      []flash.Life             // eMMCs at the start
	dated      chan struct{}            // capacity 1: news of the date, to be saved
	raised     map[int]checkpoint.Alarm // alarms that an earlier run raised, by channel; read-only after New
	indicators *indicators
	alarmLog   alarmLog
	report     *store.Report
	storeErr   error
	carried    uint64      // samples that the store held at the start
	ended      atomic.Bool // Run has shut down
	unsafe     bool        // Run ended with losses that nothing declares yet
	sink       *redis.Sink // nil when Options.Sink is used
	uplink     *uplink.Uplink
	pipeline   *pipeline.Pipeline
	http       *httpapi.Server // nil when off
}

// stopSampling is how long a driver's call may delay the shutdown.
const stopSampling = 3 * time.Second

// New builds an agent. It opens the store, the HTTP listener and the buses,
// but asks no sensor and makes no connection. An error is a configuration or
// a machine on which the agent cannot run at all; what can be done without,
// such as a bus that is not there yet, is reported by Status instead.
func New(cfg *config.Config, o Options) (a *Agent, err error) {
	a = &Agent{
		cfg: cfg, opts: o, log: o.Log, started: time.Now(),
		dated: make(chan struct{}, 1), raised: make(map[int]checkpoint.Alarm),
	}
	opened := a // "return nil, err" sets a
	defer func() {
		if err != nil {
			opened.close()
		}
	}()
	if a.board = o.Board; a.board == nil {
		if a.board, err = board.Detect("/"); err != nil {
			return nil, err
		}
	}
	if a.boot, err = clock.ReadBootID(); err != nil {
		return nil, err
	}
	a.metrics.RegisterProcess(a.started)
	if a.plan, err = build(cfg, o.Openers, &a.metrics); err != nil {
		return nil, err
	}
	a.budget = budget(cfg, a.plan)
	a.pool = frame.NewPool(a.budget.Pool)
	if err = a.openStore(); err != nil {
		return nil, err
	}
	a.openCheckpoint()
	a.newWear()
	a.lives = flash.Lives(o.root())
	a.newClock()
	a.restore()
	a.indicators = newIndicators(a.log, cfg.Indicators, a.plan.process.drive)
	a.plan.onAlarm = a.alarmEvent
	if err = a.newUplink(); err != nil {
		return nil, err
	}
	if err = a.newPipeline(); err != nil {
		return nil, err
	}
	a.registerMetrics()
	for _, b := range a.plan.openers {
		// A bus that is not there is opened by its owner when it comes; its
		// sensors report it meanwhile.
		err := b.Reopen()
		if s, ok := b.(*supply); ok && err != nil {
			a.log.For("bus").Warn().Str("bus", s.bus).Err(err).Msg("the supply of its devices cannot be switched; it is tried again when they do not answer")
		}
	}
	return a, a.listen()
}

// openStore opens the spool. Without it the agent runs from memory.
func (a *Agent) openStore() error {
	a.store, a.report, a.storeErr = openSpool(a.cfg, &a.budget, a.boot, a.damaged)
	if errors.Is(a.storeErr, store.ErrLocked) {
		return a.storeErr
	}
	if a.store != nil {
		var err error
		if a.carried, err = a.store.Samples(); err != nil {
			a.log.For("store").Warn().Err(err).Msg("samples from earlier runs could not be counted; they are delivered all the same")
		}
	}
	a.logStore()
	return nil
}

// newClock makes the clock with what earlier runs knew of their boots.
func (a *Agent) newClock() {
	o := clock.Options{NotBefore: a.opts.Built, Boot: a.boot, Changed: a.clockChanged}
	if a.checkpoint != nil {
		o.Boots = a.checkpoint.Boots()
	}
	a.clock = clock.New(o)
	if a.report != nil && a.report.Unclean != nil {
		a.clock.Seen(a.report.Unclean.Boot, a.report.Unclean.LastT1)
	}
}

func (a *Agent) newUplink() error {
	sink := a.opts.Sink
	if sink == nil {
		s, err := redis.New(RedisOptions(a.cfg))
		if err != nil {
			return err
		}
		a.sink, sink = s, s
	}
	cfg := a.cfg
	o := uplink.Options{
		Device: cfg.Device, Boot: a.boot, Epoch: 1, Encoding: cfg.Uplink.Encoding,
		Flush: cfg.Uplink.Flush, Frame: cfg.Uplink.Frame, LargeFrame: largeFrame,
		MaxLoss: cfg.Spool.MaxLoss, BackfillRate: cfg.Uplink.BackfillRate,
		LargeBytes: a.budget.Pool.LargeBytes,
		Breaker: uplink.BreakerOptions{
			Failures: cfg.Uplink.Breaker.Failures, Open: cfg.Uplink.Breaker.Open, OpenMax: cfg.Uplink.Breaker.OpenMax,
		},
		Sink: sink, Pool: a.pool, Frames: a.budget.Pool.Small + a.budget.Pool.Large,
		Boottime: clock.Boottime, Dates: a.clock, RequireSync: cfg.Clock.RequireSync, Seed: rand.Uint64(),
		Event: a.uplinkEvent, Reshaped: func() { a.pipeline.Wake() }, Delivered: a.delivery().Observe,
	}
	if cfg.Uplink.Encoding == "senml" {
		o.SenMLBytes = frame.MaxSenML(&a.plan.schema, cfg.Device, largeFrame)
	}
	if a.store != nil {
		sp := spool{a.store, a.checkpoint, a.wear, nil}
		a.reader = sp.newReader()
		sp.reader = a.reader
		o.Store, o.Epoch, o.Carried = sp, a.store.Epoch(), a.carried
		o.Window, o.CutWindow = a.wear.window, a.cutWindow
	}
	if a.checkpoint != nil {
		o.AlarmsKept, o.AlarmTaken = a.checkpoint.Saved, a.checkpoint.Taken
	}
	if a.report != nil && a.report.Unclean != nil {
		cut := powerCut(a.report.Unclean, a.boot)
		o.PowerCut = &cut
	}
	if log := a.log.For("uplink"); log.GetLevel() <= zerolog.DebugLevel {
		o.Trace = a.trace
	}
	a.uplink = uplink.New(o)
	return nil
}

func (a *Agent) newPipeline() (err error) {
	o := pipeline.Options{
		Buses: a.plan.buses, Streams: a.plan.streams, Schema: &a.plan.schema,
		Pool: a.pool, Outlet: a.uplink,
		Capacity: a.cfg.Queue.Capacity, Workers: a.cfg.Workers.Count, MaxSamples: largeFrame,
		Latest: a.plan.latest, Classes: a.plan.process.classes, Alarms: a.plan.process.alarms,
		UTC: a.clock.GNSS, Processing: a.processing(), Notify: a.pipelineEvent,
	}
	if a.plan.engine != nil {
		o.Processor = a.plan.engine
	}
	a.pipeline, err = pipeline.New(o)
	return err
}

func (a *Agent) listen() (err error) {
	if a.cfg.HTTP.Listen == "" {
		return nil
	}
	a.http, err = httpapi.New(httpapi.Options{
		Listen: a.cfg.HTTP.Listen, Source: a, Metrics: a.metrics.AppendText, MetricsType: metrics.ContentType,
		ErrorLog: func(line string) { a.log.For("http").Debug().Msg(line) },
	})
	return err
}

// Run runs the agent until ctx ends, then shuts it down in order:
//
//  1. stop sampling: the buses' owners finish their transaction
//  2. empty the ring, process and seal the rest, let the workers finish
//  3. send what can be sent, store what Redis does not hold safely, commit
//  4. save counters and alarms; switch indicators off
//  5. close the connection, the store and the buses
//  6. stop answering HTTP, last so that the end can be watched
func (a *Agent) Run(ctx context.Context) error {
	httpCtx, stopHTTP := context.WithCancel(context.WithoutCancel(ctx))
	upCtx, stopUplink := context.WithCancel(context.WithoutCancel(ctx))
	sideCtx, stopSides := context.WithCancel(context.WithoutCancel(ctx))
	var faces, up, sides sync.WaitGroup
	if a.http != nil {
		faces.Go(func() { a.serve(httpCtx) })
	}
	if a.checkpoint != nil {
		a.save(false) // what was replayed, and this boot, before there is anything new
	}
	sides.Go(func() { a.clock.Run(sideCtx) })
	if a.checkpoint != nil {
		sides.Go(func() { a.remember(sideCtx) })
	}
	if len(a.cfg.Indicators) > 0 {
		sides.Go(func() { a.indicators.run(sideCtx, a.alarms) })
	}
	if a.reader != nil {
		go a.reader.run()
	}
	up.Go(func() { a.unsafe = !a.uplink.Run(upCtx) })
	a.pipeline.Start()
	a.logStart()

	<-ctx.Done()

	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopSampling)
	defer cancel()
	err := a.pipeline.Stop(stopCtx)
	stopUplink()
	up.Wait()
	if a.reader != nil {
		a.reader.close()
	}
	if a.pipeline.Accounting().Waiting > 0 {
		a.unsafe = true // it could not end in time, and nothing declares what it still holds
	}
	stopSides()
	sides.Wait()
	if a.checkpoint != nil && !a.diskHangs() {
		a.save(true)
	}
	a.ended.Store(true)
	err = errors.Join(err, a.close())
	a.logEnd()
	stopHTTP()
	faces.Wait()
	return err
}

func (a *Agent) serve(ctx context.Context) {
	if err := a.http.Run(ctx); err != nil {
		a.log.For("http").Error().Err(err).Msg("local HTTP ended; samples are not affected")
	}
}

// close closes what New opened, as far as it did.
func (a *Agent) close() error {
	var errs []error
	add := func(what string, c io.Closer) {
		if err := c.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close %s: %w", what, err))
		}
	}
	if a.sink != nil {
		add("connection", a.sink)
	}
	if a.store != nil { // before the buses: a driver that hangs must not leave it open
		add("spool", spoolCloser{a})
	}
	if a.plan != nil {
		for _, c := range a.plan.openers {
			add("bus", c)
		}
	}
	return errors.Join(errs...)
}

// diskHangs reports whether the disk has left the store in a commit or a read.
func (a *Agent) diskHangs() bool {
	return a.uplink != nil && a.uplink.Hung() || a.reader != nil && a.reader.hangs()
}

// errDiskHangs: the store's last commit or read has not come back. Nothing more
// is asked of that disk; the next start finds a run without an end.
var errDiskHangs = errors.New("a commit or a read hangs: the disk does not answer (dmesg tells more); " +
	"what was not on flash is declared at the next start")

// spoolCloser closes the store: as after a run in order, or, when samples were
// lost that nothing declares yet, so that the next run declares them.
type spoolCloser struct{ a *Agent }

func (c spoolCloser) Close() error {
	if c.a.diskHangs() {
		return errDiskHangs
	}
	if c.a.unsafe {
		return c.a.store.CloseUnclean()
	}
	return c.a.store.Close()
}

// Moving returns a count that grows while samples move, and whether they are
// stuck: for the watchdog. Sensors that are silent are no reason to restart.
func (a *Agent) Moving() (moved uint64, stuck time.Duration) { return a.pipeline.Progress() }

// URL is where the page is; "" when HTTP is off or on a unix socket.
func (a *Agent) URL() string {
	if a.http == nil {
		return ""
	}
	return a.http.URL()
}

// RedisOptions translates the configuration for the sink.
func RedisOptions(cfg *config.Config) redis.Options {
	o := redis.Options{
		User: cfg.Redis.User, Password: cfg.Redis.Password,
		CAFile: cfg.Redis.CAFile, CertFile: cfg.Redis.CertFile, KeyFile: cfg.Redis.KeyFile,
		Device: cfg.Device, Stream: cfg.Redis.Stream, Shards: cfg.Redis.Shards,
		MaxLen: cfg.Redis.MaxLen, Durability: cfg.Redis.Durability,
	}
	// Load has parsed it already, so it cannot fail here.
	if u, err := config.ParseRedisURL(cfg.Redis.URL.Reveal()); err == nil {
		o.Server = redis.Address{
			Topology: redis.Topology(u.Topology), TLS: u.TLS, Network: u.Network, Addrs: u.Addrs,
			Master: u.Master, DB: u.DB, User: u.User, Password: u.Password.Reveal(),
		}
	}
	return o
}
