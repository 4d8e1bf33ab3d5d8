package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/telhub/telhub/processing/observe"
)

// face is the HTTP server, if there is one.
type face struct {
	server *observe.Server // nil: none
	fail   func(error)
	ran    atomic.Bool
}

// listen opens what http.listen names. Where nobody has chosen the address and
// it is taken, another ttp run has it as a rule: then any free port will do.
func (d *daemon) listen() error {
	d.server = &face{fail: func(err error) { d.log.Error().Err(err).Msg("http") }}
	where := d.cfg.HTTP.Listen
	if where == "" {
		return nil
	}
	server, err := observe.NewServer(where, d, d.metrics.Handler())
	if errors.Is(err, syscall.EADDRINUSE) && !d.cfg.IsSet("http.listen") {
		if server, err = observe.NewServer("127.0.0.1:0", d, d.metrics.Handler()); err == nil {
			d.log.Warn().Str("wanted", where).Str("http", server.Addr().String()).Msg("another program has the usual port; set http.listen to choose one")
		}
	}
	d.server.server = server
	return err
}

func (f *face) address() string {
	if f.server == nil {
		return ""
	}
	return f.server.Addr().String()
}

// run serves until ctx ends.
func (f *face) run(ctx context.Context) {
	if f.server == nil {
		return
	}
	f.ran.Store(true)
	if err := f.server.Run(ctx); err != nil {
		f.fail(err)
	}
}

// close ends a server that never ran.
func (f *face) close() {
	if f != nil && f.server != nil && !f.ran.Load() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		f.run(ctx)
	}
}

// phase is where in its life a daemon is.
type phase int32

const (
	starting phase = iota
	working
	stopping
)

func (p phase) String() string { return [...]string{"starting", "working", "stopping"}[p] }

// state is the phase; safe for concurrent use.
type state struct{ phase atomic.Int32 }

// set moves on to a phase and never back.
func (s *state) set(p phase) {
	for old := s.phase.Load(); old < int32(p) && !s.phase.CompareAndSwap(old, int32(p)); old = s.phase.Load() {
	}
}

func (s *state) now() phase { return phase(s.phase.Load()) }

// Live implements observe.Liver. A process that answers is alive: what does not
// end, such as a Redis that is away, no restart would mend.
func (d *daemon) Live() bool { return true }

// Health implements observe.Source.
func (d *daemon) Health(ctx context.Context) observe.Health {
	look, pool := d.watch.Look(ctx), d.pool.Stats()
	redis := observe.Check{Name: "redis", OK: look.Err == nil, Detail: d.q.Server()}
	if look.Err != nil {
		redis.Detail = look.Err.Error()
	}
	workers := observe.Check{
		Name: "pool", OK: d.now() == working,
		Detail: fmt.Sprintf("%v; %d of %d workers busy", d.now(), pool.Running, pool.Workers+pool.Reserved),
	}
	h := observe.Health{Live: d.Live(), Ready: redis.OK && workers.OK, Checks: []observe.Check{redis, workers}}
	h.Checks = append(h.Checks, d.telemetry.checks(ctx)...)
	if n, last := d.tracer.Failures(); n > 0 {
		h.Checks = append(h.Checks, observe.Check{Name: "tracing", Detail: fmt.Sprintf("%d deliveries of spans failed, the last: %s", n, last)})
	}
	return h
}

// Status implements observe.Source.
func (d *daemon) Status(ctx context.Context) observe.Status {
	now, pool := time.Now(), d.pool.Stats()
	s := observe.StatusOf(d.metrics, d.watch.Look(ctx), now)
	s.Name, s.Version, s.Uptime = d.name, version, now.Sub(d.began).Seconds()
	s.Redis.Server, s.Redis.Repeats = d.q.Server(), d.q.Repeats()
	s.Pool.Workers, s.Pool.Reserved, s.Pool.Busy = pool.Workers, pool.Reserved, pool.Running
	s.Pool.Prefetched, s.Pool.Uncommitted, s.Pool.Types = pool.Waiting, pool.Uncommitted, d.types()
	s.Telemetry = d.telemetry.status()
	if d.now() == stopping {
		s.State = observe.StateStopping
	}
	return s
}

func (d *daemon) types() []string {
	list := d.pool.Types()
	slices.Sort(list)
	return list
}
