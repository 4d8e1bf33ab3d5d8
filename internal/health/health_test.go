package health_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/telhub/telhub/agent/httpapi"
	"github.com/telhub/telhub/internal/health"
	"github.com/telhub/telhub/processing/observe"
)

// agentSays is the source of the agent's server, ttpSays that of ttp's.
type agentSays httpapi.Health

func (s agentSays) Status() httpapi.Status    { return httpapi.Status{} }
func (s agentSays) Sensors() []httpapi.Sensor { return nil }
func (s agentSays) Health() httpapi.Health    { return httpapi.Health(s) }

type ttpSays observe.Health

func (s ttpSays) Status(context.Context) observe.Status { return observe.Status{} }
func (s ttpSays) Health(context.Context) observe.Health { return observe.Health(s) }

type server interface {
	Addr() net.Addr
	Run(ctx context.Context) error
}

// runs serves until the test ends and returns what the server listens on.
func runs(t *testing.T, s server, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s.Addr().String()
}

func telhub(t *testing.T, listen string, h httpapi.Health) string {
	s, err := httpapi.New(httpapi.Options{Listen: listen, Source: agentSays(h), Metrics: func(dst []byte) []byte { return dst }, MetricsType: "text/plain"})
	return runs(t, s, err)
}

func ttp(t *testing.T, listen string, h observe.Health) string {
	s, err := observe.NewServer(listen, ttpSays(h), http.NotFoundHandler())
	return runs(t, s, err)
}

func ask(q health.Question) (string, error) {
	if q.Timeout == 0 {
		q.Timeout = 10 * time.Second
	}
	q.Program = "telhub"
	var b bytes.Buffer
	err := health.Ask(context.Background(), q, &b)
	return b.String(), err
}

func TestAnswers(t *testing.T) {
	well := []httpapi.Check{{Name: "uplink", OK: true, Detail: "redis:6379"}, {Name: "sensors", OK: true}}
	ill := []httpapi.Check{{Name: "pipeline", Detail: "the oldest sample has waited 31s"}, {Name: "spool", OK: true}}
	tests := []struct {
		name   string
		health httpapi.Health
		live   bool
		out    string
		err    error
		text   string
	}{
		{"ready", httpapi.Health{Live: true, Ready: true, Version: "v7", Checks: well}, false, "ready, version v7\n  ok    uplink     redis:6379\n  ok    sensors\n", nil, ""},
		{"not ready", httpapi.Health{Live: true, Checks: ill}, false, "not ready\n  FAIL  pipeline   the oldest sample has waited 31s\n  ok    spool\n", health.ErrNotReady, "not ready"},
		{"not live", httpapi.Health{Checks: ill}, false, "not live\n", health.ErrNotReady, "not ready"},
		{"lives", httpapi.Health{Live: true, Checks: ill}, true, "live\n", nil, ""},
		{"does not live", httpapi.Health{Checks: ill}, true, "", health.ErrNotLive, "not live: pipeline: the oldest sample has waited 31s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, err := ask(health.Question{Where: telhub(t, "127.0.0.1:0", tt.health), Live: tt.live})
			if !strings.HasPrefix(out, tt.out) || tt.out == "" && out != "" || !errors.Is(err, tt.err) {
				t.Errorf("got %q, %v\nwant %q, %v", out, err, tt.out, tt.err)
			}
			if err != nil && err.Error() != tt.text {
				t.Errorf("error %q, want %q", err, tt.text)
			}
		})
	}
}

func TestAnAddressWithoutAPortIsRefused(t *testing.T) {
	for _, where := range []string{"localhost", "127.0.0.1", "http://127.0.0.1:9155/"} {
		q := health.Question{Where: where, Timeout: time.Second}
		if err := q.Check(); err == nil || !strings.HasPrefix(err.Error(), "--at "+where+": want host:port") {
			t.Errorf("%s: got %v", where, err)
		}
	}
}

func TestAnswersOfTTP(t *testing.T) {
	checks := []observe.Check{{Name: "redis", Detail: "connection refused"}}
	where := ttp(t, "127.0.0.1:0", observe.Health{Live: true, Checks: checks})
	if out, err := ask(health.Question{Where: where}); out != "not ready\n  FAIL  redis      connection refused\n" || !errors.Is(err, health.ErrNotReady) {
		t.Errorf("got %q, %v", out, err)
	}
	if out, err := ask(health.Question{Where: where, Live: true}); out != "live\n" || err != nil {
		t.Errorf("got %q, %v", out, err)
	}
	out, err := ask(health.Question{Where: where, JSON: true})
	if want := `{"live":true,"ready":false,"checks":[{"name":"redis","ok":false,"detail":"connection refused"}]}` + "\n"; out != want || !errors.Is(err, health.ErrNotReady) {
		t.Errorf("got %q, %v, want %q", out, err, want)
	}
}

