package observe

import (
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/telhub/telhub/processing/queue"
	"github.com/telhub/telhub/processing/worker"
)

// buckets are bounds in seconds, 100 µs to 10 min: a no-op's run and a
// backlog's wait both find theirs.
var buckets = [...]float64{1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600}

// kinds and reasons are the label values that counters have from the start, so
// that a rate over the first event is right.
var (
	kinds   = [...]queue.OutcomeKind{queue.Done, queue.Retry, queue.Dead, queue.Released}
	reasons = [...]queue.Reason{queue.Failed, queue.Fatal, queue.Expired, queue.Canceled, queue.Poison, queue.Unhandled, queue.Malformed}
)

// Metrics are the series of one process. All methods may be called from any
// goroutine; those that count tasks allocate nothing.
type Metrics struct {
	registry *prometheus.Registry

	enqueue, wait, run [queue.NumClasses]prometheus.Observer
	ack                prometheus.Observer
	enqueued, existing [queue.NumClasses]prometheus.Counter
	refused            [queue.NumClasses]prometheus.Counter
	attempts           [queue.NumClasses][len(kinds)]prometheus.Counter
	dead               map[queue.Reason]prometheus.Counter
	deadOther          prometheus.Counter

	events  [len(events)]prometheus.Counter
	panics  prometheus.Counter
	busy    prometheus.Gauge
	service serviceTime
}

// NewMetrics makes a registry of its own with the process' and Go's series.
func NewMetrics(version string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), dead: make(map[queue.Reason]prometheus.Counter)}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	info := m.gauges("build_info", "Always 1; the version is its label.", "version")
	info.WithLabelValues(version).Set(1)

	m.enqueue = m.histograms("enqueue_duration_seconds", "How long an Enqueue took until Redis had the task, by class; tasks of a batch share its time.")
	m.wait = m.histograms("wait_duration_seconds", "From when a task was ready in its stream until an attempt began, by class.")
	m.run = m.histograms("run_duration_seconds", "How long the handler ran, by class.")
	ack := prometheus.NewHistogram(histogram("ack_duration_seconds", "How long a batch of ended tasks took until Redis had confirmed it."))
	m.registry.MustRegister(ack)
	m.ack = ack

	enqueued := m.counters("enqueued_total", "Tasks given to Enqueue by this process: new ones, ones that were there before, ones refused.", "class", "result")
	attempts := m.counters("attempts_total", "Attempts that ended, by what came of them. released: given back untouched.", "class", "outcome")
	for c := range queue.Class(queue.NumClasses) {
		m.enqueued[c] = enqueued.WithLabelValues(c.String(), "new")
		m.existing[c] = enqueued.WithLabelValues(c.String(), "existing")
		m.refused[c] = enqueued.WithLabelValues(c.String(), "refused")
		for i, k := range kinds {
			m.attempts[c][i] = attempts.WithLabelValues(c.String(), k.String())
		}
	}
	dead := m.counters("dead_letters_total", "Tasks that this process made dead letters, by reason.", "reason")
	for _, r := range reasons {
		m.dead[r] = dead.WithLabelValues(string(r))
	}
	m.deadOther = dead.WithLabelValues("other")

	for i, e := range events {
		if e.name != "" {
			m.events[i] = m.counter(e.name, e.help)
		}
	}
	m.panics = m.counter("panics_total", "Handlers that panicked; such an attempt counts as failed.")
	m.busy = m.gauge("workers_busy", "Handlers that run now in this process.")
	return m
}

// events are the counters of what a pool tells, by kind.
var events = [...]struct{ name, help string }{
	worker.Fetched:   {"fetched_total", "Tasks that this process has fetched from Redis."},
	worker.Committed: {"committed_total", "Ended tasks that Redis has confirmed."},
	worker.Lost:      {"lost_leases_total", "Tasks that had gone to another worker when this one renewed or ended them; the other's outcome counts."},
	worker.Renewed:   {"renewals_total", "Leases renewed."},
	worker.Recovered: {"reclaims_total", "Redeliveries: tasks of dead workers, tasks given back, and our own after a lost reply."},
	worker.GivenBack: {"given_back_total", "Tasks given back at a stop, not begun or not ended."},
	worker.Promoted:  {"promoted_total", "Delayed tasks and retries moved to their streams by this process."},
	worker.Fired:     {"fired_total", "Firings of recurring tasks enqueued by this process."},
	worker.Hung:      {"hung_total", "Tasks that did not end after their timeout and the grace."},
	worker.Trouble:   {"redis_troubles_total", "Calls of Redis that failed; they are repeated."},
}

