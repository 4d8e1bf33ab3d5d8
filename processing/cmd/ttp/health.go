package main

import (
	"time"

	"github.com/telhub/telhub/internal/health"
)

// cmdHealth asks the running ttp how it is.
func (e *env) cmdHealth(args []string) error {
	f := e.flags()
	// A look at a Redis that does not answer takes 3 s, and it may begin behind another one.
	q := health.Question{Program: "ttp", Timeout: 10 * time.Second}
	q.Flags(f)
	if err := parseNone(f, args); err != nil {
		return err
	}
	if err := q.Check(); err != nil {
		return usagef("%v", err)
	}
	if q.Where == "" {
		cfg, err := e.load()
		if err != nil {
			return err
		}
		q.Where = cfg.HTTP.Listen
	}
	q.JSON = e.json
	return health.Ask(e.ctx, q, e.stdout)
}
