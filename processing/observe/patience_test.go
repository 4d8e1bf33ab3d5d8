package observe

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/telhub/telhub/processing/queue"
)

// A client that goes away does not make the next one hear of a failure.
func TestAnImpatientClientSpoilsNoLook(t *testing.T) {
	w := NewWatch(func(ctx context.Context) (queue.Stats, error) { return queue.Stats{}, ctx.Err() }, nil, time.Minute, NewMetrics("v1"))
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	w.Look(gone)
	if l := w.Look(t.Context()); l.Err != nil {
		t.Errorf("got %v", l.Err)
	}
}

// stuck is a source whose Redis does not answer.
type stuck struct{ until chan struct{} }

func (s *stuck) Health(ctx context.Context) Health {
	select {
	case <-s.until:
	case <-ctx.Done():
	}
	return Health{Live: true}
}
func (s *stuck) Status(context.Context) Status { return Status{} }
func (s *stuck) Live() bool                    { return true }

// Whether the process lives is told without asking Redis: a supervisor that
// waits a second would restart all workers for a Redis that hangs.
func TestLiveAsksNobody(t *testing.T) {
	s := &stuck{until: make(chan struct{})}
	server := httptest.NewServer(mux(s, http.NotFoundHandler()))
	defer server.Close()
	defer close(s.until)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/health/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK || string(body) != `{"status":"live"}`+"\n" {
		t.Errorf("got %d, %s", resp.StatusCode, body)
	}
}