// What listens everywhere, or on a socket, is asked at this machine.
func TestWhereItIsAsked(t *testing.T) {
	ready := httpapi.Health{Live: true, Ready: true}
	for _, listen := range []string{":0", "0.0.0.0:0", "[::]:0", "localhost:0", "unix:" + filepath.Join(t.TempDir(), "s")} {
		t.Run(listen, func(t *testing.T) {
			at := telhub(t, listen, ready)
			where := listen
			if i := strings.LastIndex(listen, ":0"); i >= 0 {
				where = listen[:i] + at[strings.LastIndex(at, ":"):]
			}
			if out, err := ask(health.Question{Where: where}); out != "ready\n" || err != nil {
				t.Errorf("%s: got %q, %v", where, out, err)
			}
		})
	}
}

// answering accepts connections and gives each to serve.
func answering(t *testing.T, serve func(c net.Conn)) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			serve(c)
			c.Close()
		}
	}()
	t.Cleanup(func() { ln.Close(); <-done })
	return ln.Addr().String()
}

func TestNoAnswer(t *testing.T) {
	closed := answering(t, func(net.Conn) {})
	silent := answering(t, func(c net.Conn) { io.Copy(io.Discard, c) }) // until the asker gives up
	endless := answering(t, func(c net.Conn) {
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\n\r\n")
		for {
			if _, err := c.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	})
	// A head without end: it would be kept until the time is up, at gigabytes a second.
	head := answering(t, func(c net.Conn) {
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\n")
		line := strings.Repeat("X-Y: "+strings.Repeat("z", 1000)+"\r\n", 64)
		for {
			if _, err := io.WriteString(c, line); err != nil {
				return
			}
		}
	})
	other := answering(t, func(c net.Conn) {
		fmt.Fprintf(c, "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}")
	})
	page := answering(t, func(c net.Conn) {
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>")
	})
	var gone string
	if c, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		gone = c.Addr().String()
		c.Close()
	}
	tests := []struct{ name, where, text string }{
		{"nobody", gone, "telhub does not answer at " + gone + ": dial tcp " + gone + ": connect: connection refused; is it running, and is this its http.listen?"},
		{"no socket", "unix:/nonexistent/s", "no such file"},
		{"closed", closed, "does not answer at " + closed},
		{"silent", silent, "no answer in time"},
		{"endless", endless, "longer than 1048576 bytes"},
		{"endless head", head, "longer than 1048576 bytes"},
		{"other", other, "answered 404 to GET /health/detailed: another program has this address, or an older telhub"},
		{"page", page, "answered 200 to GET /health/detailed: another program"},
		{"off", "", "http.listen is empty"},
		{"no port", "127.0.0.1", "missing port"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			limit := 10 * time.Second
			if tt.name == "silent" {
				limit = 50 * time.Millisecond
			}
			out, err := ask(health.Question{Where: tt.where, Timeout: limit})
			if out != "" || err == nil || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %q, %v; want an error with %q", out, err, tt.text)
			}
		})
	}
}

// Whoever has the port while the agent is away writes to the terminal of whoever asks.
func TestNothingForTerminals(t *testing.T) {
	const text = "\x1b]0;owned\x07\x1b[2J\u009b1A\u202e"
	h := httpapi.Health{Live: true, Ready: true, Version: text, Checks: []httpapi.Check{{Name: text, Detail: text}}}
	ill := httpapi.Health{Checks: []httpapi.Check{{Name: "pipeline", Detail: text}}}
	for _, tt := range []struct {
		health     httpapi.Health
		live, json bool
	}{{h, false, false}, {h, false, true}, {ill, true, false}} {
		out, err := ask(health.Question{Where: telhub(t, "127.0.0.1:0", tt.health), Live: tt.live, JSON: tt.json})
		if err != nil {
			out += err.Error()
		}
		if !strings.Contains(out, "owned") {
			t.Errorf("%+v: the text is not in %q", tt, out)
		}
		if i := strings.IndexFunc(out, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("%+v: %q goes to the terminal", tt, out[i:])
		}
	}
}
