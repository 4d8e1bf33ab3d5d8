package bench

import (
	"context"
	"errors"
	"time"

	"github.com/hibiken/asynq"
)

// asynqTask is the type of our tasks there.
const asynqTask = "bench"

// AsynqOptions say how asynq is set up.
type AsynqOptions struct {
	Servers  int           // asynq.Server, each with its dequeuing goroutine
	Interval time.Duration // TaskCheckInterval; 0: asynq's own
	Delayed  time.Duration // DelayedTaskCheckInterval; 0: asynq's own
	Pool     int           // connections; 0: asynq's own
	Strict   bool          // priorities strictly instead of by weight
}

// asynqMinimum is the shortest TaskCheckInterval that is of use: below it, an
// idle server asks Redis without a pause.
const asynqMinimum = time.Millisecond

// AsynqStock is asynq as it comes.
func AsynqStock() Contender { return asynqContender("asynq", AsynqOptions{Servers: 1}) }

// AsynqTuned is asynq with all that its options give.
func AsynqTuned(servers int) Contender {
	return asynqContender("asynq tuned", AsynqOptions{
		Servers: servers, Interval: asynqMinimum, Delayed: asynqMinimum, Pool: 128, Strict: true,
	})
}

func asynqContender(name string, o AsynqOptions) Contender {
	return Contender{Name: name, Batch: 1, Producers: 32, Open: func(_ context.Context, srv *Server, open OpenOptions) (System, error) {
		r := srv.admin.Options()
		opt := asynq.RedisClientOpt{Addr: srv.Addr, DB: srv.DB, Username: r.Username, Password: r.Password, TLSConfig: r.TLSConfig, PoolSize: o.Pool}
		return &asynqSystem{o: o, queues: asynqQueues(open.Classes), opt: opt, client: asynq.NewClient(opt)}, nil
	}}
}

// asynqQueues are the weights of asynq's own example, where classes are needed:
// each queue more is one more question to Redis.
func asynqQueues(classes bool) map[string]int {
	if classes {
		return map[string]int{"critical": 6, "default": 3, "bulk": 1}
	}
	return map[string]int{"default": 1}
}

type asynqSystem struct {
	queues map[string]int
	o      AsynqOptions
	opt    asynq.RedisClientOpt
	client *asynq.Client
}

// Enqueue implements System: v0.26 knows no batches.
func (s *asynqSystem) Enqueue(ctx context.Context, jobs []Job) error {
	for i := range jobs {
		j := &jobs[i]
		queue := "default"
		if j.Critical {
			queue = "critical"
		} else if j.Bulk {
			queue = "bulk"
		}
		opts := []asynq.Option{asynq.Queue(queue)}
		if !j.Due.IsZero() {
			opts = append(opts, asynq.ProcessAt(j.Due))
		}
		if _, err := s.client.EnqueueContext(ctx, asynq.NewTask(asynqTask, j.Payload), opts...); err != nil {
			return err
		}
	}
	return nil
}

// Work implements System. The workers are divided among the servers.
func (s *asynqSystem) Work(_ context.Context, workers int, handle func([]byte)) (func() error, error) {
	var servers []*asynq.Server
	stop := func() error {
		for _, x := range servers {
			x.Shutdown()
		}
		return nil
	}
	h := asynq.HandlerFunc(func(_ context.Context, t *asynq.Task) error {
		handle(t.Payload())
		return nil
	})
	for i := range s.o.Servers {
		share := workers/s.o.Servers + btoi(i < workers%s.o.Servers)
		if share == 0 {
			continue
		}
		x := asynq.NewServer(s.opt, asynq.Config{
			Concurrency: share, TaskCheckInterval: s.o.Interval, DelayedTaskCheckInterval: s.o.Delayed,
			Queues: s.queues, StrictPriority: s.o.Strict,
			LogLevel: asynq.FatalLevel,
		})
		if err := x.Start(h); err != nil {
			return nil, errors.Join(err, stop())
		}
		servers = append(servers, x)
	}
	return stop, nil
}

// Close implements System.
func (s *asynqSystem) Close() error { return s.client.Close() }

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
