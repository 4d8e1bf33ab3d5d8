package main

import (
	"time"

	"github.com/telhub/telhub/internal/health"
)

// cmdHealth asks the running agent how it is.
func (e *env) cmdHealth(args []string) error {
	f := e.flags("health")
	f.BoolVar(&e.json, "json", false, "print JSON, as the agent answers")
	q := health.Question{Program: "telhub", Timeout: 3 * time.Second}
	q.Flags(f)
	if rest, err := parse(f, args); err != nil {
		return err
	} else if len(rest) > 0 {
		return usagef("health takes no argument %q; name an address with --at", rest[0])
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
