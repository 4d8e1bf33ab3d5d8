package telemetry

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/processing/telemetry/streamtest"
	"github.com/telhub/telhub/uplink/frame"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

const stream = "telhub"

// errAway is what a shelf says that is away.
var errAway = errors.New("the shelf is away")

// shelf is a sink that knows identities, as a database with a ledger does. It
// can be away, refuse frames and lose its reply after it has stored.
type shelf struct {
	mu      sync.Mutex
	frames  map[string]*Frame
	again   int // frames that were there before
	calls   int
	largest int // frames of one call
	away    bool
	poison  func(*Frame) bool
	after   func() error // told after a store; its error goes to the caller
	before  func(ctx context.Context) error
}

func newShelf() *shelf { return &shelf{frames: map[string]*Frame{}} }

func (s *shelf) Store(ctx context.Context, frames []*Frame) (res Result, err error) {
	if s.before != nil {
		if err := s.before(ctx); err != nil {
			return res, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	s.largest = max(s.largest, len(frames))
	if s.away {
		return res, errAway
	}
	for _, f := range frames {
		if s.poison != nil && s.poison(f) {
			return res, ErrRejected
		}
	}
	for _, f := range frames {
		if _, there := s.frames[f.Identity()]; there {
			res.Duplicates++
			s.again++
			continue
		}
		s.frames[f.Identity()] = f
		res.Frames++
		res.Rows += len(f.Samples)
	}
	if s.after != nil {
		return res, s.after()
	}
	return res, nil
}

func (s *shelf) set(f func(*shelf)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

func (s *shelf) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.frames)
}

// rows counts the samples of all frames.
func (s *shelf) rows() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.frames {
		n += len(f.Samples)
	}
	return n
}

func client(tb testing.TB, addr string) *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1, PoolSize: 20})
	tb.Cleanup(func() { c.Close() })
	return c
}

// begin runs a consumer until the returned function is called, which waits for
// its end.
func begin(tb testing.TB, o Options) (*Consumer, func()) {
	tb.Helper()
	if o.Stream == "" {
		o.Stream = stream
	}
	if o.Group == "" {
		o.Group = "storage"
	}
	c, err := New(o)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.Run(ctx)
	}()
	stop := sync.OnceFunc(func() {
		cancel()
		<-ended
	})
	tb.Cleanup(stop)
	return c, stop
}

// settled reports whether nothing of the group is pending or waiting.
func settled(tb testing.TB, c *Consumer) bool {
	tb.Helper()
	lags, err := c.Lags(context.Background())
	if err != nil {
		tb.Fatal(err)
	}
	for _, l := range lags {
		if l.Pending != 0 || l.Oldest != 0 {
			return false
		}
	}
	return true
}

// await waits until the shelf has n frames and all is acknowledged.
func await(tb testing.TB, c *Consumer, s *shelf, n int) {
	tb.Helper()
	streamtest.Eventually(tb, "everything stored", func() bool { return s.len() >= n && settled(tb, c) })
	if got := s.len(); got != n {
		tb.Errorf("%d frames are stored, want %d", got, n)
	}
}

func rig(tb testing.TB) (*redistest.Server, *redis.Client, *streamtest.Agent) {
	tb.Helper()
	srv := redistest.Start(tb)
	return srv, client(tb, srv.Addr()), streamtest.New(tb, srv.Addr(), stream, 1, "pi-01")
}

const (
	alarm    = frame.Alarm
	live     = frame.Live
	backfill = frame.Backfill
)

type lane = frame.Lane

// waitingIn returns how many entries of a lane wait.
func (q *queue) waitingIn(l frame.Lane) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.lines[l])
}
