package httpapi

import (
	"context"
	"errors"
	"fmt"
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
	defaultMaxConns = 32
)

// Options says what to serve and where.
type Options struct {
	// Listen is "host:port" or "unix:/path". Required.
	Listen string

	// Source gives the data. Required.
	Source Source

	// Metrics appends the text of /metrics; MetricsType is its media type.
	// Required.
	Metrics     func(dst []byte) []byte
	MetricsType string

	// MaxConns bounds the open connections; further ones wait. 0 = 32.
	MaxConns int

	// ErrorLog, if not nil, gets net/http's complaints about clients, one a
	// line. It must be safe to call from several goroutines.
	ErrorLog func(line string)
}

// Server answers HTTP on one listener.
type Server struct {
	ln   net.Listener
	http *http.Server
}

// New opens the listener; nothing is answered before Run.
func New(o Options) (*Server, error) {
	if o.Source == nil || o.Metrics == nil || o.MetricsType == "" {
		panic("httpapi: Source, Metrics and MetricsType are required")
	}
	ln, err := listen(o.Listen)
	if err != nil {
		return nil, err
	}
	return newServer(o, ln), nil
}

func newServer(o Options, ln net.Listener) *Server {
	if o.MaxConns <= 0 {
		o.MaxConns = defaultMaxConns
	}
	h := &handler{source: o.Source, metrics: o.Metrics, metricsType: o.MetricsType, csp: contentPolicy(page)}
	return &Server{
		ln: bound(ln, o.MaxConns),
		http: &http.Server{
			Handler:           guard(h.mux(), isLoopback(ln.Addr())),
			ReadHeaderTimeout: headerTimeout,
			ReadTimeout:       readTimeout,
			WriteTimeout:      writeTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeaderBytes,
			ErrorLog:          log.New(lineWriter(o.ErrorLog), "", 0),
		},
	}
}

// Addr is where the server listens, with the port that the kernel chose if
// Options.Listen asked for port 0.
func (s *Server) Addr() net.Addr { return s.ln.Addr() }

// URL is what to type into a browser; "" for a unix socket.
func (s *Server) URL() string {
	a, ok := s.Addr().(*net.TCPAddr)
	if !ok {
		return ""
	}
	if a.IP.IsUnspecified() {
		return fmt.Sprintf("http://127.0.0.1:%d/", a.Port)
	}
	return "http://" + a.String() + "/"
}

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
		err = s.http.Close() // a slow reader does not hold up the agent's end
	}
	<-served
	if err != nil {
		return fmt.Errorf("http %s: close: %w", s.Addr(), err)
	}
	return nil
}

// lineWriter adapts a function to the writer that package log wants, which
// writes one line a call.
type lineWriter func(line string)

func (w lineWriter) Write(p []byte) (int, error) {
	if w != nil {
		w(strings.TrimSuffix(string(p), "\n"))
	}
	return len(p), nil
}
