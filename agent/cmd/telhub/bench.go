package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/telhub/telhub/agent"
	"github.com/telhub/telhub/agent/bench"
	"github.com/telhub/telhub/agent/config"
)

// cmdBench measures the way to Redis beside redis-benchmark. It needs no
// sensors; what it writes goes to keys of its own, which it deletes.
func (e *env) cmdBench(args []string) error {
	f := e.flags("bench")
	url := f.String("url", "", "`URL` of the Redis, instead of the configuration's")
	rounds := f.Int("rounds", 5, "`N` repetitions of everything")
	run := f.Duration("time", 2*time.Second, "length of one measurement")
	f.BoolVar(&e.json, "json", false, "print JSON, every round")
	rest, err := parse(f, args)
	switch {
	case err != nil:
		return err
	case len(rest) > 0:
		return usagef("bench takes no argument %q", rest[0])
	case *rounds < 1 || *rounds > 1000:
		return usagef("--rounds %d: 1 to 1000 are possible", *rounds)
	case *run < 100*time.Millisecond || *run > time.Minute:
		return usagef("--time %v: 100ms to 1m are possible", *run)
	}
	cfg, err := e.benchConfig(*url)
	if err != nil {
		return err
	}
	report, err := bench.Run(e.ctx, bench.Options{
		Server: agent.RedisOptions(cfg), Rounds: *rounds, Run: *run, Frames: []int{256, 1024, 4096},
		Progress: func(n int) { fmt.Fprintf(e.stderr, "telhub: bench: round %d of %d\n", n, *rounds) },
	})
	if err != nil {
		return err
	}
	if e.json {
		return json.NewEncoder(e.stdout).Encode(report)
	}
	report.Text(e.stdout)
	return nil
}

// benchConfig is the configuration, or one made of a URL.
func (e *env) benchConfig(url string) (*config.Config, error) {
	if url == "" {
		return e.load()
	}
	if _, err := config.ParseRedisURL(url); err != nil {
		return nil, usagef("--url: %v", err)
	}
	return &config.Config{Redis: config.Redis{URL: config.URL(url)}}, nil
}
