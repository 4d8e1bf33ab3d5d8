package pipeline

import (
	"math/rand/v2"
	"time"
)

// backoff yields exponentially growing waits with jitter: base, 2·base, … up
// to limit, each lengthened by up to a quarter so that devices which failed
// together do not come back together.
type backoff struct {
	base, limit time.Duration
	n           uint // waits handed out since the last reset
}

// next returns the wait before the next attempt: never less than base.
func (b *backoff) next() time.Duration {
	d := b.limit
	if b.n < 32 && b.base<<b.n < b.limit {
		d = b.base << b.n
		b.n++
	}
	return d + time.Duration(rand.Int64N(int64(d/4)+1))
}

// reset starts over after a success.
func (b *backoff) reset() { b.n = 0 }
