package observe

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/processing/telemetry"
	"github.com/telhub/telhub/uplink/frame"
)

func TestTelemetrySeries(t *testing.T) {
	m := NewMetrics("test")
	s := telemetry.Stats{Frames: 7, StoreErrors: 3, StoreTime: 1500 * time.Millisecond, Held: 5}
	s.Newest[frame.Live] = time.UnixMilli(1780315200500)
	s.Lags = []telemetry.Lag{{Stream: "telhub:{0}:live", Pending: 4, Waiting: -1, Oldest: 2 * time.Second}}
	m.Telemetry("storage", func() telemetry.Stats { return s })
	m.Telemetry("alarms", func() telemetry.Stats { return telemetry.Stats{} })
	running := true
	m.TelemetryRunning(func() bool { return running })
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	text := w.Body.String()
	for _, want := range []string{
		"ttp_telemetry_running 1",
		`ttp_telemetry_frames_total{group="storage"} 7`,
		`ttp_telemetry_frames_total{group="alarms"} 0`,
		`ttp_telemetry_store_errors_total{group="storage"} 3`,
		`ttp_telemetry_store_seconds_total{group="storage"} 1.5`,
		`ttp_telemetry_held_entries{group="storage"} 5`,
		`ttp_telemetry_newest_timestamp_seconds{group="storage",lane="live"} 1.7803152005e+09`,
		`ttp_telemetry_pending_entries{group="storage",stream="telhub:{0}:live"} 4`,
		`ttp_telemetry_oldest_seconds{group="storage",stream="telhub:{0}:live"} 2`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no line %s", want)
		}
	}
	if strings.Contains(text, "ttp_telemetry_lag_entries") || strings.Contains(text, `lane="alarm"`) {
		t.Error("what is not known is shown")
	}
	running = false
	if !strings.Contains(gathered(t, m), "ttp_telemetry_running 0\n") {
		t.Error("ttp_telemetry_running does not say that nothing is read")
	}
}
