// Command simple_consumer runs the tasks of simple_producer until Ctrl-C:
//
//	go run ./processing/examples/simple_consumer
//
// Redis is at redis://127.0.0.1:6379/0, or where TTP_REDIS_URL says. Start as
// many as you like; each task runs in one of them.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/telhub/telhub/processing/queue"
	"github.com/telhub/telhub/processing/worker"
)

// Greeting is what the producer sends.
type Greeting struct {
	Name string `json:"name"`
	N    int    `json:"n"`
}

func main() {
	// Ctrl-C and SIGTERM end it in order: what runs is finished, what was
	// fetched and not begun is given back at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := consume(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "simple_consumer:", err)
		os.Exit(1)
	}
}

func consume(ctx context.Context) error {
	q, err := queue.Open(ctx, queue.Options{URL: os.Getenv("TTP_REDIS_URL")})
	if err != nil {
		return err
	}
	defer q.Close()

	var done atomic.Int64
	pool := worker.New(q, worker.Options{Workers: 4})
	// A payload that is no Greeting becomes a dead letter. An error would ask
	// for another attempt, worker.Fatal for none, a panic counts as an error.
	worker.Handle(pool, "greet", func(ctx context.Context, g Greeting) error {
		if n := done.Add(1); n%1000 == 0 {
			fmt.Printf("%s hello, %s: %d tasks done\n", time.Now().Format(time.TimeOnly), g.Name, n)
		}
		return nil
	})
	fmt.Println("waiting for tasks; Ctrl-C ends")
	err = pool.Run(ctx)
	fmt.Printf("%d tasks done in all\n", done.Load())
	return err
}
