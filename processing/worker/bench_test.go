package worker

import (
	"context"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/telhub/telhub/processing/queue"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// BenchmarkDrain runs tasks that do nothing out of a backlog: what fetching,
// running and finishing cost, and what Redis spends on it.
func BenchmarkDrain(b *testing.B) {
	for _, workers := range []int{4, 16, 64} {
		b.Run("workers="+strconv.Itoa(workers), func(b *testing.B) {
			s := redistest.Start(b)
			q := openQueue(b, s.URL(), queue.Options{})
			tasks := make([]*queue.Task, 1000)
			payload := make([]byte, 200)
			for i := range tasks {
				tasks[i] = &queue.Task{Type: "t", Payload: payload}
			}
			for n := b.N; n > 0; n -= len(tasks) {
				if _, err := q.Enqueue(b.Context(), tasks[:min(n, len(tasks))]...); err != nil {
					b.Fatal(err)
				}
			}
			var ran atomic.Int64
			done := make(chan struct{})
			p := New(q, Options{Workers: workers, Log: quiet()})
			p.Handle("t", func(context.Context, *queue.Delivery) ([]byte, error) {
				if ran.Add(1) == int64(b.N) {
					close(done)
				}
				return nil, nil
			})
			cpu, _ := s.CPU()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			b.ResetTimer()
			start := time.Now()
			r := run(b, p)
			<-done
			r.halt(b)
			b.StopTimer()
			runtime.ReadMemStats(&after)
			now, _ := s.CPU()
			b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "tasks/s")
			b.ReportMetric(float64((now-cpu).Microseconds())/float64(b.N), "redis-µs/task")
			b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(b.N), "allocs/task")
			if got := totals(b, q); got.Done != int64(b.N) {
				b.Errorf("%d tasks done, want %d", got.Done, b.N)
			}
		})
	}
}

// BenchmarkOpenLoop offers 10,000 tasks a second whatever becomes of them, and
// reports how long they waited from when they should have been sent, and from
// when they were in their stream: on a busy machine the sender is late, too.
func BenchmarkOpenLoop(b *testing.B) {
	const perSecond, batch = 10_000, 10
	s := redistest.Start(b)
	q := openQueue(b, s.URL(), queue.Options{})
	var w, own waits // from when it should have been sent, and from when it was ready
	p := New(q, Options{Workers: 16, Log: quiet()})
	start := time.Now()
	p.Handle("t", func(_ context.Context, d *queue.Delivery) ([]byte, error) {
		n, err := strconv.ParseInt(string(d.Payload), 10, 64)
		w.add(time.Since(start) - time.Duration(n))
		own.add(time.Since(d.Ready()))
		return nil, err
	})
	r := run(b, p)
	b.ResetTimer()
	begin := time.Since(start)
	for sent := 0; sent < b.N; sent += batch {
		due := begin + time.Duration(sent)*time.Second/perSecond
		pause(due-time.Since(start), nil)
		tasks := make([]*queue.Task, min(batch, b.N-sent))
		for i := range tasks {
			tasks[i] = &queue.Task{Type: "t", Payload: strconv.AppendInt(nil, int64(due), 10)}
		}
		if _, err := q.Enqueue(b.Context(), tasks...); err != nil {
			b.Fatal(err)
		}
	}
	until(b, "all are done", func() bool { return totals(b, q).Done == int64(b.N) })
	r.halt(b)
	b.ReportMetric(float64(w.at(0.5).Microseconds()), "p50-µs")
	b.ReportMetric(float64(w.at(0.99).Microseconds()), "p99-µs")
	b.ReportMetric(float64(own.at(0.5).Microseconds()), "ready-p50-µs") // to the server's millisecond
	b.ReportMetric(float64(own.at(0.99).Microseconds()), "ready-p99-µs")
}
