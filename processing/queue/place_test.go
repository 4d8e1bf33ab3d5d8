package queue

import (
	"fmt"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
)

// Vectors that other implementations of the same hash agree on.
func TestJumpVectors(t *testing.T) {
	for _, v := range []struct {
		key     uint64
		buckets int
		want    int
	}{{1, 1, 0}, {42, 57, 43}, {0xDEAD10CC, 1, 0}, {0xDEAD10CC, 666, 361}, {256, 1024, 520}} {
		if got := jump(v.key, v.buckets); got != v.want {
			t.Errorf("jump(%d, %d): got %d, want %d", v.key, v.buckets, got, v.want)
		}
	}
}

// With one shard more, keys move to the new one or not at all, and each shard
// has about its share.
func TestPlacementIsConsistent(t *testing.T) {
	const n = 20_000
	for shards := 1; shards < 20; shards++ {
		a := &Queue{o: Options{Shards: shards}}
		b := &Queue{o: Options{Shards: shards + 1}}
		moved := 0
		for i := range n {
			id := fmt.Sprintf("task-%d", i)
			from, to := a.ShardOf("", id), b.ShardOf("", id)
			if from != to {
				moved++
				if to != shards {
					t.Fatalf("%d shards: %s moves from %d to the old shard %d", shards, id, from, to)
				}
			}
		}
		if want := n / (shards + 1); moved < want*9/10 || moved > want*11/10 {
			t.Errorf("%d to %d shards: %d of %d move, want about %d", shards, shards+1, moved, n, want)
		}
	}
}

func TestUniqueKeyDecides(t *testing.T) {
	q := &Queue{o: Options{Shards: 64}}
	if a, b := q.ShardOf("k", "1"), q.ShardOf("k", "2"); a != b {
		t.Errorf("got shards %d and %d for one unique key", a, b)
	}
}

// Generated IDs are ULIDs as others read them, lie where they were made for,
// and do so too for a program that knows only their text.
func TestGeneratedIDs(t *testing.T) {
	for _, shards := range []int{1, 3, 64, maxShards} {
		q := &Queue{o: Options{Shards: shards}, ids: newIDs(shards)}
		seen := make(map[string]bool)
		for i := range 2000 {
			shard := i % shards
			id := q.ids.make(1_793_700_000_123, shard)
			u, err := ulid.ParseStrict(id)
			if err != nil || u.Time() != 1_793_700_000_123 {
				t.Fatalf("%s: time %d, %v", id, u.Time(), err)
			}
			if got := q.ShardOf("", id); got != shard {
				t.Fatalf("%s was made for shard %d of %d and lies in %d", id, shard, shards, got)
			}
			if seen[id] {
				t.Fatalf("%s was made twice", id)
			}
			seen[id] = true
		}
	}
}

// Every character of the random part takes many values: none is stuck.
func TestGeneratedIDsAreRandom(t *testing.T) {
	g := newIDs(1)
	var values [ulidLen]map[byte]bool
	for range 1000 {
		id := g.make(time.Now().UnixMilli(), 0)
		for i := 10; i < ulidLen; i++ {
			if values[i] == nil {
				values[i] = make(map[byte]bool)
			}
			values[i][id[i]] = true
		}
	}
	for i := 10; i < ulidLen; i++ {
		if len(values[i]) != len(crockford) {
			t.Errorf("character %d takes %d values of %d", i, len(values[i]), len(crockford))
		}
	}
}

func TestUlidTail(t *testing.T) {
	for id, want := range map[string]bool{
		"01ARZ3NDEKTSV4RRFFQ69G5FAV": true, // the example of the ULID specification
		"01arz3ndektsv4rrffq69g5fav": false,
		"81ARZ3NDEKTSV4RRFFQ69G5FAV": false, // overflows
		"01ARZ3NDEKTSV4RRFFQ69G5FAU": false, // U is no digit
		"01ARZ3NDEKTSV4RRFFQ69G5FA":  false,
	} {
		if _, got := ulidTail(id); got != want {
			t.Errorf("%s: got %v, want %v", id, got, want)
		}
	}
}
