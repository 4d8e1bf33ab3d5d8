package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/telhub/telhub/processing/queue"
)

// TaskAlarm is the type of the tasks that the Dispatcher enqueues. Their
// payload is an Alarm.
const TaskAlarm = "alarm.notify"

// Enqueuer is the part of *queue.Queue that the Dispatcher needs.
type Enqueuer interface {
	Enqueue(ctx context.Context, tasks ...*queue.Task) ([]queue.Receipt, error)
}

// Dispatcher brings the outbox into the task queue. A task's ID is the alarm's
// correlation ID, so that one that is enqueued again after a crash is the same
// task: within the queue's Dedup it is not taken twice, and a handler that uses
// Once has its effect once after that as well. Any number of them may run.
type Dispatcher struct {
	pool  *pgxpool.Pool
	queue Enqueuer
	o     DispatcherOptions
	wake  chan struct{}
}

// DispatcherOptions configure a Dispatcher. A zero value stands for the default.
type DispatcherOptions struct {
	Queue string        // of the tasks; "default"
	Class queue.Class   // Normal; alarms of a process that has others deserve Critical
	Every time.Duration // how often the outbox is looked into without Wake; 500 ms
	Batch int           // tasks of one Enqueue; 100
	Dedup time.Duration // the queue's: how long it knows an ID; 1 h
	Log   *slog.Logger  // none
}

// NewDispatcher returns a dispatcher that has not begun.
func NewDispatcher(pool *pgxpool.Pool, q Enqueuer, o DispatcherOptions) *Dispatcher {
	if o.Every <= 0 {
		o.Every = 500 * time.Millisecond
	}
	if o.Batch <= 0 {
		o.Batch = 100
	}
	if o.Dedup <= 0 {
		o.Dedup = time.Hour
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Dispatcher{pool: pool, queue: q, o: o, wake: make(chan struct{}, 1)}
}

// Wake makes Run look at once. It never blocks.
func (d *Dispatcher) Wake() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Run dispatches until ctx ends. It begins with what was sent last before: a
// Redis that lost power meanwhile may have forgotten it, and knows it by its ID if not.
func (d *Dispatcher) Run(ctx context.Context) {
	if _, err := d.pool.Exec(ctx, outboxRecall, recallTime, d.o.Dedup/2); err != nil {
		d.o.Log.Warn("cannot send the last alarms again", "error", explain(err))
	}
	sick := false
	for {
		n, err := d.Dispatch(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !sick:
			d.o.Log.Warn("cannot bring alarms into the task queue; trying again", "error", err)
		case err == nil && sick:
			d.o.Log.Info("can bring alarms into the task queue again")
		}
		sick = err != nil
		if err == nil && n == d.o.Batch {
			continue // there may be more
		}
		t := time.NewTimer(d.o.Every)
		select {
		case <-t.C:
		case <-d.wake:
			t.Stop()
		case <-ctx.Done():
			t.Stop()
			return
		}
	}
}

// dispatchTime bounds one Dispatch: its transaction waits for Redis.
const dispatchTime = 10 * time.Second

// recallTime is how much of the outbox a start sends again.
const recallTime = 15 * time.Second

const (
	// What was sent last, as far as the queue still knows its ID.
	outboxRecall = `UPDATE telhub.outbox SET sent = NULL
		WHERE sent >= (SELECT max(sent) FROM telhub.outbox) - $1::interval AND sent >= now() - $2::interval`
	outboxTake = `SELECT id, correlation, payload FROM telhub.outbox WHERE sent IS NULL AND due <= now()
		ORDER BY due LIMIT $1 FOR UPDATE SKIP LOCKED`
	outboxSent = `UPDATE telhub.outbox SET sent = now(), attempts = attempts + 1, error = NULL WHERE id = ANY($1::text[])`
	outboxFail = `UPDATE telhub.outbox o SET attempts = attempts + 1, error = f.error,
			due = now() + least(interval '1 second' * power(2, least(attempts, 10)), interval '10 minutes')
		FROM unnest($1::text[], $2::text[]) f (id, error) WHERE o.id = f.id`
)

// Dispatch enqueues what is due, at most a batch of it, and returns how many
// tasks that were. A task that the queue refuses is kept with the reason and
// tried again later; it holds up no other.
func (d *Dispatcher) Dispatch(ctx context.Context) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, dispatchTime)
	defer cancel()
	var refused error
	err = pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
		tasks, err := d.take(ctx, tx)
		if err != nil || len(tasks) == 0 {
			return err
		}
		receipts, err := d.queue.Enqueue(ctx, tasks...)
		if err != nil && len(receipts) != len(tasks) {
			return fmt.Errorf("enqueue %d alarms: %w", len(tasks), err)
		}
		var sent, failed, why []string
		for i, r := range receipts {
			if r.Err == nil {
				sent = append(sent, tasks[i].ID)
				continue
			}
			failed, why = append(failed, tasks[i].ID), append(why, r.Err.Error())
			refused = fmt.Errorf("enqueue %s: %w", tasks[i].ID, r.Err)
		}
		n = len(sent)
		if _, err := tx.Exec(ctx, outboxSent, sent); err != nil {
			return err
		}
		if len(failed) > 0 {
			_, err = tx.Exec(ctx, outboxFail, failed, why)
		}
		return err
	})
	if err != nil {
		return 0, explain(err)
	}
	return n, refused
}

func (d *Dispatcher) take(ctx context.Context, tx pgx.Tx) (tasks []*queue.Task, err error) {
	rows, err := tx.Query(ctx, outboxTake, d.o.Batch)
	if err != nil {
		return nil, err
	}
	var id, correlation string
	var payload []byte
	_, err = pgx.ForEachRow(rows, []any{&id, &correlation, &payload}, func() error {
		tasks = append(tasks, &queue.Task{
			ID: id, Type: TaskAlarm, Queue: d.o.Queue, Class: d.o.Class, Payload: append([]byte(nil), payload...), Correlation: correlation,
		})
		return nil
	})
	return tasks, err
}
