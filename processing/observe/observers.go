package observe

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"github.com/telhub/telhub/processing/queue"
	"github.com/telhub/telhub/processing/worker"
)

// Observers passes what it hears on to several.
type Observers []worker.Observer

// Began implements worker.Observer.
func (os Observers) Began(d *queue.Delivery) {
	for _, o := range os {
		o.Began(d)
	}
}

// Ended implements worker.Observer.
func (os Observers) Ended(d *queue.Delivery, e *worker.End) {
	for _, o := range os {
		o.Ended(d, e)
	}
}

// Happened implements worker.Observer.
func (os Observers) Happened(e worker.Event) {
	for _, o := range os {
		o.Happened(e)
	}
}

// Log writes what a pool does: attempts that went well at debug, others at
// info or warn, each with the task's ID and its correlation ID. Level tells the
// level in force, which may change.
type Log struct {
	Logger *zerolog.Logger
	Level  func() zerolog.Level
}

// Began implements worker.Observer.
func (l *Log) Began(d *queue.Delivery) {
	if l.Level() <= zerolog.TraceLevel {
		task(l.Logger.Trace(), d).Msg("task begins")
	}
}

// Ended implements worker.Observer.
func (l *Log) Ended(d *queue.Delivery, e *worker.End) {
	level, text := zerolog.DebugLevel, "task done"
	switch e.Kind {
	case queue.Retry:
		level, text = zerolog.InfoLevel, "task failed, runs again"
	case queue.Dead:
		level, text = zerolog.WarnLevel, "task is a dead letter"
	case queue.Released:
		text = "task given back"
	}
	if level < l.Level() {
		return
	}
	x := task(l.Logger.WithLevel(level), d)
	if e.Ran {
		x = x.Dur("wait", e.Wait).Dur("took", e.Took)
	}
	if e.Kind == queue.Retry {
		x = x.Dur("after", e.After)
	}
	if e.Kind == queue.Dead {
		x = x.Str("reason", string(e.Reason))
	}
	if e.Panic {
		x = x.Bool("panic", true)
	}
	x.AnErr("error", e.Err).Msg(text)
}

// Happened implements worker.Observer. Trouble is told by the pool's own log,
// which says it once.
func (l *Log) Happened(e worker.Event) {
	if l.Level() > zerolog.DebugLevel {
		return
	}
	switch e.Kind {
	case worker.Lost, worker.Recovered, worker.GivenBack, worker.Hung, worker.Fired:
		l.Logger.Debug().Int("shard", e.Shard).Int("tasks", e.N).Msg(e.Kind.String())
	}
}

// task adds what tells a task from others.
func task(x *zerolog.Event, d *queue.Delivery) *zerolog.Event {
	x = x.Str("task", d.ID).Str("type", d.Type).Str("queue", d.Queue).Str("class", d.Class.String()).Int("attempt", d.Attempt)
	if d.Correlation != "" {
		x = x.Str("correlation", d.Correlation)
	}
	return x
}

// Taker is a *queue.Queue or a *queue.Producer.
type Taker interface {
	Enqueue(ctx context.Context, tasks ...*queue.Task) ([]queue.Receipt, error)
}

// Enqueuer enqueues with metrics and spans. Metrics and Tracer may be nil.
type Enqueuer struct {
	Queue   Taker
	Metrics *Metrics
	Tracer  *Tracer
}

// Enqueue is Queue.Enqueue. Tasks without a traceparent get that of its span.
func (e *Enqueuer) Enqueue(ctx context.Context, tasks ...*queue.Task) ([]queue.Receipt, error) {
	began := time.Now()
	ctx, end := e.Tracer.Producing(ctx, tasks)
	receipts, err := e.Queue.Enqueue(ctx, tasks...)
	end(err)
	if e.Metrics != nil {
		e.Metrics.Enqueued(tasks, receipts, time.Since(began))
	}
	return receipts, err
}
