package observe

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/telhub/telhub/processing/telemetry"
	"github.com/telhub/telhub/uplink/frame"
)

// telemetrySeries are series of a telemetry consumer that Stats holds as they
// are.
var telemetrySeries = [...]struct {
	name, help string
	kind       prometheus.ValueType
	value      func(*telemetry.Stats) float64
}{
	{"read_total", "Stream entries that came to this process.", prometheus.CounterValue, func(s *telemetry.Stats) float64 { return float64(s.Read) }},
	{"frames_total", "Frames and gap records that were new to the sink.", prometheus.CounterValue, func(s *telemetry.Stats) float64 { return float64(s.Frames) }},
	{"rows_total", "Samples of new frames.", prometheus.CounterValue, func(s *telemetry.Stats) float64 { return float64(s.Rows) }},
	{"duplicates_total", "Frames that the sink had before: deliveries that its ledger absorbed.", prometheus.CounterValue, func(s *telemetry.Stats) float64 { return float64(s.Duplicates) }},
	{"acknowledged_total", "Stream entries acknowledged.", prometheus.CounterValue, func(s *telemetry.Stats) float64 { return float64(s.Acked) }},
	{"dead_letters_total", "Stream entries that went to the dead letters.", prometheus.CounterValue, func(s *telemetry.Stats) float64 { return float64(s.Dead) }},
	{"reread_total", "Own entries read again, after a lost reply or a restart.", prometheus.CounterValue, func(s *telemetry.Stats) float64 { return float64(s.Reread) }},
	{"taken_over_total", "Entries taken over from consumers that did not stir.", prometheus.CounterValue, func(s *telemetry.Stats) float64 { return float64(s.Taken) }},
	{"trimmed_total", "Entries that were trimmed away before they were stored: a loss.", prometheus.CounterValue, func(s *telemetry.Stats) float64 { return float64(s.Trimmed) }},
	{"groups_made_total", "Consumer groups made because they were missing.", prometheus.CounterValue, func(s *telemetry.Stats) float64 { return float64(s.Healed) }},
	{"stores_total", "Batches that the sink has committed.", prometheus.CounterValue, func(s *telemetry.Stats) float64 { return float64(s.Stores) }},
	{"store_seconds_total", "Time that committed batches took.", prometheus.CounterValue, func(s *telemetry.Stats) float64 { return s.StoreTime.Seconds() }},
	{"store_errors_total", "Batches that the sink did not take and that are tried again: the database is away.", prometheus.CounterValue, func(s *telemetry.Stats) float64 { return float64(s.StoreErrors) }},
	{"read_errors_total", "Calls of Redis that failed while reading.", prometheus.CounterValue, func(s *telemetry.Stats) float64 { return float64(s.ReadErrors) }},
	{"halved_total", "Batches halved to find a frame that the sink refuses.", prometheus.CounterValue, func(s *telemetry.Stats) float64 { return float64(s.Halved) }},
	{"queue_entries", "Entries read that wait for a worker.", prometheus.GaugeValue, func(s *telemetry.Stats) float64 { return float64(s.Waiting) }},
	{"queue_bytes", "Bytes of them.", prometheus.GaugeValue, func(s *telemetry.Stats) float64 { return float64(s.WaitingBytes) }},
	{"held_entries", "Entries read and not yet acknowledged.", prometheus.GaugeValue, func(s *telemetry.Stats) float64 { return float64(s.Held) }},
}

// telemetryCollector shows a consumer's Stats.
type telemetryCollector struct {
	read                             func() telemetry.Stats
	series                           [len(telemetrySeries)]*prometheus.Desc
	newest, pending, waiting, oldest *prometheus.Desc
}

// Telemetry adds the series of a telemetry consumer, ttp_telemetry_*, with its
// group as a label. It is called once for each group.
func (m *Metrics) Telemetry(group string, read func() telemetry.Stats) {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(prometheus.BuildFQName(namespace, "telemetry", name), help, labels, prometheus.Labels{"group": group})
	}
	c := &telemetryCollector{
		read:    read,
		newest:  desc("newest_timestamp_seconds", "Last stamp of a dated frame that was stored.", "lane"),
		pending: desc("pending_entries", "Entries delivered to the group and not acknowledged.", "stream"),
		waiting: desc("lag_entries", "Entries not yet delivered to the group.", "stream"),
		oldest:  desc("oldest_seconds", "Age of the oldest entry that the group has not acknowledged.", "stream"),
	}
	for i := range telemetrySeries {
		c.series[i] = desc(telemetrySeries[i].name, telemetrySeries[i].help)
	}
	m.registry.MustRegister(c)
}

// TelemetryRunning adds whether streams are read. It is called once.
func (m *Metrics) TelemetryRunning(running func() bool) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: namespace, Subsystem: "telemetry", Name: "running",
		Help: "1 while telhub's streams are read; 0: the database has not been ready since the start, and nothing is.",
	}, func() float64 { return number(running()) }))
}

// Describe implements prometheus.Collector.
func (c *telemetryCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.series {
		ch <- d
	}
	for _, d := range []*prometheus.Desc{c.newest, c.pending, c.waiting, c.oldest} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *telemetryCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.read()
	for i := range telemetrySeries {
		ch <- prometheus.MustNewConstMetric(c.series[i], telemetrySeries[i].kind, telemetrySeries[i].value(&s))
	}
	gauge := func(d *prometheus.Desc, v float64, label string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, label)
	}
	for l, t := range s.Newest {
		if !t.IsZero() {
			gauge(c.newest, float64(t.UnixMilli())/1000, frame.Lane(l).String())
		}
	}
	for i := range s.Lags {
		l := &s.Lags[i]
		gauge(c.pending, float64(l.Pending), l.Stream)
		gauge(c.oldest, l.Oldest.Seconds(), l.Stream)
		if l.Waiting >= 0 { // else the server cannot tell
			gauge(c.waiting, float64(l.Waiting), l.Stream)
		}
	}
}
