package frame

import (
	"sync"
	"sync/atomic"
)

// Pool is a fixed set of frames, allocated once: many of the size that live
// frames have and a few large ones for spooling. Free frames are reused last
// in, first out, so that memory which is not needed is never touched.
type Pool struct {
	small, large stack

	starved atomic.Bool   // a Get found nothing since freed was last raised
	freed   chan struct{} // capacity 1
}

// PoolSize says how many frames of what payload capacity a pool holds.
type PoolSize struct {
	Small, SmallBytes int
	Large, LargeBytes int
}

// Bytes returns the worst-case memory of a pool of this size.
func (s PoolSize) Bytes() int { return s.Small*s.SmallBytes + s.Large*s.LargeBytes }

// NewPool allocates a pool.
func NewPool(size PoolSize) *Pool {
	p := &Pool{freed: make(chan struct{}, 1)}
	p.small.owner, p.large.owner = p, p
	p.small.fill(size.Small, size.SmallBytes)
	p.large.fill(size.Large, size.LargeBytes)
	return p
}

// Get returns an empty frame whose payload can hold size bytes, or nil when
// all such frames are in use. It never allocates. Safe for concurrent use.
func (p *Pool) Get(size int) *Frame {
	if f := p.take(size); f != nil {
		return f
	}
	// A frame freed between the look above and the mark would wake nobody:
	// look again.
	p.starved.Store(true)
	return p.take(size)
}

// Freed is raised when a frame comes back after a Get that found none; any
// size may have come back. It serves one waiter.
func (p *Pool) Freed() <-chan struct{} { return p.freed }

func (p *Pool) take(size int) *Frame {
	if size <= p.small.size {
		if f := p.small.pop(); f != nil {
			return f
		}
	}
	if size <= p.large.size {
		return p.large.pop()
	}
	return nil
}

// Available returns how many small and large frames are free.
func (p *Pool) Available() (small, large int) { return p.small.len(), p.large.len() }

// stack is a last-in-first-out set of frames with one payload capacity.
type stack struct {
	size  int
	owner *Pool

	mu   sync.Mutex // guards free
	free []*Frame
}

func (s *stack) fill(n, size int) {
	s.size = size
	s.free = make([]*Frame, 0, n)
	frames := make([]Frame, n)
	for i := range frames {
		frames[i].Payload = make([]byte, 0, size)
		frames[i].pool = s
		s.free = append(s.free, &frames[i])
	}
}

func (s *stack) push(f *Frame) {
	s.mu.Lock()
	s.free = append(s.free, f)
	s.mu.Unlock()
	if s.owner.starved.Load() && s.owner.starved.CompareAndSwap(true, false) {
		select {
		case s.owner.freed <- struct{}{}:
		default:
		}
	}
}

func (s *stack) pop() *Frame {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.free)
	if n == 0 {
		return nil
	}
	f := s.free[n-1]
	s.free = s.free[:n-1]
	return f
}

func (s *stack) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.free)
}
