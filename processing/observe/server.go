package observe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"time"
)

// Limits on what clients may take. An honest client on the same machine or
// network meets none of them.
const (
	headerTimeout   = 5 * time.Second
	readTimeout     = 10 * time.Second
	writeTimeout    = 15 * time.Second
	idleTimeout     = 30 * time.Second
	shutdownTimeout = 2 * time.Second // answers in flight at the end
	maxHeaderBytes  = 8 << 10
	maxScrapes      = 4 // at the same time; further ones are told to come back
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
type Server struct {
	ln   net.Listener
	http *http.Server
}

// NewServer opens the listener ("host:port" or "unix:/path"); nothing is
// answered before Run.
func NewServer(where string, source Source, metrics http.Handler) (*Server, error) {
	ln, err := listen(where)
	if err != nil {
		return nil, err
	}
	return &Server{ln: ln, http: &http.Server{
		Handler:           guard(mux(source, metrics), isLoopback(ln.Addr())),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          log.New(io.Discard, "", 0), // what clients do wrong they are told
	}}, nil
}

// Addr is where the server listens, with the port that the kernel chose if it
// was asked to.
func (s *Server) Addr() net.Addr { return s.ln.Addr() }

// Run answers until ctx ends, lets answers in flight finish for at most two
// seconds, closes everything and returns. Call it once.
func (s *Server) Run(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(s.ln) }() // ends when Shutdown or Close closes the listener
	select {
	case err := <-served:
		return fmt.Errorf("http %s: %w", s.Addr(), err)
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	err := s.http.Shutdown(end)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close() // a slow reader does not hold up the end
	}
	<-served
	if err != nil {
		return fmt.Errorf("http %s: close: %w", s.Addr(), err)
	}
	return nil
}

// mux routes by path; methods are checked in guard.
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
	m.HandleFunc("/health/detailed", func(w http.ResponseWriter, r *http.Request) { sendJSON(w, r, source.Health(r.Context())) })
	m.HandleFunc("/api/status", func(w http.ResponseWriter, r *http.Request) { sendJSON(w, r, source.Status(r.Context())) })
	m.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		problem(w, r, http.StatusNotFound, "nothing is here; there are /metrics, /health/live, /health/ready, /health/detailed and /api/status")
	})
	return m
}

// guard sets the headers that every answer carries and refuses what is not a
// read, and requests for names that are not this machine's on a loopback.
func guard(next http.Handler, loopback bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		switch {
		case loopback && !isLocalName(r.Host):
			problem(w, r, http.StatusMisdirectedRequest,
				"this server answers only to localhost, 127.0.0.1 and [::1]; to reach it from elsewhere set http.listen to an address of this machine")
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			h.Set("Allow", "GET, HEAD") // RFC 9110, 15.5.6
			problem(w, r, http.StatusMethodNotAllowed, "this resource can only be read: use GET")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// sendHealth answers 200, or 503 with what failed.
func sendHealth(w http.ResponseWriter, r *http.Request, what string, ok bool, checks []Check) {
	if ok {
		sendJSON(w, r, map[string]string{"status": what})
		return
	}
	var failed []string
	for _, c := range checks {
		if !c.OK {
			failed = append(failed, strings.TrimSuffix(c.Name+": "+c.Detail, ": "))
		}
	}
	problem(w, r, http.StatusServiceUnavailable, fmt.Sprintf("not %s: %s", what, strings.Join(failed, "; ")))
}

// sendJSON encodes before it answers, so that a value that JSON cannot carry
// becomes an error and not half an answer.
func sendJSON(w http.ResponseWriter, r *http.Request, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		problem(w, r, http.StatusInternalServerError, err.Error())
		return
	}
	send(w, http.StatusOK, "application/json", append(b, '\n'))
}

func send(w http.ResponseWriter, code int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(code)
	_, _ = w.Write(body) // a client that went away is no error of ours
}

// document is a problem document (RFC 9457, 3.1). Its type is "about:blank",
// which says that the status code tells all there is to tell apart.
type document struct {
	Type     string `json:"type"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail"`
	Instance string `json:"instance"`
}

func problem(w http.ResponseWriter, r *http.Request, code int, detail string) {
	d := document{Type: "about:blank", Title: http.StatusText(code), Status: code, Detail: detail, Instance: r.URL.EscapedPath()}
	b, err := json.Marshal(d)
	if err != nil { // strings and a number always encode
		b = []byte(`{"type":"about:blank"}`)
	}
	send(w, code, "application/problem+json", append(b, '\n'))
}
