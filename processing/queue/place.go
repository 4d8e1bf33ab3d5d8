package queue

import "hash/fnv"

// ulidLen is the length of a ULID; its last tailLen characters, 15 random
// bits, decide where a task of such an ID lies.
const (
	ulidLen  = 26
	tailLen  = 3
	tailBits = 5 * tailLen
	tails    = 1 << tailBits
)

// crockford is the alphabet of ULIDs.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// jump is the jump consistent hash of Lamping and Veach (arXiv:1406.2294):
// with one bucket more, 1/n of all keys move and no other.
func jump(key uint64, buckets int) int {
	var b, j int64 = -1, 0
	for j < int64(buckets) {
		b = j
		key = key*2862933555777941757 + 1
		j = int64(float64(b+1) * (float64(int64(1)<<31) / float64((key>>33)+1)))
	}
	return int(b)
}

// ShardOf returns the shard of a task by its unique key, else by its ID.
func (q *Queue) ShardOf(unique, id string) int {
	if q.o.Shards == 1 {
		return 0
	}
	if unique == "" {
		if tail, ok := ulidTail(id); ok {
			return jump(mix(uint64(tail)), q.o.Shards)
		}
		unique = id
	}
	h := fnv.New64a()
	h.Write([]byte(unique))
	return jump(mix(h.Sum64()), q.o.Shards)
}

// mix spreads the bits of a key over all of it (the finalizer of SplitMix64).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// ulidTail returns the last 15 bits of a ULID.
func ulidTail(id string) (tail uint16, ok bool) {
	if len(id) != ulidLen || id[0] > '7' {
		return 0, false
	}
	for i := range ulidLen {
		v := crockfordValue(id[i])
		if v < 0 {
			return 0, false
		}
		tail = (tail<<5 | uint16(v)) & (tails - 1)
	}
	return tail, true
}

// crockfordValue is the value of a character, -1 for one that is none.
func crockfordValue(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'A' && c <= 'H':
		return int(c-'A') + 10
	case c == 'J' || c == 'K':
		return int(c-'J') + 18
	case c == 'M' || c == 'N':
		return int(c-'M') + 20
	case c >= 'P' && c <= 'T':
		return int(c-'P') + 22
	case c >= 'V' && c <= 'Z':
		return int(c-'V') + 27
	}
	return -1
}

// tailsOf lists for each shard the tails that lie there, so that an ID can be
// made for a shard.
func tailsOf(shards int) [][]uint16 {
	list := make([][]uint16, shards)
	for t := range tails {
		s := jump(mix(uint64(t)), shards)
		list[s] = append(list[s], uint16(t))
	}
	return list
}
