package observe

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/telhub/telhub/processing/queue"
)

const (
	lookEvery = 5 * time.Second // without anybody asking, so that rates are fresh
	lookAge   = time.Second     // a look this young is shown again
	lookTime  = 3 * time.Second // a look may take
	rateTime  = 30 * time.Second
)

// Look is what lay in Redis at a time.
type Look struct {
	Stats    queue.Stats
	Took     time.Duration
	Err      error   // why Stats is the last that there was, or empty
	Arrivals float64 // tasks a second that became ready, of late; NaN: not known yet
	Wanted   int     // workers over all processes; 0: not known before a task has run
}

// Watch looks at the queues, at most once a second, and keeps the rates. Its
// mutex guards what follows it.
type Watch struct {
	ask     func(context.Context) (queue.Stats, error)
	queues  []string // those that are worked on here; the hint is about them
	drain   time.Duration
	service func() time.Duration
	now     func() time.Time

	mu    sync.Mutex
	last  Look
	at    time.Time // of the last attempt
	added int64     // at the last success
	since time.Time
}

// NewWatch makes a Watch of the queues; m tells the service time.
func NewWatch(ask func(context.Context) (queue.Stats, error), queues []string, drain time.Duration, m *Metrics) *Watch {
	return &Watch{ask: ask, queues: slices.Clone(queues), drain: drain, service: m.service.mean, now: time.Now, last: Look{Arrivals: math.NaN()}}
}

// Run looks every few seconds until ctx ends.
func (w *Watch) Run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		w.fresh(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Look returns what lies in Redis, or what lay there within the last second. It
// takes a few seconds at most, whatever ctx says: others get the same answer.
func (w *Watch) Look(ctx context.Context) Look { return w.fresh(context.WithoutCancel(ctx)) }

// fresh is Look for one who ends with ctx.
func (w *Watch) fresh(ctx context.Context) Look {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now := w.now(); w.at.IsZero() || now.Sub(w.at) >= lookAge {
		w.look(ctx, now)
	}
	w.last.Wanted = 0
	if s := w.service(); s > 0 {
		w.last.Wanted = WorkersWanted(w.last.Arrivals, w.backlog(), w.drain, s)
	}
	return w.last
}

func (w *Watch) look(ctx context.Context, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	stats, err := w.ask(ctx)
	// Of the answer, not of the question: who waited meanwhile gets this one. While
	// Redis is away a look takes all of lookTime, and a scrape would outlast its own.
	w.at = w.now()
	w.last.Took, w.last.Err = w.at.Sub(now), err
	if err != nil {
		return
	}
	w.last.Stats = stats
	var added int64
	for i := range stats.Queues {
		if slices.Contains(w.queues, stats.Queues[i].Name) {
			for j := range stats.Queues[i].Classes {
				added += stats.Queues[i].Classes[j].Added
			}
		}
	}
	if passed := now.Sub(w.since); !w.since.IsZero() && passed > 0 && added >= w.added {
		rate := float64(added-w.added) / passed.Seconds()
		if weight := 1 - math.Exp(-passed.Seconds()/rateTime.Seconds()); !math.IsNaN(w.last.Arrivals) {
			rate = w.last.Arrivals + (rate-w.last.Arrivals)*weight
		}
		w.last.Arrivals = rate
	}
	w.added, w.since = added, now
}

// backlog is what waits in the queues that are worked on.
func (w *Watch) backlog() (n float64) {
	for i := range w.last.Stats.Queues {
		if q := &w.last.Stats.Queues[i]; slices.Contains(w.queues, q.Name) {
			n += float64(q.Waiting())
		}
	}
	return n
}

// descs are the series of a Watch.
var (
	descUp       = desc("redis_up", "Whether the last look at Redis succeeded.")
	descTook     = desc("look_duration_seconds", "How long the last look at Redis took.")
	descReady    = desc("queue_ready", "Tasks that wait for a worker (Redis: lag).", "queue", "class")
	descPending  = desc("queue_pending", "Tasks that workers have fetched and not finished (Redis: pending).", "queue", "class")
	descOldest   = desc("queue_oldest_unacked_seconds", "Age of the oldest task that is not finished; 0 when there is none.", "queue", "class")
	descAdded    = desc("queue_added_total", "Tasks that became ready since the queue began, retries and delayed ones too.", "queue", "class")
	descDelayed  = desc("queue_delayed", "Tasks that are not due yet, retries among them.", "queue")
	descDead     = desc("queue_dead_letters", "Dead letters that lie there.", "queue")
	descDropped  = desc("queue_dead_letters_dropped_total", "Dead letters that made room for others (queue.max_dead), since the queue began.", "queue")
	descPaused   = desc("queue_paused", "Whether the queue is paused.", "queue")
	descEnded    = desc("queue_ended_total", "Tasks that came to an end since the queue began, by how: done, dead, canceled.", "queue", "how")
	descRetried  = desc("queue_retried_total", "Failed attempts that were followed by another, since the queue began.", "queue")
	descArrivals = desc("arrivals_per_second", "Tasks that became ready in the queues worked on, mean of the last half minute.")
	descService  = desc("service_seconds", "Mean run time of the last tasks of this process.")
	descWanted   = desc("workers_wanted", "Workers over all processes that keep up and work the backlog off within worker.drain.")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(namespace+"_"+name, help, labels, nil)
}

// Describe implements prometheus.Collector.
func (w *Watch) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descUp, descTook, descReady, descPending, descOldest, descAdded, descDelayed, descDead, descDropped, descPaused, descEnded, descRetried,
		descArrivals, descService, descWanted,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (w *Watch) Collect(ch chan<- prometheus.Metric) {
	l := w.Look(context.Background()) // bounded by lookTime
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(descTook, l.Took.Seconds())
	gauge(descService, w.service().Seconds())
	gauge(descUp, number(l.Err == nil))
	if !math.IsNaN(l.Arrivals) {
		gauge(descArrivals, l.Arrivals)
	}
	if l.Wanted > 0 {
		gauge(descWanted, float64(l.Wanted))
	}
	if l.Err != nil {
		return // numbers of long ago would look like those of now
	}
	for i := range l.Stats.Queues {
		collectQueue(ch, &l.Stats.Queues[i], gauge)
	}
}

func collectQueue(ch chan<- prometheus.Metric, q *queue.QueueStats, gauge func(*prometheus.Desc, float64, ...string)) {
	counter := func(d *prometheus.Desc, v int64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	for j := range q.Classes {
		c := &q.Classes[j]
		gauge(descReady, float64(c.Waiting), q.Name, c.Class.String())
		gauge(descPending, float64(c.Running), q.Name, c.Class.String())
		gauge(descOldest, c.Oldest.Seconds(), q.Name, c.Class.String())
		counter(descAdded, c.Added, q.Name, c.Class.String())
	}
	gauge(descDelayed, float64(q.Delayed), q.Name)
	gauge(descDead, float64(q.Dead), q.Name)
	counter(descDropped, q.Dropped, q.Name)
	gauge(descPaused, number(!q.Paused.IsZero()), q.Name)
	counter(descEnded, q.Done, q.Name, "done")
	counter(descEnded, q.Died, q.Name, "dead")
	counter(descEnded, q.Canceled, q.Name, "canceled")
	counter(descRetried, q.Retried, q.Name)
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
