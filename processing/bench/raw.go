package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Raw is the ceiling of a lifecycle: a bare loop of pipelined XADD, XREADGROUP
// and one XACK for what was read, that knows no receipts, no leases, no
// retries, no classes. With remove it deletes what is done, as a queue must
// that is not to grow for ever.
func Raw(remove bool) Contender {
	return Contender{Name: rawName(remove), Batch: 100, Producers: 2, Inline: true,
		Open: func(ctx context.Context, srv *Server, o OpenOptions) (System, error) {
			s := &rawSystem{
				c: srv.connect(), key: o.Prefix + ":raw", remove: remove,
			}
			if err := s.c.XGroupCreateMkStream(ctx, s.key, rawGroup, "0").Err(); err != nil {
				s.c.Close()
				return nil, fmt.Errorf("bench: %w", err)
			}
			return s, nil
		}}
}

func rawName(remove bool) string {
	if remove {
		return "raw XADD+XREADGROUP+XACK+XDEL"
	}
	return "raw XADD+XREADGROUP+XACK"
}

const (
	rawGroup = "g"
	rawRead  = 256 // entries a read, as many as ttp takes at once
	// rawHead stands for what any queue must keep beside the payload.
	rawHead = "1 01JZZZZZZZZZZZZZZZZZZZZZZZ bench 1 1750000000000"
)

type rawSystem struct {
	c      *redis.Client
	key    string
	remove bool
}

// Enqueue implements System.
func (s *rawSystem) Enqueue(ctx context.Context, jobs []Job) error {
	_, err := s.c.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range jobs {
			p.XAdd(ctx, &redis.XAddArgs{Stream: s.key, Values: []any{"t", rawHead, "d", jobs[i].Payload}})
		}
		return nil
	})
	return err
}

// Work implements System with one loop, whatever the workers.
func (s *rawSystem) Work(ctx context.Context, _ int, handle func([]byte)) (func() error, error) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	var failed error
	wg.Go(func() { failed = s.loop(ctx, handle) }) // until cancel
	return func() error {
		cancel()
		wg.Wait()
		return failed
	}, nil
}

func (s *rawSystem) loop(ctx context.Context, handle func([]byte)) error {
	args := &redis.XReadGroupArgs{Group: rawGroup, Consumer: "c", Streams: []string{s.key, ">"}, Count: rawRead, Block: 50 * time.Millisecond}
	ids := make([]string, 0, rawRead)
	for ctx.Err() == nil {
		got, err := s.c.XReadGroup(ctx, args).Result()
		if errors.Is(err, redis.Nil) {
			continue
		}
		if err != nil {
			return ignoreEnd(ctx, err)
		}
		ids = ids[:0]
		for _, m := range got[0].Messages {
			handle([]byte(m.Values["d"].(string)))
			ids = append(ids, m.ID)
		}
		_, err = s.c.Pipelined(ctx, func(p redis.Pipeliner) error {
			p.XAck(ctx, s.key, rawGroup, ids...)
			if s.remove {
				p.XDel(ctx, s.key, ids...)
			}
			return nil
		})
		if err != nil {
			return ignoreEnd(ctx, err)
		}
	}
	return nil
}

// ignoreEnd is err, unless it comes of being stopped.
func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// Close implements System.
func (s *rawSystem) Close() error { return s.c.Close() }
