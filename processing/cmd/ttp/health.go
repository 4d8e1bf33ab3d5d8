package main

import (
	"errors"
	"time"

	"github.com/telhub/telhub/internal/health"
)

// cmdHealth asks the running ttp how it is.
func (e *env) cmdHealth(args []string) error {
	f := e.flags()
	q := health.Question{Program: "ttp"}
	f.BoolVar(&q.Live, "live", false, "ask only whether it lives: what a restart could mend")
	f.StringVar(&q.Where, "at", "", "ask at `ADDRESS`, host:port or unix:/path, instead of the configuration's http.listen")
	// A look at a Redis that does not answer takes 3 s, and it may begin behind another one.
	f.DurationVar(&q.Timeout, "timeout", 10*time.Second, "give up after this `TIME`")
	if err := parseNone(f, args); err != nil {
		return err
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
