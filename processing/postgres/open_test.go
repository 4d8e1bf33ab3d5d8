package postgres

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestOpenKeepsThePasswordOutOfErrors(t *testing.T) {
	_, err := Open(t.Context(), Options{URL: "postgres://u:se%cret@h/db?pool_max_conns=x"})
	if err == nil || strings.Contains(err.Error(), "cret") {
		t.Errorf("%v", err)
	}
}

func TestOpenAsksForThePasswordAtEachConnect(t *testing.T) {
	asked := 0
	gone := errors.New("the file is gone")
	pool, err := Open(t.Context(), Options{URL: database(t), Password: func() (string, error) {
		if asked++; asked > 1 {
			return "", gone
		}
		return "any", nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if err := pool.Ping(t.Context()); err != nil || asked != 1 {
		t.Errorf("%v, asked %d times", err, asked)
	}
	pool.Reset()
	if err := pool.Ping(t.Context()); !errors.Is(err, gone) {
		t.Errorf("%v, want the password's error", err)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	c, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	pool := open(t, c.URL("nowhere"))
	if err := Migrate(t.Context(), pool); err == nil || !strings.Contains(err.Error(), "createdb") {
		t.Errorf("a database that is missing: %v", err)
	}
	pool = open(t, database(t))
	if err := Once(t.Context(), pool, "x", nil); err == nil || !strings.Contains(err.Error(), "telemetry_sink.md") {
		t.Errorf("a schema that is missing: %v", err)
	}
}

// Run goes on while the database is away, and ends with its context.
func TestKeeperRunsUntilItsEnd(t *testing.T) {
	pool := open(t, "postgres://nobody@127.0.0.1:1/none?connect_timeout=1")
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	(&Keeper{Pool: pool, Every: 20 * time.Millisecond}).Run(ctx)
	if ctx.Err() == nil {
		t.Error("it ended by itself")
	}
}

func TestKeeperDefaults(t *testing.T) {
	k := Keeper{KeepOnce: time.Hour}
	k.settle()
	if k.Every != 10*time.Second || k.KeepOnce != time.Hour || k.Keep != 0 || k.Log == nil {
		t.Errorf("%+v", k)
	}
}
