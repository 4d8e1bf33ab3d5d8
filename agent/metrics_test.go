package agent

import (
	"strings"
	"testing"

	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// contract is what dashboards and alerts rely on: each metric's kind and, in
// the order of its labels, series that must be there.
var contract = []struct{ name, kind, series string }{
	{"samples_received_total", "counter", `{sensor="greenhouse"}`},
	{"samples_forwarded_total", "counter", `{lane="live"}`},
	{"samples_forwarded_total", "counter", `{lane="backfill"}`},
	{"samples_forwarded_total", "counter", `{lane="alarm"}`},
	{"samples_lost_total", "counter", `{cause="ring_overrun"}`},
	{"samples_lost_total", "counter", `{cause="store_full"}`},
	{"queue_size", "gauge", ""},
	{"queue_capacity", "gauge", ""},
	{"sample_processing_duration_seconds", "histogram", `_bucket{le="+Inf"}`},
	{"sample_delivery_duration_seconds", "histogram", `_bucket{le="+Inf"}`},
	{"circuit_breaker_state", "gauge", ""},
	{"circuit_breaker_trips_total", "counter", ""},
	{"retries_total", "counter", ""},
	{"backpressure_events_total", "counter", ""},
	{"backpressure_period_factor", "gauge", `{class="normal"}`},
	{"queue_fill_ratio", "gauge", `{class="normal"}`},
	{"sensor_spared_total", "counter", `{sensor="board"}`},
	{"sensor_skipped_total", "counter", `{sensor="board"}`},
	{"uplink_live", "gauge", ""},
	{"workers_busy", "gauge", ""},
	{"workers", "gauge", ""},
	{"spool_frames", "gauge", ""},
	{"spool_bytes", "gauge", ""},
	{"spool_oldest_seconds", "gauge", ""},
	{"flash_written_bytes_total", "counter", ""},
	{"flash_store_written_bytes_total", "counter", ""},
	{"flash_written_day_bytes", "gauge", ""},
	{"flash_budget_bytes", "gauge", ""},
	{"flash_loss_window_seconds", "gauge", ""},
	{"sensor_up", "gauge", `{sensor="board"}`},
	{"sensor_read_duration_seconds", "histogram", `_count{sensor="board"}`},
	{"sensor_errors_total", "counter", `{sensor="board",kind="nack"}`},
	{"sensor_errors_total", "counter", `{sensor="board",kind="timeout"}`},
	{"bus_recoveries_total", "counter", `{bus="i2c1",step="reopen"}`},
	{"clock_quality", "gauge", ""},
	{"build_info", "gauge", `{version="v1.2.3"}`},
	{"device_info", "gauge", `{name="pi-01",board="rig"}`},
	{"problems", "gauge", ""},
	{"ready", "gauge", ""},
	{"spool_up", "gauge", ""},
	{"spool_salvaged_files_total", "counter", ""},
	{"uplink_awaiting_time", "gauge", ""},
}

// scrape returns the lines of /metrics, the values of series by their names.
func scrape(r *rig) (types, values map[string]string) {
	types, values = make(map[string]string), make(map[string]string)
	for line := range strings.Lines(string(r.metrics.AppendText(nil))) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, kind, _ := strings.Cut(rest, " ")
			types[name] = kind
			continue
		}
		if !strings.HasPrefix(line, "#") {
			i := strings.LastIndexByte(line, ' ')
			values[line[:i]] = line[i+1:]
		}
	}
	return types, values
}

func TestMetricsOfTheContract(t *testing.T) {
	r := newRig(t, rigConfig(t, redistest.Start(t).URL(), ""))
	r.run(t)
	await(t, "samples in Redis", func() bool { return r.Summary().Delivered > 20 })
	await(t, "both sensors", func() bool {
		s := r.Sensors()
		return s[0].Up && s[1].Up
	})
	types, values := scrape(r)
	for _, c := range contract {
		name := prefix + c.name
		if types[name] != c.kind {
			t.Errorf("%s is a %q, want a %s", name, types[name], c.kind)
		}
		if _, ok := values[name+c.series]; !ok {
			t.Errorf("no series %s%s", name, c.series)
		}
	}
	for series, want := range map[string]string{
		"queue_capacity": "8192", "workers": "2", "circuit_breaker_state": "0", "uplink_connected": "1", "uplink_live": "1",
		`backpressure_period_factor{class="normal"}`: "1", "ready": "1", "problems": "0", "spool_up": "1", "uplink_awaiting_time": "0",
		`sensor_up{sensor="board"}`: "1", `build_info{version="v1.2.3"}`: "1", `samples_lost_total{cause="store_full"}`: "0",
	} {
		if got := values[prefix+series]; got != want {
			t.Errorf("%s is %q, want %s", series, got, want)
		}
	}
	for _, series := range []string{
		`samples_received_total{sensor="greenhouse"}`, `samples_forwarded_total{lane="live"}`,
		`sensor_read_duration_seconds_count{sensor="greenhouse"}`, "sample_processing_duration_seconds_count",
		"sample_delivery_duration_seconds_count", "flash_written_bytes_total",
	} {
		if got := values[prefix+series]; got == "" || got == "0" {
			t.Errorf("%s is %q, want more than 0", series, got)
		}
	}
}

func TestDurabilityHasOneNumberForEachName(t *testing.T) {
	for level := uplink.Memory; level <= uplink.AgedReplica; level++ {
		want := map[string]float64{"memory": 0, "age": 1, "aof": 2, "replica": 3}[level.String()]
		if got := levelNumber(level); got != want {
			t.Errorf("%s (%d) is %v, want %v", level, level, got, want)
		}
	}
}
