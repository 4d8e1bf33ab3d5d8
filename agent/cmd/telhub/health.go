package main

import (
	"errors"
	"time"

	"github.com/telhub/telhub/internal/health"
)

// cmdHealth asks the running agent how it is.
func (e *env) cmdHealth(args []string) error {
	f := e.flags("health")
	f.BoolVar(&e.json, "json", false, "print JSON, as the agent answers")
	q := health.Question{Program: "telhub"}
	f.BoolVar(&q.Live, "live", false, "ask only whether it lives: what a restart could mend")
	f.StringVar(&q.Where, "at", "", "ask at `ADDRESS`, host:port or unix:/path, instead of the configuration's http.listen")
	f.DurationVar(&q.Timeout, "timeout", 3*time.Second, "give up after this `TIME`")
	if rest, err := parse(f, args); err != nil {
		return err
	} else if len(rest) > 0 {
		return usagef("health takes no argument %q; name an address with --at", rest[0])
	}
	if q.Timeout <= 0 {
		return usagef("--timeout %v: want a time above 0, as in 3s", q.Timeout)
	}
	if q.Where == "" {
		cfg, err := e.load()
		if err != nil {
			return err
		}
		q.Where = cfg.HTTP.Listen
	}
	q.JSON = e.json
	err := health.Ask(e.ctx, q, e.stdout)
	if errors.Is(err, health.ErrAddress) {
		return usagef("--at %v", err)
	}
	return err
}
