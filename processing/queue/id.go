package queue

import (
	crand "crypto/rand"
	"math/rand/v2"
	"sync"
)

// ids makes ULIDs for given shards. Its mutex guards rnd.
type ids struct {
	tails [][]uint16 // by shard
	mu    sync.Mutex
	rnd   *rand.ChaCha8
}

func newIDs(shards int) *ids {
	var seed [32]byte
	crand.Read(seed[:]) // never fails
	return &ids{tails: tailsOf(shards), rnd: rand.NewChaCha8(seed)}
}

// make returns an ID of the shard: 48 bits of milliseconds, then 80 random bits
// of which the last 15 are chosen among those of the shard.
func (g *ids) make(ms int64, shard int) string {
	g.mu.Lock()
	hi, lo := g.rnd.Uint64(), g.rnd.Uint64()
	g.mu.Unlock()
	list := g.tails[shard]
	tail := list[(hi>>32)*uint64(len(list))>>32]
	var b [ulidLen]byte
	for i := 9; i >= 0; i-- {
		b[i] = crockford[ms&31]
		ms >>= 5
	}
	for i := 10; i < ulidLen-tailLen; i++ { // 13 characters, 65 bits
		b[i] = crockford[lo&31]
		lo >>= 5
		if i == 21 {
			lo = hi // lo gave 60 bits
		}
	}
	for i := ulidLen - 1; i >= ulidLen-tailLen; i-- {
		b[i] = crockford[tail&31]
		tail >>= 5
	}
	return string(b[:])
}

// token returns 13 random characters that name one of our lanes.
func (g *ids) token() string {
	g.mu.Lock()
	x := g.rnd.Uint64()
	g.mu.Unlock()
	var b [13]byte
	for i := range b {
		b[i] = crockford[x&31]
		x >>= 5
	}
	return string(b[:])
}

// some returns a random number below n.
func (g *ids) some(n int) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return int((g.rnd.Uint64() >> 33) % uint64(n))
}
