package bench

import (
	"context"
	"runtime"
	"syscall"
	"time"
)

// meter is a moment in the use of a machine.
type meter struct {
	at      time.Time
	redis   Usage
	client  time.Duration // processor time of this process
	mallocs uint64
}

// read asks the servers and the runtime. The runtime's answer stops the world
// for a moment, so this stands before and after what is measured.
func read(ctx context.Context, servers ...*Server) (m meter, err error) {
	for _, s := range servers {
		u, err := s.Usage(ctx)
		if err != nil {
			return m, err
		}
		m.redis.CPU += u.CPU
		m.redis.Memory += u.Memory
	}
	var x runtime.MemStats
	runtime.ReadMemStats(&x)
	m.mallocs = x.Mallocs
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return m, err
	}
	m.client = time.Duration(r.Utime.Nano() + r.Stime.Nano())
	m.at = time.Now()
	return m, nil
}

// Cost is what tasks took, each.
type Cost struct {
	RedisUS  float64 `json:"redis_cpu_us"`  // of Redis' processor
	ClientUS float64 `json:"client_cpu_us"` // of ours: producers and workers
	Allocs   float64 `json:"allocs"`
}

// quotient is a / b, and 0 where b is none: a run may be too short to measure, and
// JSON has no infinity.
func quotient(a, b float64) float64 {
	if b <= 0 {
		return 0
	}
	return a / b
}

// since is the cost of each of n tasks.
func (m meter) since(before meter, n int) Cost {
	each := float64(max(n, 1))
	return Cost{
		RedisUS:  float64((m.redis.CPU - before.redis.CPU).Nanoseconds()) / 1000 / each,
		ClientUS: float64((m.client - before.client).Nanoseconds()) / 1000 / each,
		Allocs:   float64(m.mallocs-before.mallocs) / each,
	}
}
