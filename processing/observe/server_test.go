package observe_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/telhub/telhub/processing/observe"
)

// fixed is a source that says the same always.
type fixed struct {
	health observe.Health
	status observe.Status
}

func (f *fixed) Health(context.Context) observe.Health { return f.health }
func (f *fixed) Status(context.Context) observe.Status { return f.status }

// serve runs a server until the test ends.
func serve(t *testing.T, where string, source observe.Source) *observe.Server {
	t.Helper()
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ttp_x 1\n") })
	s, err := observe.NewServer(where, source, metrics)
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
	return s
}

// ask sends a request as written and returns code, headers and body.
func ask(t *testing.T, s *observe.Server, method, path, host string) (*http.Response, string) {
	t.Helper()
	c, err := net.Dial(s.Addr().Network(), s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", method, path, host)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

func TestEndpoints(t *testing.T) {
	source := &fixed{health: observe.Health{Live: true, Ready: false, Checks: []observe.Check{
		{Name: "redis", OK: false, Detail: "does not answer"}, {Name: "pool", OK: true, Detail: "4 workers"},
	}}}
	source.status.Version = "v1"
	s := serve(t, "127.0.0.1:0", source)
	for _, test := range []struct {
		method, path, host string
		code               int
		kind, body         string
	}{
		{"GET", "/metrics", "localhost", 200, "text/plain", "ttp_x 1\n"},
		{"GET", "/health/live", "127.0.0.1:9156", 200, "application/json", `{"status":"live"}`},
		{"GET", "/health/ready", "[::1]:9156", 503, "application/problem+json", "not ready: redis: does not answer"},
		{"GET", "/health/detailed", "localhost.", 200, "application/json", `"checks":[{"name":"redis","ok":false,"detail":"does not answer"}`},
		{"GET", "/api/status", "x.localhost", 200, "application/json", `"version":"v1"`},
		{"GET", "/", "localhost", 404, "application/problem+json", "nothing is here; there are /metrics"},
		{"POST", "/metrics", "localhost", 405, "application/problem+json", "can only be read"},
		{"GET", "/metrics", "evil.example", 421, "application/problem+json", "answers only to localhost"},
	} {
		resp, body := ask(t, s, test.method, test.path, test.host)
		if resp.StatusCode != test.code || !strings.HasPrefix(resp.Header.Get("Content-Type"), test.kind) || !strings.Contains(body, test.body) {
			t.Errorf("%s %s to %s: got %d, %s, %s; want %d, %s, %s", test.method, test.path, test.host,
				resp.StatusCode, resp.Header.Get("Content-Type"), body, test.code, test.kind, test.body)
		}
		if got := resp.Header.Get("X-Content-Type-Options"); got != "nosniff" {
			t.Errorf("%s %s: X-Content-Type-Options is %q", test.method, test.path, got)
		}
		if test.kind == "application/problem+json" {
			var doc struct {
				Type, Title, Detail, Instance string
				Status                        int
			}
			if err := json.Unmarshal([]byte(body), &doc); err != nil || doc.Status != test.code || doc.Instance != test.path || doc.Type != "about:blank" {
				t.Errorf("%s %s: %s is no problem document: %v", test.method, test.path, body, err)
			}
		}
	}
}

func TestServerOnASocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	// what a killed process leaves behind
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	s := serve(t, "unix:"+path, &fixed{health: observe.Health{Live: true}})
	if resp, _ := ask(t, s, "GET", "/health/live", "whatever"); resp.StatusCode != 200 {
		t.Errorf("got %d, want 200: a socket has no name to rebind", resp.StatusCode)
	}
	if _, err := observe.NewServer("unix:"+path, &fixed{}, nil); err == nil || !strings.Contains(err.Error(), "is in use by another process") {
		t.Errorf("a second server: got %v", err)
	}
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := observe.NewServer("unix:"+file, &fixed{}, nil); err == nil || !strings.Contains(err.Error(), "is no socket") {
		t.Errorf("a file: got %v", err)
	}
}

func TestTakenPortTellsWhatToDo(t *testing.T) {
	s := serve(t, "127.0.0.1:0", &fixed{})
	_, err := observe.NewServer(s.Addr().String(), &fixed{}, nil)
	if err == nil || !strings.Contains(err.Error(), "another ttp run, has this port: choose another one (TTP_HTTP_LISTEN=") {
		t.Errorf("got %v", err)
	}
}