const namespace = "ttp"

func histogram(name, help string) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: slices.Clone(buckets[:])}
}

func (m *Metrics) histograms(name, help string) (by [queue.NumClasses]prometheus.Observer) {
	v := prometheus.NewHistogramVec(histogram(name, help), []string{"class"})
	m.registry.MustRegister(v)
	for c := range queue.Class(queue.NumClasses) {
		by[c] = v.WithLabelValues(c.String())
	}
	return by
}

func (m *Metrics) counters(name, help string, labels ...string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
	m.registry.MustRegister(v)
	return v
}

func (m *Metrics) counter(name, help string) prometheus.Counter {
	return m.counters(name, help).WithLabelValues()
}

func (m *Metrics) gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, labels)
	m.registry.MustRegister(v)
	return v
}

func (m *Metrics) gauge(name, help string) prometheus.Gauge {
	return m.gauges(name, help).WithLabelValues()
}

// Register adds another collector, such as a Watch.
func (m *Metrics) Register(c prometheus.Collector) error { return m.registry.Register(c) }

// Gatherer gives what /metrics shows.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

// maxScrapes is how many are served at the same time; further ones are told to
// come back.
const maxScrapes = 4

// Handler serves /metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		MaxRequestsInFlight: maxScrapes, ErrorHandling: promhttp.ContinueOnError, Registry: m.registry,
	})
}

// Enqueued counts the tasks of one Enqueue that took d.
func (m *Metrics) Enqueued(tasks []*queue.Task, receipts []queue.Receipt, d time.Duration) {
	for i, t := range tasks {
		c := t.Class % queue.NumClasses
		m.enqueue[c].Observe(d.Seconds())
		switch {
		case i >= len(receipts) || receipts[i].Err != nil:
			m.refused[c].Inc()
		case receipts[i].Existing:
			m.existing[c].Inc()
		default:
			m.enqueued[c].Inc()
		}
	}
}

// Pool adds the gauges of a pool.
func (m *Metrics) Pool(stats func() worker.Stats) {
	for _, g := range []struct {
		name, help string
		value      func(worker.Stats) int
	}{
		{"workers", "Tasks that may run at the same time in this process.", func(s worker.Stats) int { return s.Workers }},
		{"workers_reserved", "More of them, for critical tasks only.", func(s worker.Stats) int { return s.Reserved }},
		{"prefetched", "Tasks that this process has fetched and not begun.", func(s worker.Stats) int { return s.Waiting }},
		{"uncommitted", "Tasks that ended here and that Redis does not know of yet.", func(s worker.Stats) int { return s.Uncommitted }},
		{"shards_unreachable", "Shards whose last call failed.", func(s worker.Stats) int { return s.Unreachable }},
	} {
		m.registry.MustRegister(prometheus.NewGaugeFunc(
			prometheus.GaugeOpts{Namespace: namespace, Name: g.name, Help: g.help}, func() float64 { return float64(g.value(stats())) }))
	}
}

// Began implements worker.Observer.
func (m *Metrics) Began(*queue.Delivery) { m.busy.Inc() }

// Ended implements worker.Observer.
func (m *Metrics) Ended(d *queue.Delivery, e *worker.End) {
	c := d.Class % queue.NumClasses
	if e.Ran {
		m.busy.Dec()
		m.wait[c].Observe(e.Wait.Seconds())
		m.run[c].Observe(e.Took.Seconds())
		m.service.add(e.Took)
	}
	if e.Panic {
		m.panics.Inc()
	}
	for i, k := range kinds {
		if k == e.Kind {
			m.attempts[c][i].Inc()
		}
	}
	if e.Kind == queue.Dead {
		if dead, ok := m.dead[e.Reason]; ok {
			dead.Inc()
		} else {
			m.deadOther.Inc()
		}
	}
}

// Happened implements worker.Observer.
func (m *Metrics) Happened(e worker.Event) {
	if int(e.Kind) >= len(m.events) {
		return
	}
	n := e.N
	if e.Kind == worker.Trouble {
		n = 1
	}
	m.events[e.Kind].Add(float64(n))
	if e.Kind == worker.Committed {
		m.ack.Observe(e.Took.Seconds())
	}
}

var _ worker.Observer = (*Metrics)(nil)
