package httpapi

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telhub/telhub/internal/localhttp"
)

// pipes is a listener whose connections live in memory, so that time can be
// virtual. Accept waits for the next Dial.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { close(p.done); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9155} }
func (p *pipes) dial() net.Conn {
	here, there := net.Pipe()
	p.conns <- there
	return here
}

// bubble runs f beside a server with that many connections, in virtual time.
func bubble(t *testing.T, maxConns int, f func(t *testing.T, p *pipes, stop func() time.Duration)) {
	synctest.Test(t, func(t *testing.T) {
		o := options("", &fake{})
		o.MaxConns = maxConns
		p := newPipes()
		s := newServer(o, p)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		f(t, p, func() time.Duration {
			begin := time.Now()
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
			return time.Since(begin)
		})
	})
}

const request = "GET /health/detailed HTTP/1.1\r\nHost: localhost\r\n\r\n"

func ask(t *testing.T, c net.Conn) {
	t.Helper()
	go func() { _, _ = io.WriteString(c, request) }()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 200 {
		t.Fatalf("got %d, %v", resp.StatusCode, err)
	}
}

func TestSilentClientIsCutOff(t *testing.T) {
	bubble(t, 4, func(t *testing.T, p *pipes, stop func() time.Duration) {
		c := p.dial()
		begin := time.Now()
		if _, err := io.ReadAll(c); err != nil {
			t.Errorf("read: %v", err)
		}
		if took := time.Since(begin); took < localhttp.HeaderTimeout || took > localhttp.HeaderTimeout+time.Second {
			t.Errorf("cut off after %v, want %v", took, localhttp.HeaderTimeout)
		}
		stop()
	})
}

func TestConnectionsAreBounded(t *testing.T) {
	bubble(t, 2, func(t *testing.T, p *pipes, stop func() time.Duration) {
		first, second := p.dial(), p.dial()
		ask(t, first)
		ask(t, second)
		third := make(chan net.Conn)
		go func() { third <- p.dial() }()
		synctest.Wait()
		select {
		case <-third:
			t.Fatal("a third connection was accepted, 2 are allowed")
		default:
		}
		first.Close()
		c := <-third // its place is free now
		ask(t, c)
		c.Close()
		second.Close()
		stop()
	})
}

func TestShutdownDoesNotWaitForASlowReader(t *testing.T) {
	bubble(t, 2, func(t *testing.T, p *pipes, stop func() time.Duration) {
		c := p.dial()
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the server now waits for us to read the page
		if took := stop(); took > localhttp.ShutdownTimeout+time.Second {
			t.Errorf("shutdown took %v, want at most %v", took, localhttp.ShutdownTimeout)
		}
		c.Close()
	})
}

func TestHeadersAreBounded(t *testing.T) {
	s := start(t, options("127.0.0.1:0", &fake{}))
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	go func() {
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\nX: "+strings.Repeat("x", 64<<10)+"\r\n\r\n")
	}()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("got %d, want 431", resp.StatusCode)
	}
}
