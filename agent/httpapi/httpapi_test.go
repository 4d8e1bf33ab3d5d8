package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden file anew")

// fake is a Source with fixed answers.
type fake struct {
	status  Status
	sensors []Sensor
	health  Health
}

func (f *fake) Status() Status    { return f.status }
func (f *fake) Sensors() []Sensor { return f.sensors }
func (f *fake) Health() Health    { return f.health }

func options(listen string, src Source) Options {
	return Options{
		Listen: listen, Source: src,
		Metrics:     func(dst []byte) []byte { return append(dst, "up 1\n"...) },
		MetricsType: "text/plain; version=0.0.4; charset=utf-8",
	}
}

// start runs a server until the test ends and returns its base URL.
func start(t *testing.T, o Options) *Server {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return s
}

func do(t *testing.T, method, url, host string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	tr := &http.Transport{DisableKeepAlives: true}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestAnswers(t *testing.T) {
	src := &fake{health: Health{Live: true, Version: "v7", Checks: []Check{{Name: "uplink", OK: true}, {Name: "spool", Detail: "disk full"}, {Name: "sensors"}}}}
	url := start(t, options("127.0.0.1:0", src)).URL()
	const asJSON, asProblem = "application/json", "application/problem+json"
	tests := []struct {
		method, path string
		code         int
		contentType  string
		body         string // a part
	}{
		{"GET", "", 200, "text/html; charset=utf-8", "<!DOCTYPE html>"},
		{"HEAD", "", 200, "text/html; charset=utf-8", ""},
		{"GET", "metrics", 200, "text/plain; version=0.0.4; charset=utf-8", "up 1\n"},
		{"GET", "health/live", 200, asJSON, `{"status":"live","version":"v7"}`},
		{"GET", "health/ready", 503, asProblem, `"detail":"not ready: spool: disk full; sensors"`},
		{"GET", "health/detailed", 200, asJSON, `"ready":false`},
		{"GET", "api/status", 200, asJSON, `"problems":[]`},
		{"GET", "api/sensors", 200, asJSON, "[]\n"},
		{"GET", "api/samples", 404, asProblem, `{"type":"about:blank","title":"Not Found","status":404,"detail":"nothing is here; see / for the status page","instance":"/api/samples"}`},
		{"GET", "debug/pprof/", 404, asProblem, ""},
		{"GET", "api/status/", 404, asProblem, ""},
		{"POST", "api/status", 405, asProblem, `"title":"Method Not Allowed"`},
		{"DELETE", "", 405, asProblem, ""},
		{"POST", "nowhere", 404, asProblem, ""},
	}
	for _, tt := range tests {
		t.Run(tt.method+" /"+tt.path, func(t *testing.T) {
			resp, body := do(t, tt.method, url+tt.path, "")
			if resp.StatusCode != tt.code || resp.Header.Get("Content-Type") != tt.contentType || !strings.Contains(body, tt.body) {
				t.Errorf("got %d %s %q\nwant %d %s with %q", resp.StatusCode, resp.Header.Get("Content-Type"), body, tt.code, tt.contentType, tt.body)
			}
			if allow := resp.Header.Get("Allow"); (allow == "GET, HEAD") != (tt.code == 405) {
				t.Errorf("Allow: %q with %d", allow, tt.code)
			}
			for header, want := range map[string]string{
				"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
				"Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "same-origin",
			} {
				if got := resp.Header.Get(header); got != want {
					t.Errorf("%s: %q, want %q", header, got, want)
				}
			}
			csp := resp.Header.Get("Content-Security-Policy")
			if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
				t.Errorf("Content-Security-Policy: %q", csp)
			}
		})
	}
}

