// Command simple_producer hands tasks to ttp, a hundred at a time:
//
//	go run ./processing/examples/simple_producer -n 1000
//
// Redis is at redis://127.0.0.1:6379/0, or where TTP_REDIS_URL says.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/telhub/telhub/processing/queue"
)

// Greeting is what the consumer gets to know.
type Greeting struct {
	Name string `json:"name"`
	N    int    `json:"n"`
}

const batch = 100 // a batch of a hundred costs little more than a single task

func main() {
	n := flag.Int("n", 1000, "how many tasks")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := produce(ctx, *n); err != nil {
		fmt.Fprintln(os.Stderr, "simple_producer:", err)
		os.Exit(1)
	}
}

func produce(ctx context.Context, n int) error {
	q, err := queue.Open(ctx, queue.Options{URL: os.Getenv("TTP_REDIS_URL")})
	if err != nil {
		return err
	}
	defer q.Close()
	began := time.Now()
	tasks := make([]*queue.Task, 0, batch)
	for i := range n {
		payload, err := json.Marshal(Greeting{Name: "world", N: i})
		if err != nil {
			return err
		}
		tasks = append(tasks, &queue.Task{Type: "greet", Payload: payload})
		if len(tasks) < batch && i < n-1 {
			continue
		}
		// A reply that was lost is asked for again: no task is enqueued twice.
		if _, err := q.Enqueue(ctx, tasks...); err != nil {
			return err
		}
		tasks = tasks[:0]
	}
	took := time.Since(began)
	fmt.Printf("%d tasks enqueued in %v, %.0f/s\n", n, took.Round(time.Millisecond), float64(n)/took.Seconds())
	return nil
}
