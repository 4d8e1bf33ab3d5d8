package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Options say where the database is. URL is required.
type Options struct {
	URL string // as libpq writes it: "postgres://ttp@db:5432/telemetry"
	// Password returns the current password; it is asked at every connect, so
	// that a rotated secret needs no restart. May be nil: the URL's.
	Password func() (string, error)
	MaxConns int // 4
}

// Open returns a pool that connects when it is first used, so that a database
// that is away keeps nobody from starting.
func Open(ctx context.Context, o Options) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", hideURL(err, o.URL))
	}
	cfg.MaxConns = int32(o.MaxConns)
	if o.MaxConns <= 0 {
		cfg.MaxConns = 4
	}
	set := func(name, value string) {
		if _, there := cfg.ConnConfig.RuntimeParams[name]; !there {
			cfg.ConnConfig.RuntimeParams[name] = value
		}
	}
	set("application_name", "ttp")
	set("timezone", "UTC")
	// A client that is gone must not keep its locks.
	set("idle_in_transaction_session_timeout", "60000")
	set("client_connection_check_interval", "10000")
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = 5 * time.Second
	}
	cfg.BeforeConnect = func(_ context.Context, c *pgx.ConnConfig) error {
		if o.Password == nil {
			return nil
		}
		p, err := o.Password()
		if err != nil {
			return fmt.Errorf("password: %w", err)
		}
		if p != "" {
			c.Password = p
		}
		return nil
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	return pool, nil
}

// hideURL keeps a password out of an error's text.
func hideURL(err error, url string) error {
	if strings.Contains(err.Error(), url) {
		return errors.New("the URL cannot be read; write postgres://user@host:5432/database and percent-encode odd characters")
	}
	return err
}

// explain says what to do about an error of the database's.
func explain(err error) error {
	if err == nil {
		return nil
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return fmt.Errorf("postgres: %w", err)
	}
	cure := map[string]string{
		"28P01": "check the password: postgres.password_file or TTP_POSTGRES_PASSWORD",
		"28000": "pg_hba.conf does not let this user in from here",
		"3D000": "create the database: createdb NAME",
		"3F000": "the schema is missing: let a user who may create it run ttp once, or see docs/telemetry_sink.md",
		"42P01": "a table is missing: it was dropped, or the schema never made; see docs/telemetry_sink.md",
		"42501": "the user lacks a right: docs/telemetry_sink.md lists what it needs",
		"53300": "raise max_connections, or lower postgres.max_conns",
		"53100": "the database's disk is full: make room, or set a retention",
		"25006": "that server is read-only, a standby: give the primary's address, or target_session_attrs=read-write",
		"57P03": "the server is starting up or shutting down; it is tried again",
	}[pg.Code]
	if cure == "" {
		return fmt.Errorf("postgres: %w", err)
	}
	return fmt.Errorf("postgres: %w; %s", err, cure)
}
