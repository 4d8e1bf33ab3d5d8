package chaos

import (
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/telhub/telhub/processing/postgres"
	"github.com/telhub/telhub/processing/postgres/postgrestest"
)

// cluster is the PostgreSQL of all scenarios, begun by the first and ended by
// TestMain.
var (
	cluster      *postgrestest.Cluster
	startCluster = sync.OnceValue(func() (err error) {
		cluster, err = postgrestest.New()
		return err
	})
)

// newDatabase makes a database with the schema that postgres.Once needs.
func newDatabase(t *testing.T) (url string, pool *pgxpool.Pool) {
	t.Helper()
	if err := startCluster(); err != nil {
		t.Fatal(err)
	}
	url = cluster.Database(t)
	pool, err := postgres.Open(t.Context(), postgres.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	if err := postgres.Migrate(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	return url, pool
}
