package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/telhub/telhub/internal/units"
	"github.com/telhub/telhub/processing/config"
	"github.com/telhub/telhub/processing/queue"
)

// flags returns a flag set with the options that all commands share.
func (e *env) flags() *flag.FlagSet {
	f := flag.NewFlagSet(e.command.name, flag.ContinueOnError)
	f.SetOutput(io.Discard) // errors are printed as all others are
	f.Usage = func() {}     // called for errors, too
	f.StringVar(&e.config, "config", e.variable(config.EnvConfig), "configuration `FILE`; without one "+defaultConfig+" if it is there")
	f.BoolVar(&e.json, "json", false, "print JSON")
	return f
}

// variable is one of the environment's; "" when it is not set.
func (e *env) variable(name string) (value string) {
	for _, v := range e.environ {
		if rest, ok := strings.CutPrefix(v, name+"="); ok {
			value = rest
		}
	}
	return value
}

// parse parses a command's arguments; options may stand behind them. What
// follows "--" is no option.
func parse(f *flag.FlagSet, args []string) (rest []string, err error) {
	for {
		if err := f.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, &helpError{f}
			}
			// the flag package names options with one dash
			text := strings.Replace(err.Error(), ": -", ": --", 1)
			return nil, usagef("%s: %s", f.Name(), strings.Replace(text, "for flag -", "for --", 1))
		}
		if used := len(args) - f.NArg(); f.NArg() == 0 || used > 0 && args[used-1] == "--" {
			return append(rest, f.Args()...), nil
		}
		rest, args = append(rest, f.Arg(0)), f.Args()[1:]
	}
}

// parseNone is parse for a command without arguments.
func parseNone(f *flag.FlagSet, args []string) error {
	rest, err := parse(f, args)
	if err == nil && len(rest) > 0 {
		err = usagef("%s takes no argument %q", f.Name(), rest[0])
	}
	return err
}

// span is an option like 250ms, 1h30m or 7d.
type span time.Duration

func (s *span) String() string {
	if *s == 0 {
		return ""
	}
	return time.Duration(*s).String()
}

func (s *span) Set(text string) error {
	d, err := units.Duration(text)
	if err != nil || d < 0 {
		return errors.New("write a number with ms, s, m, h or d, as in 10s or 1h30m")
	}
	*s = span(d)
	return nil
}

// moment is an option like 2026-11-21T14:30:00Z, or a span from now.
type moment time.Time

func (m *moment) String() string {
	if time.Time(*m).IsZero() {
		return ""
	}
	return time.Time(*m).Format(time.RFC3339)
}

func (m *moment) Set(text string) error {
	if d, err := units.Duration(text); err == nil {
		*m = moment(time.Now().Add(d))
		return nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return errors.New("write a time as in 2026-11-21T14:30:00+01:00, or a span from now as in 10m")
	}
	*m = moment(t)
	return nil
}

// past is an option like 2026-11-21T14:30:00Z, or a span before now.
type past struct{ time.Time }

func (p *past) String() string { return (*moment)(&p.Time).String() }

// Set implements flag.Value.
func (p *past) Set(text string) error {
	if d, err := units.Duration(text); err == nil {
		p.Time = time.Now().Add(-d)
		return nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return errors.New("write a time as in 2026-11-21T14:30:00+01:00, or how long ago as in 10m")
	}
	p.Time = t
	return nil
}

// load reads the configuration. Without a file named the default one is read,
// which may be missing.
func (e *env) load() (*config.Config, error) {
	path := e.config
	if path == "" {
		if _, err := os.Stat(defaultConfig); !errors.Is(err, fs.ErrNotExist) {
			path = defaultConfig
		}
	}
	return config.Load(path, e.environ)
}

// patience is how long a command that somebody waits for repeats a call to a
// Redis that does not answer.
const patience = 2 * time.Second

// open reads the configuration and opens the queue, for a command that ends
// soon.
func (e *env) open() (*queue.Queue, *config.Config, error) {
	cfg, err := e.load()
	if err != nil {
		return nil, nil, err
	}
	o, err := queueOptions(cfg)
	if err != nil {
		return nil, nil, err
	}
	o.Retry = patience
	q, err := queue.Open(e.ctx, o)
	return q, cfg, err
}

// queueOptions gives the configuration as the queue takes it.
func queueOptions(cfg *config.Config) (queue.Options, error) {
	if problems := cfg.CheckFiles(); len(problems) > 0 {
		return queue.Options{}, problems
	}
	limit := func(n int64) int64 {
		if n == 0 {
			return -1 // which means no limit there
		}
		return n
	}
	return queue.Options{
		URL: cfg.Redis.URL.Reveal(), User: cfg.Redis.User, Password: cfg.Redis.Password,
		CAFile: cfg.Redis.CAFile, CertFile: cfg.Redis.CertFile, KeyFile: cfg.Redis.KeyFile, Conns: cfg.Redis.Conns,
		Prefix: cfg.Queue.Prefix, Shards: cfg.Queue.Shards,
		MaxPayload: int(cfg.Queue.MaxPayload), MaxLen: limit(cfg.Queue.MaxLen), MaxDead: limit(cfg.Queue.MaxDead),
		Timeout: cfg.Queue.Timeout, MaxAttempts: cfg.Queue.MaxAttempts, Dedup: cfg.Queue.Dedup, UniqueFor: cfg.Queue.UniqueFor,
	}, nil
}

// print writes a value as JSON, on one line.
func (e *env) print(v any) error { return json.NewEncoder(e.stdout).Encode(v) }

// say writes a line for people.
func (e *env) say(format string, args ...any) { fmt.Fprintf(e.stdout, format+"\n", args...) }
