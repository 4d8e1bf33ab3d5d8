package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// server is where the demo's frames go: one of its own, or that of REDIS_URL.
type server struct {
	url  string
	mini *miniredis.Miniredis // nil when it is not ours

	mu   sync.Mutex // guards down
	down bool
}

func newServer(url string) (*server, error) {
	if url != "" {
		return &server{url: url}, nil
	}
	mini := miniredis.NewMiniRedis()
	if err := mini.Start(); err != nil {
		return nil, fmt.Errorf("in-process server: %w", err)
	}
	return &server{url: "redis://" + mini.Addr() + "/0", mini: mini}, nil
}

func (s *server) own() bool { return s.mini != nil }

func (s *server) close() {
	if s.mini != nil {
		s.mini.Close()
	}
}

// describe says how to look into the streams.
func (s *server) describe() string {
	if !s.own() {
		return "in the Redis of REDIS_URL: telhub:{0}:live"
	}
	return fmt.Sprintf("redis-cli -p %s XREVRANGE 'telhub:{0}:live' + - COUNT 1", s.mini.Port())
}

// toggle begins an outage or ends it. The data survive.
func (s *server) toggle(w io.Writer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		if err := s.mini.Restart(); err != nil {
			fmt.Fprintln(w, "the server does not come back:", err)
			return
		}
		s.down = false
		fmt.Fprintln(w, "\n== the server is back: live samples flow at once, the backlog follows ==")
		return
	}
	s.mini.Close()
	s.down = true
	fmt.Fprintln(w, "\n== outage: the server is gone; watch the spool grow ==")
}

// script plays the outage that the command line asks for.
func (s *server) script(ctx context.Context, o options, w io.Writer) {
	if o.outage == 0 || !s.own() {
		return
	}
	for _, wait := range []time.Duration{o.outageAt, o.outage} {
		select {
		case <-time.After(wait):
			s.toggle(w)
		case <-ctx.Done():
			return
		}
	}
}
