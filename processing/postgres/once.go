package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Beginner begins transactions: a *pgxpool.Pool or a *pgx.Conn.
type Beginner interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}

// Once runs f in a transaction that also records the task's ID, so that what f
// does there is done exactly once however often the task is delivered. It
// returns nil without running f when that was done before; with f's error, or
// one of the database's, nothing has happened, or, if the reply to COMMIT was
// lost, everything: run the task again and Once will know.
//
// Two deliveries of one task at the same time wait for each other. What f does
// outside the transaction is not covered. IDs are kept until CleanOnce removes
// them; a task must not be delivered again after that.
func Once(ctx context.Context, db Beginner, taskID string, f func(tx pgx.Tx) error) error {
	if taskID == "" {
		return errors.New("postgres: Once with an empty task ID: give the delivery's")
	}
	tx, err := db.Begin(ctx)
	if err != nil {
		return explain(err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) // after Commit it does nothing
	tag, err := tx.Exec(ctx, "INSERT INTO telhub.done (id) VALUES ($1) ON CONFLICT DO NOTHING", taskID)
	if err != nil {
		return explain(err)
	}
	if tag.RowsAffected() == 0 {
		return nil
	}
	if err := f(tx); err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("task %s: %w", taskID, explain(err))
	}
	return nil
}

// cleanChunk bounds the rows that one statement of a clean-up removes.
const cleanChunk = 10000

// CleanOnce forgets IDs of tasks that were done more than keep ago, a bounded
// number with each statement, and returns how many. Keep them longer than a
// task can wait, be retried or lie among the dead letters.
func CleanOnce(ctx context.Context, db Querier, keep time.Duration) (int64, error) {
	return clean(ctx, db, "telhub.done", "at < now() - $1::interval", keep)
}

// clean removes rows of a table chunk by chunk.
func clean(ctx context.Context, db Querier, table, where string, keep time.Duration) (removed int64, err error) {
	sql := "DELETE FROM " + table + " WHERE ctid = ANY(ARRAY(SELECT ctid FROM " + table + " WHERE " + where + " LIMIT $2))"
	for {
		tag, err := db.Exec(ctx, sql, keep, cleanChunk)
		if err != nil {
			return removed, explain(err)
		}
		removed += tag.RowsAffected()
		if tag.RowsAffected() < cleanChunk {
			return removed, nil
		}
	}
}
