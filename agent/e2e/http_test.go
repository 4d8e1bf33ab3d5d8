package e2e

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/telhub/telhub/agent/httpapi"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// The local HTTP tells the truth while all is well, without a server, and with
// a dead sensor.
func TestFaceTellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	f, dead := newFeeder(t, "a", 20), newFeeder(t, "dead", 20)
	n := newNode(t)
	n.configure(n.config(settings{redis: srv.URL(), flush: "100ms", breaker: "failures = 1"}, f, dead))
	n.start()
	f.start()
	dead.start()
	eventually(t, "state ok", func() bool {
		return n.status().State == httpapi.StateOK && n.metric("telemetry_samples_forwarded_total") > 0
	})
	n.wantPage()
	n.wantCodes(map[string]int{"/health/live": 200, "/health/ready": 200, "/health/detailed": 200, "/nothing": 404})
	n.wantMetrics()
	if s := n.sensor("a"); !s.Up || len(s.Channels) != fields || s.Channels[0].Value == nil || s.Channels[0].Status != "ok" {
		t.Errorf("sensor a: %+v", s)
	}

	dead.stop()
	if err := dead.pty.Unplug(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the sensor to be missed", func() bool { return !n.sensor("dead").Up })
	n.wantTrouble("sensor dead")
	eventually(t, "its channels to be lost", func() bool { return n.sensor("dead").Channels[0].Status == "lost" })
	if s := n.sensor("a"); !s.Up {
		t.Error("its neighbour is down too")
	}
	n.wantCodes(map[string]int{"/health/live": 200, "/health/ready": 200})

	srv.Stop()
	eventually(t, "the breaker to open", func() bool { return n.status().Uplink.Breaker == "open" })
	n.wantTrouble("Redis does not take frames")
	n.wantCodes(map[string]int{"/health/live": 200, "/health/ready": 200, "/health/detailed": 200})
	// The spool keeps what the server cannot take: it is ready, and says what is not well.
	n.wantHealth("ready, version ", "\n  FAIL  uplink ", "\n  ok    spool ", "\n  ok    sensors    1 of 2 answer\n")
	if up := n.metric("telemetry_uplink_connected"); up != 0 {
		t.Errorf("telemetry_uplink_connected is %v without a server", up)
	}
	n.wantMetrics()
	n.wantPage()

	srv.Start()
	if err := dead.pty.Replug(); err != nil {
		t.Fatal(err)
	}
	again := &feeder{name: "dead", pty: dead.pty, rate: 20}
	again.start()
	defer again.stop()
	eventually(t, "state ok again", func() bool { return n.status().State == httpapi.StateOK })
}

// sensor returns one element of /api/sensors.
func (n *node) sensor(name string) httpapi.Sensor {
	n.t.Helper()
	_, body := n.get("/api/sensors")
	var all []httpapi.Sensor
	if err := json.Unmarshal(body, &all); err != nil {
		n.t.Fatalf("/api/sensors: %v: %q", err, body)
	}
	for _, s := range all {
		if s.Name == name {
			return s
		}
	}
	n.t.Fatalf("/api/sensors has no %s: %s", name, body)
	return httpapi.Sensor{}
}

func (n *node) wantCodes(want map[string]int) {
	n.t.Helper()
	for path, code := range want {
		if got, body := n.get(path); got != code {
			n.t.Errorf("%s gives %d, want %d: %s", path, got, code, body)
		}
	}
}

// wantHealth wants `telhub health` to be content, and to print all of words.
func (n *node) wantHealth(words ...string) {
	n.t.Helper()
	bin, err := telhub()
	if err != nil {
		n.t.Fatal(err)
	}
	out, err := exec.CommandContext(n.t.Context(), bin, "health", "--config", filepath.Join(n.dir, "telhub.toml")).CombinedOutput()
	if err != nil {
		n.t.Errorf("telhub health: %v: %s", err, out)
	}
	for _, w := range words {
		if !bytes.Contains(out, []byte(w)) {
			n.t.Errorf("telhub health prints %q, without %q", out, w)
		}
	}
}

// wantTrouble wants a problem in plain words, with something to do about it.
func (n *node) wantTrouble(what string) {
	n.t.Helper()
	s := n.status()
	for _, p := range s.Problems {
		if strings.Contains(p.What, what) && p.Do != "" {
			if s.State != httpapi.StateDegraded {
				n.t.Errorf("state is %s although there is a problem: %+v", s.State, p)
			}
			return
		}
	}
	n.t.Errorf("no problem tells of %q: %+v", what, s.Problems)
}

// wantPage wants one self-contained page.
func (n *node) wantPage() {
	n.t.Helper()
	code, body := n.get("/")
	if code != http.StatusOK || !bytes.Contains(body, []byte("</html>")) {
		n.t.Errorf("/ gives %d, %d bytes", code, len(body))
	}
	for _, outside := range []string{`src="http`, `href="http`, `src='http`, "@import"} {
		if bytes.Contains(body, []byte(outside)) {
			n.t.Errorf("the page loads something from elsewhere: %s", outside)
		}
	}
}

// wanted are metrics that users' dashboards rely on.
var wanted = []string{
	"telemetry_samples_received_total", "telemetry_samples_forwarded_total", "telemetry_samples_lost_total",
	"telemetry_queue_size", "telemetry_queue_capacity", "telemetry_sample_processing_duration_seconds_bucket",
	"telemetry_sample_delivery_duration_seconds_bucket", "telemetry_circuit_breaker_state",
	"telemetry_circuit_breaker_trips_total", "telemetry_retries_total", "telemetry_backpressure_events_total",
	"telemetry_workers_busy", "telemetry_workers", "telemetry_spool_frames", "telemetry_spool_bytes",
	"telemetry_spool_oldest_seconds", "telemetry_flash_written_bytes_total", "telemetry_sensor_up",
	"telemetry_sensor_errors_total", "telemetry_clock_quality", "telemetry_build_info",
}

// wantMetrics wants those, and well-formed text: by promtool's judgement where
// that is installed.
func (n *node) wantMetrics() {
	n.t.Helper()
	_, body := n.get("/metrics")
	for _, name := range wanted {
		if !bytes.Contains(body, []byte("\n"+name+"{")) && !bytes.Contains(body, []byte("\n"+name+" ")) {
			n.t.Errorf("/metrics has no %s", name)
		}
	}
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		return
	}
	cmd := exec.CommandContext(n.t.Context(), promtool, "check", "metrics")
	cmd.Stdin = bytes.NewReader(body)
	if out, err := cmd.CombinedOutput(); err != nil {
		n.t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}
