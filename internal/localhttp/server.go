package localhttp

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
	HeaderTimeout   = 5 * time.Second
	readTimeout     = 10 * time.Second
	writeTimeout    = 15 * time.Second
	idleTimeout     = 30 * time.Second
	ShutdownTimeout = 2 * time.Second // answers in flight at the end
	maxHeaderBytes  = 8 << 10
	defaultMaxConns = 32
)

// Server answers HTTP on one listener.
type Server struct {
	ln   net.Listener
	http *http.Server
}

// New makes a server that answers nothing before Run. It owns the listener.
// maxConns bounds the open connections, further ones wait, other machines' beyond
// their part are closed; 0 means 32. complain, if
// not nil, gets net/http's complaints about clients, one a line, from several
// goroutines. On a loopback address the server answers to loopback names only.
func New(ln net.Listener, h http.Handler, maxConns int, complain func(line string)) *Server {
	if maxConns <= 0 {
		maxConns = defaultMaxConns
	}
	return &Server{
		ln: bound(ln, maxConns),
		http: &http.Server{
			Handler:           Guard(h, isLoopback(ln.Addr())),
			ReadHeaderTimeout: HeaderTimeout,
			ReadTimeout:       readTimeout,
			WriteTimeout:      writeTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeaderBytes,
			ErrorLog:          log.New(lineWriter(complain), "", 0),
		},
	}
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
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), ShutdownTimeout)
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

// lineWriter adapts a function to the writer that package log wants, which
// writes one line a call.
type lineWriter func(line string)

func (w lineWriter) Write(p []byte) (int, error) {
	if w != nil {
		w(strings.TrimSuffix(string(p), "\n"))
	}
	return len(p), nil
}
