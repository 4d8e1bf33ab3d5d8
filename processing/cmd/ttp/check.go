package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/telhub/telhub/processing/config"
	"github.com/telhub/telhub/processing/queue"
)

// checkReport is what ttp check finds.
type checkReport struct {
	Config   string       `json:"config"` // file; empty: defaults and environment
	Warnings []string     `json:"warnings"`
	Servers  []serverLine `json:"servers"`
}

// serverLine is what became of asking a server.
type serverLine struct {
	Name    string  `json:"name"`
	Address string  `json:"address"`
	OK      bool    `json:"ok"`
	Seconds float64 `json:"seconds"`
	Error   string  `json:"error,omitempty"`
}

// cmdCheck checks the configuration, and that the servers answer.
func (e *env) cmdCheck(args []string) error {
	f := e.flags()
	example := f.Bool("example", false, "print a commented configuration and do nothing else")
	offline := f.Bool("offline", false, "ask no server")
	if err := parseNone(f, args); err != nil {
		return err
	}
	if *example {
		return config.Example(e.stdout)
	}
	cfg, err := e.load()
	if err != nil {
		return err
	}
	r := checkReport{Config: cfg.File(), Warnings: []string{}, Servers: []serverLine{}}
	for _, p := range cfg.CheckFiles() {
		r.Warnings = append(r.Warnings, p.Error())
	}
	if !*offline && len(r.Warnings) == 0 { // without its files nothing connects
		r.Servers = append(r.Servers, e.ask("redis", config.Redacted(cfg.Redis.URL.Reveal()), func(ctx context.Context) error { return askRedis(ctx, cfg) }))
		if cfg.Postgres.URL != "" {
			r.Servers = append(r.Servers, e.ask("postgres", config.Redacted(cfg.Postgres.URL.Reveal()), func(ctx context.Context) error { return askPostgres(ctx, cfg) }))
		}
	}
	return e.report(r, cfg)
}

// report prints what was found and says whether anything is wrong.
func (e *env) report(r checkReport, cfg *config.Config) error {
	var failed error
	for _, s := range r.Servers {
		if !s.OK {
			failed = errors.Join(failed, errors.New(s.Error))
		}
	}
	if e.json {
		return errors.Join(e.print(r), failed)
	}
	name := r.Config
	if name == "" {
		name = "no file: defaults and TTP_ variables"
	}
	e.say("configuration  %s: good", name)
	e.say("queue          prefix %s, shards %d; worker: %d at a time from %v", cfg.Queue.Prefix, cfg.Queue.Shards, cfg.Worker.Count, cfg.Worker.Queues)
	for _, w := range r.Warnings {
		fmt.Fprintln(e.stderr, "ttp: warning:", w)
	}
	for _, s := range r.Servers {
		if s.OK {
			e.say("%-14s %s: answers, in %v", s.Name, s.Address, time.Duration(s.Seconds*1e9).Round(100*time.Microsecond))
		}
	}
	return failed
}

// askTime bounds asking one server.
const askTime = 10 * time.Second

func (e *env) ask(name, address string, do func(context.Context) error) serverLine {
	ctx, cancel := context.WithTimeout(e.ctx, askTime)
	defer cancel()
	began := time.Now()
	s := serverLine{Name: name, Address: address, OK: true}
	if err := do(ctx); err != nil {
		s.OK, s.Error = false, err.Error()
	}
	s.Seconds = time.Since(began).Seconds()
	return s
}

func askRedis(ctx context.Context, cfg *config.Config) error {
	o, err := queueOptions(cfg)
	if err != nil {
		return err
	}
	o.Retry = patience
	q, err := queue.Open(ctx, o)
	if err != nil {
		return err
	}
	return q.Close()
}
