package pipeline

import (
	"math/bits"

	"github.com/telhub/telhub/uplink/frame"
)

// sizes answers without allocating how large a payload of n samples can be:
// exactly for the limit in force, and for fewer as for the next of its halves.
type sizes struct {
	schema *frame.Schema
	limit  int
	bytes  [bits.UintSize]int // bytes[i] is for limit>>i samples
}

// fit prepares for frames of up to limit samples. It computes, and allocates,
// only when limit changes: at the edges of an outage.
func (s *sizes) fit(limit int) {
	if limit == s.limit {
		return
	}
	s.limit = limit
	for i := 0; limit>>i > 0; i++ {
		s.bytes[i] = frame.MaxPayload(s.schema, limit>>i)
	}
}

// of returns the payload capacity to ask for; n is 1 to limit.
func (s *sizes) of(n int) int {
	i := 0
	for s.limit>>(i+1) >= n {
		i++
	}
	return s.bytes[i]
}