// TestContract pins the JSON that other programs read.
func TestContract(t *testing.T) {
	v := 23.45
	src := &fake{
		status: Status{
			Device: "pi-01", Version: "1.0", Board: "Raspberry Pi 4", Boot: "b", Epoch: 7, Uptime: 1.5, Time: "2026-01-02T03:04:05Z",
			State: StateDegraded, Problems: []Trouble{{What: "w", Do: "d"}},
			Uplink: Uplink{
				State: "connected", Server: "h:6379", Encoding: "senml", Durability: "aof", LastError: "e", Breaker: "closed", Trips: 1, Retries: 2,
				Lanes: []Lane{{Name: "live", Seq: 9, Accepted: 8, Durable: 7, Queued: 1, Delivered: 80}},
			},
			Spool: Spool{State: "ok", Path: "/p", Frames: 1, Bytes: 2, MaxBytes: 3, Oldest: 4.5, Dropped: 5, Salvaged: 6, LossWindow: 7.5, Commits: 8.5, FlashBudget: 9, FlashDay: 10},
			Queue: Queue{Size: 1, Capacity: 2, HighWater: 3, Overruns: 4}, Workers: Workers{Count: 2, Busy: 1},
			Clock:    Clock{Quality: "ntp", Source: "kernel", Jumps: 1, Offset: -5, Redated: 3, Awaited: true},
			Alarms:   []Alarm{{Channel: "<b>/temperature", State: "high", Level: "warn", Value: &v, Unit: "Cel", Since: "2026-01-02T03:04:05Z", Age: 2.5}},
			Counters: Counters{Acquired: 4, Derived: 2, Withheld: 1, Delivered: 3, Stored: 2, DeclaredLost: 1},
		},
		sensors: []Sensor{{
			Name: "<b>", Use: "bme280", Bus: "i2c1", LastError: "e", Reads: 5, Errors: map[string]uint64{"nack": 1, "crc": 2}, Late: 0.25, Skipped: 3,
			Channels: []Channel{
				{Name: "temperature", Unit: "Cel", Resolution: 0.01, Value: &v, Raw: &v, Status: "ok", Alarm: "high", Stamp: "2026-01-02T03:04:05Z", StampMS: 1767323045000, AgeMS: 12, Recent: []float64{1, 2.5}},
				{Name: "humidity", Status: "lost", AgeMS: -1},
			},
		}},
		health: Health{Live: true, Ready: true, Checks: []Check{{Name: "uplink", OK: true, Detail: "connected"}}},
	}
	url := start(t, options("127.0.0.1:0", src)).URL()
	var got bytes.Buffer
	for _, path := range []string{"api/status", "api/sensors", "health/detailed", "health/ready"} {
		_, body := do(t, "GET", url+path, "")
		got.WriteString(path + "\n")
		if err := json.Indent(&got, []byte(body), "", "  "); err != nil {
			t.Fatal(err)
		}
	}
	if *update {
		if err := os.WriteFile("testdata/contract.golden", got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/contract.golden")
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", got.String(), want)
	}
}

func TestNaNIsAnErrorNotHalfAnAnswer(t *testing.T) {
	nan := math.NaN()
	src := &fake{sensors: []Sensor{{Name: "s", Channels: []Channel{{Value: &nan}}}}}
	resp, body := do(t, "GET", start(t, options("127.0.0.1:0", src)).URL()+"api/sensors", "")
	if resp.StatusCode != 500 || resp.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("got %d %q, want a problem document with 500", resp.StatusCode, body)
	}
}

// TestRebinding: a page of evil.example whose name now leads to 127.0.0.1
// sends its own name as Host.
func TestRebinding(t *testing.T) {
	url := start(t, options("127.0.0.1:0", &fake{})).URL()
	tests := map[string]int{
		"127.0.0.1:9155": 200, "localhost": 200, "localhost:1": 200, "LOCALHOST.": 200, "pi.localhost:9155": 200, "[::1]:9155": 200, "127.9.9.9": 200,
		"evil.example": 421, "evil.example:9155": 421, "localhost.evil.example": 421, "10.0.0.1": 421, "127.0.0.1.evil.example": 421, "notlocalhost": 421,
	}
	for host, want := range tests {
		for _, path := range []string{"", "api/status", "metrics"} {
			if resp, body := do(t, "GET", url+path, host); resp.StatusCode != want {
				t.Errorf("Host %q /%s: got %d, want %d: %s", host, path, resp.StatusCode, want, body)
			}
		}
	}
	// A listener for the network cannot know its names.
	open := start(t, options("0.0.0.0:0", &fake{}))
	if resp, _ := do(t, "GET", open.URL()+"api/status", "pi.example.org"); resp.StatusCode != 200 {
		t.Errorf("open listener: got %d, want 200", resp.StatusCode)
	}
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "telhub.sock")
	// A killed process leaves its socket behind.
	old, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	old.SetUnlinkOnClose(false)
	old.Close()

	s := start(t, options("unix:"+path, &fake{}))
	if s.URL() != "" {
		t.Errorf("URL %q for a unix socket, want none", s.URL())
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("socket: %v, %v; want mode 0660", info, err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("unix", path)
	}}}
	resp, err := client.Get("http://telhub/health/detailed")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Errorf("got %d, want 200", resp.StatusCode)
	}

	if _, err := New(options("unix:"+path, &fake{})); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("a second server on the socket: got %v", err)
	}
}

func TestListenErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	busy := start(t, options("127.0.0.1:0", &fake{})).Addr().String()
	for listen, want := range map[string]string{
		busy:                  "another program, or another telhub, has this port",
		"unix:relative":       "want unix: and an absolute path",
		"unix:" + file:        "exists and is no socket",
		"127.0.0.1":           "missing port",
		"unix:/nowhere/a/b.s": "no such file",
	} {
		_, err := New(options(listen, &fake{}))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "http.listen = ") {
			t.Errorf("listen %q: got %v, want an error with field, value and %q", listen, err, want)
		}
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "precious" {
		t.Errorf("the file in the way was touched: %q, %v", b, err)
	}
}

// TestPage holds the page to what its Content-Security-Policy and a phone on a
// slow link need: small, nothing from outside, no markup from data.
func TestPage(t *testing.T) {
	if len(page) > 20_000 {
		t.Errorf("the page has %d bytes, want at most 20,000", len(page))
	}
	text := strings.ReplaceAll(string(page), `"http://www.w3.org/2000/svg"`, "")
	for _, bad := range []string{"http:", "https:", "//cdn", "@import", "url(", "innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", " style=", "onclick", " src="} {
		if strings.Contains(text, bad) {
			t.Errorf("the page contains %q", bad)
		}
	}
	for _, want := range []string{`<html lang="en">`, `name="viewport"`, `aria-live="polite"`, "<noscript>", "prefers-color-scheme:dark", "textContent"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Count(text, "<script") != 1 || strings.Count(text, "<style") != 1 {
		t.Error("the policy's hashes cover one <script> and one <style>")
	}
}
