package observe

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/telhub/telhub/internal/localhttp"
)

// Source is where the server gets what it shows. Its methods are called from
// several goroutines at once, at each request.
type Source interface {
	Status(ctx context.Context) Status
	Health(ctx context.Context) Health
}

// Liver is a Source that knows whether it lives without asking servers, which
// may take longer than a supervisor waits for /health/live.
type Liver interface{ Live() bool }

func live(ctx context.Context, s Source) Health {
	if l, ok := s.(Liver); ok {
		return Health{Live: l.Live()}
	}
	return s.Health(ctx)
}

// Health is the answer of /health/detailed.
type Health struct {
	Live   bool    `json:"live"`  // restart the process if not
	Ready  bool    `json:"ready"` // it takes tasks
	Checks []Check `json:"checks"`
}

// Check is one thing that was looked at.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
}

// Server answers HTTP on one listener: GET and HEAD of /metrics, /health/live,
// /health/ready, /health/detailed and /api/status. Errors are problem documents
// (RFC 9457). On a loopback address it answers to loopback names only, so that
// a web site cannot read it by pointing its own name there (DNS rebinding).
type Server struct{ *localhttp.Server }

// NewServer opens the listener ("host:port" or "unix:/path"); nothing is
// answered before Run.
func NewServer(where string, source Source, metrics http.Handler) (*Server, error) {
	ln, err := listen(where)
	if err != nil {
		return nil, err
	}
	return &Server{localhttp.New(ln, localhttp.Read(mux(source, metrics).ServeHTTP), 0, nil)}, nil
}

// mux routes by path; methods are checked before.
func mux(source Source, metrics http.Handler) *http.ServeMux {
	m := http.NewServeMux()
	m.Handle("/metrics", metrics)
	m.HandleFunc("/health/live", func(w http.ResponseWriter, r *http.Request) {
		h := live(r.Context(), source)
		sendHealth(w, r, "live", h.Live, h.Checks)
	})
	m.HandleFunc("/health/ready", func(w http.ResponseWriter, r *http.Request) {
		h := source.Health(r.Context())
		sendHealth(w, r, "ready", h.Ready, h.Checks)
	})
	// detailed always answers 200: it is for people and dashboards.
	m.HandleFunc("/health/detailed", func(w http.ResponseWriter, r *http.Request) { localhttp.SendJSON(w, r, source.Health(r.Context())) })
	m.HandleFunc("/api/status", func(w http.ResponseWriter, r *http.Request) { localhttp.SendJSON(w, r, source.Status(r.Context())) })
	m.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		localhttp.Problem(w, r, http.StatusNotFound, "nothing is here; there are /metrics, /health/live, /health/ready, /health/detailed and /api/status")
	})
	return m
}

// sendHealth answers 200, or 503 with what failed.
func sendHealth(w http.ResponseWriter, r *http.Request, what string, ok bool, checks []Check) {
	if ok {
		localhttp.SendJSON(w, r, map[string]string{"status": what})
		return
	}
	var failed []string
	for _, c := range checks {
		if !c.OK {
			failed = append(failed, strings.TrimSuffix(c.Name+": "+c.Detail, ": "))
		}
	}
	localhttp.Problem(w, r, http.StatusServiceUnavailable, fmt.Sprintf("not %s: %s", what, strings.Join(failed, "; ")))
}
