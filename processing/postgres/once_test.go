package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

func TestOnceIsOnceBesideItself(t *testing.T) {
	pool := migrated(t)
	if _, err := pool.Exec(t.Context(), "CREATE TABLE effect (id text)"); err != nil {
		t.Fatal(err)
	}
	var ran atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 50 {
				id := fmt.Sprint("task", i)
				err := Once(context.Background(), pool, id, func(tx pgx.Tx) error {
					ran.Add(1)
					_, err := tx.Exec(context.Background(), "INSERT INTO effect VALUES ($1)", id)
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	want(t, pool, "50|50", "SELECT count(*), count(DISTINCT id) FROM effect")
	if ran.Load() != 50 {
		t.Errorf("ran %d times, want 50", ran.Load())
	}
}

func TestOnceThatFailsHasNoEffect(t *testing.T) {
	pool := migrated(t)
	boom := errors.New("boom")
	fail := func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), "INSERT INTO telhub.device (name) VALUES ('x')"); err != nil {
			return err
		}
		return boom
	}
	if err := Once(t.Context(), pool, "a", fail); !errors.Is(err, boom) {
		t.Errorf("error %v, want the handler's own", err)
	}
	func() {
		defer func() { _ = recover() }()
		_ = Once(t.Context(), pool, "a", func(pgx.Tx) error { panic("boom") })
	}()
	want(t, pool, "0|0", "SELECT (SELECT count(*) FROM telhub.device), (SELECT count(*) FROM telhub.done)")
	if err := Once(t.Context(), pool, "a", func(tx pgx.Tx) error { return nil }); err != nil {
		t.Error(err)
	}
	if err := Once(t.Context(), pool, "", fail); err == nil || errors.Is(err, boom) {
		t.Errorf("an empty ID: %v", err)
	}
}

// The reply to COMMIT is lost: the caller cannot know, and tries again.
func TestOnceSurvivesLostReplies(t *testing.T) {
	pool := migrated(t)
	if _, err := pool.Exec(t.Context(), "CREATE TABLE effect (id text)"); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(pool.Config().ConnString())
	if err != nil {
		t.Fatal(err)
	}
	proxy := redistest.NewProxy(t, u.Host)
	u.Host = proxy.Addr()
	flaky := open(t, u.String())
	proxy.DropOneIn.Store(12)
	failures := 0
	for i := range 150 {
		id := fmt.Sprint("task", i)
		for {
			err := Once(t.Context(), flaky, id, func(tx pgx.Tx) error {
				_, err := tx.Exec(t.Context(), "INSERT INTO effect VALUES ($1)", id)
				return err
			})
			if err == nil {
				break
			}
			var pg *pgconn.PgError
			if errors.As(err, &pg) {
				t.Fatal(err) // the server found fault with something
			}
			failures++
		}
	}
	proxy.DropOneIn.Store(0)
	if failures < 10 {
		t.Errorf("%d failures: the test shows nothing", failures)
	}
	want(t, pool, "150|150", "SELECT count(*), count(DISTINCT id) FROM effect")
}
