package queue

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

// bareLua only writes entries: the ceiling of any script that enqueues.
const bareLua = `for i = 1, #ARGV, 2 do redis.call('XADD', KEYS[1], '*', 't', ARGV[i], 'd', ARGV[i + 1]) end`

// cpuPerTask reports the server's processor time a task.
func cpuPerTask(b *testing.B, s *redistest.Server, tasks int, do func()) {
	before, err := s.CPU()
	if err != nil {
		b.Fatal(err)
	}
	begin := time.Now()
	do()
	b.ReportMetric(float64(tasks)/time.Since(begin).Seconds(), "tasks/s")
	after, err := s.CPU()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64((after-before).Nanoseconds())/float64(tasks), "redis-ns/task")
}

// BenchmarkEnqueue measures batches of 100 tasks of 200 bytes, one call after
// the other, beside the bare script with the same entries over the same client.
func BenchmarkEnqueue(b *testing.B) {
	const batch = 100
	payload := make([]byte, 200)
	b.Run("queue", func(b *testing.B) {
		q, s := rig(b, Options{MaxLen: 1 << 40})
		tasks := make([]*Task, batch)
		for i := range tasks {
			tasks[i] = &Task{Type: "bench.noop", Payload: payload}
		}
		b.ReportAllocs()
		b.ResetTimer()
		cpuPerTask(b, s, b.N*batch, func() {
			for i := range b.N {
				if i%1000 == 999 {
					q.client.XTrimMaxLen(b.Context(), q.keys.of(0, DefaultQueue).stream[Normal], 0)
				}
				q.mustEnqueue(b, tasks...)
			}
		})
	})
	b.Run("bare", func(b *testing.B) {
		q, s := rig(b, Options{})
		c := redis.NewScript(bareLua)
		args := []any{}
		for i := range batch {
			header := appendHeader(nil, &Task{Type: "bench.noop"}, fmt.Sprintf("%026d", i), 1, 0, nil)
			args = append(args, header, payload)
		}
		if err := c.Load(b.Context(), q.client).Err(); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		b.ResetTimer()
		cpuPerTask(b, s, b.N*batch, func() {
			for i := range b.N {
				if i%1000 == 999 {
					q.client.XTrimMaxLen(b.Context(), "stream", 0)
				}
				if err := c.EvalSha(b.Context(), q.client, []string{"stream"}, args...).Err(); err != nil && err != redis.Nil {
					b.Fatal(err)
				}
			}
		})
	})
}
