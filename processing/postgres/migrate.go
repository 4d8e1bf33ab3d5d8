package postgres

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

//go:embed sql/*.sql
var files embed.FS

// schemaLock is the advisory lock under which the schema and its partitions
// change.
const schemaLock = int64(0x74656c687562) // "telhub"

// leastVersion is PostgreSQL 14, the first with multiranges.
const leastVersion = 140000

// migration is a file of sql/: its number is the version that it leads to.
type migration struct {
	version int
	sql     string
}

func migrations() ([]migration, error) {
	names, err := fs.Glob(files, "sql/*.sql")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	all := make([]migration, len(names))
	for i, name := range names {
		number, _, _ := strings.Cut(strings.TrimPrefix(name, "sql/"), "_")
		v, err := strconv.Atoi(number)
		if err != nil || v != i+1 {
			return nil, fmt.Errorf("postgres: embedded file %s is not number %d", name, i+1)
		}
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		all[i] = migration{v, string(text)}
	}
	return all, nil
}

// Migrate makes the schema "telhub" or brings it up to date, in one
// transaction. Several may call it at once: one does it, the others wait.
func Migrate(ctx context.Context, pool *pgxpool.Pool) error {
	all, err := migrations()
	if err != nil {
		return err
	}
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { return migrate(ctx, tx, all) })
	return explain(err)
}

func migrate(ctx context.Context, tx pgx.Tx, all []migration) error {
	var server int
	if err := tx.QueryRow(ctx, "SELECT current_setting('server_version_num')::int").Scan(&server); err != nil {
		return err
	}
	if server < leastVersion {
		return fmt.Errorf("the server is PostgreSQL %d; 14 is the least", server/10000)
	}
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", schemaLock); err != nil {
		return err
	}
	have, err := version(ctx, tx)
	if err != nil {
		return err
	}
	if have > len(all) {
		return fmt.Errorf("the schema is of version %d, this ttp knows %d: update ttp", have, len(all))
	}
	if have == len(all) {
		return nil // a user without rights to create anything will do
	}
	if have == 0 {
		const first = "CREATE SCHEMA IF NOT EXISTS telhub; CREATE TABLE telhub.version (version integer PRIMARY KEY, applied timestamptz NOT NULL DEFAULT now())"
		if _, err := tx.Exec(ctx, first); err != nil {
			return err
		}
	}
	for _, m := range all[have:] {
		if _, err := tx.Exec(ctx, m.sql); err != nil {
			return fmt.Errorf("schema version %d: %w", m.version, err)
		}
		if _, err := tx.Exec(ctx, "INSERT INTO telhub.version (version) VALUES ($1)", m.version); err != nil {
			return err
		}
	}
	return nil
}

// version returns the schema's version, 0 where there is none.
func version(ctx context.Context, tx pgx.Tx) (v int, err error) {
	var there bool
	if err := tx.QueryRow(ctx, "SELECT to_regclass('telhub.version') IS NOT NULL").Scan(&there); err != nil || !there {
		return 0, err
	}
	err = tx.QueryRow(ctx, "SELECT coalesce(max(version), 0) FROM telhub.version").Scan(&v)
	return v, err
}
