package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/telhub/telhub/internal/units"
	"github.com/telhub/telhub/processing/config"
	"github.com/telhub/telhub/processing/queue"
	"github.com/telhub/telhub/processing/worker"
)

// builtin gives the handlers by type of task: echo and sleep, and those of the
// configuration, which may take the place of the two.
func builtin(handlers []config.Handler) map[string]worker.Handler {
	all := map[string]worker.Handler{"echo": echo, "sleep": sleep}
	for i := range handlers {
		h := &handlers[i]
		switch h.Kind {
		case "echo":
			all[h.Type] = echo
		case "sleep":
			all[h.Type] = sleep
		case "exec":
			all[h.Type] = within(h.Timeout, (&program{path: h.Command[0], args: h.Command[1:]}).handle)
		case "http":
			all[h.Type] = within(h.Timeout, newPost(h).handle)
		}
	}
	return all
}

// within bounds a handler's run beside the task's own timeout.
func within(d time.Duration, h worker.Handler) worker.Handler {
	if d <= 0 {
		return h
	}
	return func(ctx context.Context, t *queue.Delivery) ([]byte, error) {
		ctx, cancel := context.WithTimeout(ctx, d)
		defer cancel()
		return h(ctx, t)
	}
}

// echo gives the payload back as the result.
func echo(_ context.Context, t *queue.Delivery) ([]byte, error) { return t.Payload, nil }

// maxSleep bounds what a payload can ask for; a task's timeout is shorter as a
// rule.
const maxSleep = 24 * time.Hour

// sleep waits for the duration in the payload: 250ms, or "250ms" as JSON.
func sleep(ctx context.Context, t *queue.Delivery) ([]byte, error) {
	text := string(bytes.TrimSpace(t.Payload))
	if strings.HasPrefix(text, `"`) {
		if err := json.Unmarshal(t.Payload, &text); err != nil {
			return nil, worker.Fatal(fmt.Errorf("sleep: payload: %w", err))
		}
	}
	d, err := units.Duration(text)
	if err != nil || d < 0 || d > maxSleep {
		return nil, worker.Fatal(fmt.Errorf("sleep: the payload is no duration of at most %v: write it as in 250ms", maxSleep))
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// maxResult bounds what of an answer or output is kept as a result.
const maxResult = 64 << 10

// head keeps the first bytes that are written to it, and counts nothing else.
type head struct {
	b   []byte
	max int
}

func (h *head) Write(p []byte) (int, error) {
	h.b = append(h.b, p[:min(len(p), h.max-len(h.b))]...)
	return len(p), nil
}

// tail keeps the last bytes that are written to it.
type tail struct {
	b   []byte
	max int
}

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if over := len(t.b) - t.max; over > 0 {
		t.b = append(t.b[:0], t.b[over:]...)
	}
	return len(p), nil
}
