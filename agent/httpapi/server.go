package httpapi

import (
	"fmt"
	"net"

	"github.com/telhub/telhub/internal/localhttp"
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

	// MaxConns bounds the open connections; further ones wait, and of other
	// machines not more than three quarters are taken. 0 = 32.
	MaxConns int

	// ErrorLog, if not nil, gets net/http's complaints about clients, one a
	// line. It must be safe to call from several goroutines.
	ErrorLog func(line string)
}

// Server answers HTTP on one listener.
type Server struct{ *localhttp.Server }

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
	h := &handler{source: o.Source, metrics: o.Metrics, metricsType: o.MetricsType, csp: contentPolicy(page)}
	return &Server{localhttp.New(ln, h.mux(), o.MaxConns, o.ErrorLog)}
}

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
