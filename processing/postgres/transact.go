package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/telhub/telhub/processing/telemetry"
)

// transact runs f in a transaction. An error that says ErrRejected is about the
// data; after any other the same may be tried again, as the transaction has
// done nothing or, if the reply to COMMIT was lost, everything, which the ledger
// knows.
func transact(ctx context.Context, pool *pgxpool.Pool, f func(tx pgx.Tx) error) error {
	tx, err := pool.Begin(ctx)
	if err != nil {
		return explain(err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) // after Commit it does nothing
	err = f(tx)
	if err == nil {
		err = tx.Commit(ctx)
	}
	return judge(err)
}

// judge tells an error about the data from one about the database.
func judge(err error) error {
	var pg *pgconn.PgError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &pg):
		return explain(err)
	case ofData(pg.Code):
		return fmt.Errorf("%w: %w", telemetry.ErrRejected, explain(err))
	}
	return explain(err)
}

// ofData reports whether a SQLSTATE (PostgreSQL 15, appendix A) blames what was
// to be stored.
func ofData(code string) bool {
	switch code {
	case "23503": // a number that is not there any more: look it up anew
		return false
	case "22P05", "22021": // a character that the database's encoding lacks
		return true
	}
	switch code[:2] {
	case "22", // data exception
		"23", // integrity constraint
		"54": // program limit
		return true
	}
	return false
}

// lost reports whether the connection, not a statement, failed: what was
// remembered of the database may be of another one then.
func lost(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err != nil
	}
	return pg.Code[:2] == "57" || pg.Code[:2] == "08" || pg.Code == "23503" || pg.Code == "42P01"
}
