package redis

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

// patience bounds what a test waits for, however slow the machine is.
const patience = 60 * time.Second

// pause lets a server get on before it is asked again.
func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(20 * time.Millisecond):
	}
}

// pump appends frames as the uplink does: in order, and after an error from
// the mark that the server then has. One goroutine uses it.
type pump struct {
	s        *Sink
	seq      uint64 // the lane's mark as far as known
	open     bool
	rewound  uint64 // how many accepted frames the server turned out not to have
	failures int
	lastErr  error
}

// step makes one attempt at up to three frames.
func (p *pump) step(ctx context.Context) {
	var err error
	if !p.open {
		var marks [frame.Lanes]uplink.Mark
		if _, err = p.s.Open(ctx, 1, &marks); err == nil {
			p.open = true
			p.rewound += p.seq - min(p.seq, marks[frame.Live].ID.Seq)
			p.seq = marks[frame.Live].ID.Seq
		}
	} else if err = p.s.Append(ctx, batch(1, 1, p.seq+1, p.seq+3)); err == nil {
		p.seq += 3
	}
	if err != nil {
		p.open, p.lastErr = false, err
		p.failures++
		pause(ctx)
	}
}

// until pumps until at least seq is accepted.
func (p *pump) until(t *testing.T, seq uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for p.seq < seq {
		if ctx.Err() != nil {
			t.Fatalf("stuck at frame %d after %d failures: %v", p.seq, p.failures, p.lastErr)
		}
		p.step(ctx)
	}
}

// wantWhole fails unless lane live's stream holds 1/1 … 1/last, each once and
// in order, with nothing missing.
func wantWhole(t *testing.T, c redis.Cmdable, last uint64) {
	t.Helper()
	got := sequence(t, c)
	for i, id := range got {
		if want := fmt.Sprint("1/", i+1); id != want {
			t.Fatalf("entry %d is %s, want %s", i, id, want)
		}
	}
	if uint64(len(got)) != last {
		t.Errorf("stream holds %d entries, want %d", len(got), last)
	}
}

// openError is the error of an open that must fail.
func openError(t *testing.T, o Options) error {
	t.Helper()
	var marks [frame.Lanes]uplink.Mark
	_, err := newSink(t, o).Open(t.Context(), 1, &marks)
	if err == nil {
		t.Fatal("open succeeded, want an error")
	}
	return err
}

// wantText fails unless the error's text holds all of the parts.
func wantText(t *testing.T, err error, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error %q lacks %q", err, part)
		}
	}
}

func mustAppend(t testing.TB, s *Sink, b *uplink.Batch) {
	t.Helper()
	if err := s.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}
