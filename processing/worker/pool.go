package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/telhub/telhub/processing/queue"
)

// Pool runs tasks of a queue. New makes one.
type Pool struct {
	q *queue.Queue
	o Options

	mu       sync.Mutex // guards what Handle, Use and Run set
	running  bool
	handlers map[string]Handler
	use      []Middleware

	// Of Run.
	consumer *queue.Consumer
	handle   map[string]Handler // wrapped; read only
	desk     *desk
	shards   []*shard
	stop     chan struct{}   // closed: begin nothing more
	work     context.Context // of all handlers: ends when the grace is over
	workers  sync.WaitGroup
}

// ErrRunning: Run was called twice.
var ErrRunning = errors.New("worker: the pool runs, or ran, already")

// New makes a pool. Wrong options are reported by Run.
func New(q *queue.Queue, o Options) *Pool {
	o.fill()
	return &Pool{q: q, o: o, handlers: make(map[string]Handler)}
}

// Run runs tasks until ctx ends. Then it fetches no more, gives back at once what
// was not begun, and waits for handlers for Options.Grace; after that their
// contexts end, and what has not ended a second later is given back, too. It
// returns an error if it could not begin, or could not tell Redis everything.
func (p *Pool) Run(ctx context.Context) error {
	if err := p.start(ctx); err != nil {
		return err
	}
	defer p.o.Log.Debug("worker: stopped", "consumer", p.consumer.Name())
	work, kill := context.WithCancel(context.WithoutCancel(ctx))
	defer kill()
	p.work = work
	// calls ends what talks to Redis, long after ctx: the stop needs it.
	calls, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	defer hangUp()

	var fetchers, keepers, committers, promoters sync.WaitGroup
	for _, s := range p.shards {
		fetchers.Go(func() { s.fetch(calls) })
		keepers.Go(func() { s.keep(calls) })
		committers.Go(func() { s.commit(calls) })
		promoters.Go(func() { s.promote(ctx) })
	}
	p.startWorkers()
	<-ctx.Done()

	close(p.stop)
	time.AfterFunc(p.o.Grace+stopCalls, hangUp)
	p.giveBackWaiting(calls)
	fetchers.Wait() // what a blocked read brought yet is given back by its fetcher
	p.giveBackWaiting(calls)
	p.awaitWorkers(calls, kill)
	for _, s := range p.shards {
		close(s.over)
	}
	committers.Wait()
	keepers.Wait()
	promoters.Wait()
	return p.leave(calls)
}

const (
	// killWait is how long handlers have to return after their contexts ended.
	killWait = time.Second
	// stopCalls is how long a stop may take beyond its grace to tell Redis.
	stopCalls = 10 * time.Second
)

// start checks and prepares everything.
func (p *Pool) start(ctx context.Context) error {
	if err := p.o.check(p.q.Options()); err != nil {
		return fmt.Errorf("worker: %w", err)
	}
	c, err := p.q.Consumer(queue.ConsumerOptions{Name: p.o.Name, Queues: p.o.Queues, Lease: p.o.Lease})
	if err != nil {
		return fmt.Errorf("worker: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running {
		return ErrRunning
	}
	p.running, p.consumer = true, c
	p.handle = make(map[string]Handler, len(p.handlers))
	for t, h := range p.handlers {
		p.handle[t] = wrap(h, p.use)
	}
	p.stop = make(chan struct{})
	p.desk = newDesk(p.o.Workers, p.o.Reserved, p.q.Shards())
	for i := range p.q.Shards() {
		p.shards = append(p.shards, newShard(p, i))
	}
	return nil
}

// startWorkers starts the goroutines that run handlers.
func (p *Pool) startWorkers() {
	for range p.o.Workers {
		p.workers.Go(func() { p.worker(false) })
	}
	for range p.o.Reserved {
		p.workers.Go(func() { p.worker(true) })
	}
}

// giveBackWaiting gives back what waits for a worker.
func (p *Pool) giveBackWaiting(ctx context.Context) {
	lists := make(map[*shard][]*task)
	for t := p.desk.left(); t != nil; t = p.desk.left() {
		p.desk.drop(t)
		lists[t.s] = append(lists[t.s], t)
	}
	for s, ts := range lists {
		s.giveBack(ctx, ts)
	}
}

// awaitWorkers waits for handlers, ends their contexts when the grace is over,
// and gives back what does not return even then.
func (p *Pool) awaitWorkers(ctx context.Context, kill context.CancelFunc) {
	ended := make(chan struct{})
	go func() { // ends with the last handler
		p.workers.Wait()
		close(ended)
	}()
	if within(ended, p.o.Grace) {
		return
	}
	kill() // first: a task that begins now sees it
	for _, s := range p.shards {
		for _, t := range s.all() {
			t.stop(errStopping)
		}
	}
	if within(ended, killWait) {
		return
	}
	for _, s := range p.shards {
		if ts := s.all(); len(ts) > 0 {
			s.giveBack(ctx, ts)
		}
	}
}

func within(done <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-done:
		return true
	case <-t.C:
		return false
	}
}

// leave gives back what is left and takes the consumer out of its groups.
func (p *Pool) leave(ctx context.Context) error {
	var errs []error
	for _, s := range p.shards {
		if n := s.uncommitted(); n > 0 {
			errs = append(errs, fmt.Errorf("worker: shard %d: Redis was not told of %d tasks that ended; they will run again", s.number, n))
		}
	}
	if err := p.consumer.Leave(ctx); err != nil {
		errs = append(errs, fmt.Errorf("worker: leave: %w", err))
	}
	return errors.Join(errs...)
}

// Stats returns the pool's gauges; they are zero before Run.
func (p *Pool) Stats() Stats {
	s := Stats{Workers: p.o.Workers, Reserved: p.o.Reserved}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.running {
		return s
	}
	s.Running, s.Waiting = p.desk.gauges()
	for _, x := range p.shards {
		s.Uncommitted += x.uncommitted()
		if x.failing.Load() {
			s.Unreachable++
		}
	}
	return s
}
