package postgres

import (
	"fmt"
	"testing"

	"github.com/telhub/telhub/processing/telemetry"
)

// BenchmarkStore stores batches of 500 frames that are all new, of so many
// samples each, of 50 devices.
func BenchmarkStore(b *testing.B) {
	for _, n := range []int{3, 100} {
		b.Run(fmt.Sprint(n, " samples a frame"), func(b *testing.B) {
			c, err := shared()
			if err != nil {
				b.Fatal(err)
			}
			pool := open(b, c.Database(b))
			if err := Migrate(b.Context(), pool); err != nil {
				b.Fatal(err)
			}
			s := NewStorage(pool, StorageOptions{})
			rows := 0
			for i := 0; b.Loop(); i++ {
				frames := make([]*telemetry.Frame, 500)
				for j := range frames {
					frames[j] = data(fmt.Sprint("pi-", j%50), 1, uint64(i*10+j/50+1), n)
				}
				rows += store(b, s, frames...).Rows
			}
			b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64(b.N*500)/b.Elapsed().Seconds(), "frames/s")
			size := value(b, pool, "SELECT (sum(pg_total_relation_size(inhrelid)) / (SELECT count(*) FROM telhub.sample))::bigint FROM pg_inherits WHERE inhparent = 'telhub.sample'::regclass")
			var bytes float64
			fmt.Sscan(size, &bytes)
			b.ReportMetric(bytes, "B/row")
		})
	}
}
