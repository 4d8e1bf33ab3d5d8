package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/telhub/telhub/processing/postgres"
	"github.com/telhub/telhub/processing/queue"
	"github.com/telhub/telhub/processing/worker"
)

// role is what a worker process is told.
type role struct {
	URL      string
	Shards   int
	Workers  int
	Lease    time.Duration
	Database string
	Scene    string        // of the rows of effects
	Log      string        // file
	Takes    time.Duration // a task
	FailOne  int           // in so many tasks; its first attempt fails. 0: none
	Bare     bool          // without the ledger: a control
}

// taskType is that of all tasks here.
const taskType = "effect"

// work is the main function of a worker process.
func work(text string) int {
	var r role
	err := json.Unmarshal([]byte(text), &r)
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		err = r.run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		return 1
	}
	return 0
}

// run works until ctx ends.
func (r *role) run(ctx context.Context) error {
	log, err := os.OpenFile(r.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	pool, err := postgres.Open(ctx, postgres.Options{URL: r.Database, MaxConns: r.Workers})
	if err != nil {
		return err
	}
	defer pool.Close()
	q, err := queue.Open(ctx, queue.Options{URL: r.URL, Shards: r.Shards, Retry: 30 * time.Second})
	if err != nil {
		return err
	}
	defer q.Close()
	p := worker.New(q, worker.Options{Workers: r.Workers, Lease: r.Lease})
	h := &effect{role: r, log: log, pool: pool}
	p.Handle(taskType, h.handle)
	return p.Run(ctx)
}

// effect is the handler.
type effect struct {
	*role
	log  *os.File
	pool *pgxpool.Pool
}

var errFirst = errors.New("the first attempt fails, as it is to")

// handle writes a row for the task, in one transaction with its ID, and notes
// what it does: a line before and a line after, each with one call, so that
// SIGKILL loses neither.
func (h *effect) handle(ctx context.Context, d *queue.Delivery) ([]byte, error) {
	if err := h.note("s", d); err != nil {
		return nil, err
	}
	if h.Takes > 0 {
		select {
		case <-time.After(h.Takes):
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), h.note("e", d))
		}
	}
	n, err := strconv.Atoi(string(d.Payload))
	if err != nil {
		return nil, errors.Join(worker.Fatal(err), h.note("e", d))
	}
	if h.FailOne > 0 && d.Attempt == 1 && n%h.FailOne == 0 {
		return nil, errors.Join(errFirst, h.note("e", d))
	}
	what := "k" // known to the ledger
	write := func(tx pgx.Tx) error {
		what = "d"
		_, err := tx.Exec(ctx, "INSERT INTO effects (scene, task) VALUES ($1, $2)", h.Scene, d.ID)
		return err
	}
	if h.Bare {
		err = pgx.BeginFunc(ctx, h.pool, write)
	} else {
		err = postgres.Once(ctx, h.pool, h.Scene+"-"+d.ID, write)
	}
	if err != nil {
		return nil, errors.Join(err, h.note("e", d))
	}
	return nil, h.note(what, d)
}

func (h *effect) note(what string, d *queue.Delivery) error {
	_, err := h.log.WriteString(what + " " + d.ID + " " + strconv.Itoa(d.Attempt) + "\n")
	return err
}
