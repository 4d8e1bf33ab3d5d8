package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/telhub/telhub/agent"
	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/agent/notify"
)

// cmdRun runs the agent until SIGINT or SIGTERM. SIGHUP reads the
// configuration again: a good one takes effect, a bad one is reported and
// changes nothing.
func (e *env) cmdRun(args []string) error {
	f := e.flags("run")
	rest, err := parse(f, args)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return usagef("run takes no argument %q; name a configuration with --config FILE", rest[0])
	}
	cfg, err := e.load()
	if err != nil {
		return err
	}
	if problems := cfg.CheckFiles(); len(problems) > 0 {
		return problems
	}
	for _, p := range cfg.CheckAdapters("/") {
		fmt.Fprintln(e.stderr, "telhub: warning:", p.Error())
	}
	systemd, err := notify.FromEnv(os.Getenv)
	if err != nil {
		return fmt.Errorf("systemd: %w", err)
	}
	defer postponeCollection(startTime).Stop()
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	d := &daemon{env: e, systemd: systemd, hup: hup}
	return d.run(cfg)
}

const (
	startTime   = time.Second // by then the first frame is out
	startMemory = 16 << 20    // bytes of heap and runtime at which a start collects all the same
)

// postponeCollection keeps the garbage collector from running for d, unless
// memory grows beyond what a start needs. Nearly all that a start allocates is
// kept for good: collecting then finds nothing, and it nearly doubles the time
// to the first frame.
func postponeCollection(d time.Duration) *time.Timer {
	percent, limit := debug.SetGCPercent(-1), debug.SetMemoryLimit(-1)
	debug.SetMemoryLimit(min(limit, startMemory))
	return time.AfterFunc(d, func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	})
}

// daemon runs one agent after the other: a reload ends one in order and
// starts the next, and what is under way lies in the spool meanwhile.
type daemon struct {
	*env
	systemd *notify.Systemd
	hup     <-chan os.Signal
}

func (d *daemon) run(cfg *config.Config) error {
	current, err := d.new(cfg)
	if err != nil {
		return err
	}
	for {
		next, err := d.serve(current, cfg)
		if next == nil {
			return err
		}
		if err != nil { // a driver that hangs, say: no reason not to go on
			fmt.Fprintln(d.stderr, "telhub: the old configuration's run:", err)
		}
		if current, err = d.new(next); err != nil {
			fmt.Fprintln(d.stderr, "telhub: the new configuration does not start, the old one goes on:", err)
			if current, err = d.new(cfg); err != nil {
				return err
			}
			continue
		}
		cfg = next
	}
}

func (d *daemon) new(cfg *config.Config) (*agent.Agent, error) {
	return agent.New(cfg, agent.Options{
		Version: version, Built: builtTime(), Log: agent.NewLog(cfg.Log, d.stderr),
	})
}

// serve runs an agent until the process is to end (next is nil) or a new
// configuration is to take effect.
func (d *daemon) serve(a *agent.Agent, cfg *config.Config) (next *config.Config, err error) {
	ctx, stop := context.WithCancel(d.ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	dog, err := d.watchdog(a)
	if err != nil {
		stop()
		return nil, errors.Join(err, <-ended)
	}
	// The watchdog is fed until the run has ended: a shutdown takes its time.
	dogCtx, stopDog := context.WithCancel(context.WithoutCancel(ctx))
	dogDone := make(chan struct{})
	go func() {
		dog.Run(dogCtx)
		close(dogDone)
	}()
	defer func() { stopDog(); <-dogDone }()
	d.systemd.Ready("forwarding " + cfg.Device)
	for {
		select {
		case err := <-ended:
			return nil, err
		case <-d.ctx.Done():
			d.systemd.Stopping("")
			return nil, <-ended
		case <-d.hup:
			if next = d.reload(cfg); next == nil {
				continue
			}
			stop()
			return next, <-ended
		}
	}
}

// reload reads the configuration again; nil means that it is not good.
func (d *daemon) reload(cfg *config.Config) *config.Config {
	d.systemd.Reloading()
	next, err := d.load()
	if err == nil {
		if problems := next.CheckFiles(); len(problems) > 0 {
			err = problems
		}
	}
	if err != nil {
		for line := range strings.Lines(err.Error()) {
			fmt.Fprint(d.stderr, "telhub: reload: ", strings.TrimRight(line, "\n"), "\n")
		}
		fmt.Fprintln(d.stderr, "telhub: reload: the configuration in force stays")
		d.systemd.Ready("forwarding " + cfg.Device)
		return nil
	}
	return next
}

// stuckFor is how long samples may be overdue before systemd gets no more
// signs of life.
const stuckFor = 30 * time.Second

// watchdog pings systemd while samples move.
func (d *daemon) watchdog(a *agent.Agent) (*notify.Watchdog, error) {
	timeout, err := notify.WatchdogTimeout(os.Getenv, os.Getpid())
	if err != nil {
		return nil, fmt.Errorf("systemd: %w", err)
	}
	return &notify.Watchdog{
		Timeout: timeout, Ping: d.systemd.Alive,
		Problem: func(err error) {
			if err != nil {
				fmt.Fprintln(d.stderr, "telhub: watchdog:", err)
			}
		},
		Alive: func() bool {
			_, overdue := a.Moving()
			return overdue < stuckFor
		},
	}, nil
}
