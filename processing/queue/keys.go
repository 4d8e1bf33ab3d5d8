package queue

import (
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
)

// group is the consumer group of all streams of ready tasks.
const group = "ttp"

// keys makes the names of keys; docs/task_queue.md lists what they hold. All
// keys of a shard have the same hash tag.
type keys struct {
	shards []shardKeys
}

// shardKeys are the names in one shard.
type shardKeys struct {
	base     string // "ttp:{0}:"
	cron     string
	canceled string // zset: ID → when the cancellation is forgotten, ms
	queues   string // set: names of the queues
	promoter string // string: who promotes, expires

	mu     sync.RWMutex // guards queueKeys
	byName map[string]*queueKeys
}

// queueKeys are the names of one queue in one shard.
type queueKeys struct {
	name   string
	stream [NumClasses]string
	delay  string
	body   string
	dlq    string
	state  string
	noted  atomic.Int64 // when this Queue last wrote the name into the set of queues, ms
}

func newKeys(prefix string, shards int) *keys {
	k := &keys{shards: make([]shardKeys, shards)}
	for i := range k.shards {
		s := &k.shards[i]
		s.base = prefix + ":{" + strconv.Itoa(i) + "}:"
		s.cron, s.canceled = s.base+"cron", s.base+"canceled"
		s.queues, s.promoter = s.base+"queues", s.base+"promoter"
		s.byName = make(map[string]*queueKeys)
	}
	return k
}

// of returns the names of a queue. There are few queues, so they are kept.
func (k *keys) of(shard int, name string) *queueKeys {
	s := &k.shards[shard]
	s.mu.RLock()
	q := s.byName[name]
	s.mu.RUnlock()
	if q != nil {
		return q
	}
	base := s.base + name + ":"
	q = &queueKeys{name: name, delay: base + "delay", body: base + "body", dlq: base + "dlq", state: base + "state"}
	for c := range Class(NumClasses) {
		q.stream[c] = base + c.String()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.byName) < maxQueues {
		s.byName[name] = q
	}
	return q
}

// used lists the queues whose names have been asked for.
func (k *keys) used(shard int) []string {
	s := &k.shards[shard]
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Collect(maps.Keys(s.byName))
}

// maxQueues bounds the names kept; more queues work, at some cost.
const maxQueues = 1024

func (k *keys) receipt(shard int, id string) string  { return k.shards[shard].base + "id:" + id }
func (k *keys) batch(shard int, token string) string { return k.shards[shard].base + "batch:" + token }
func (k *keys) unique(shard int, key string) string  { return k.shards[shard].base + "u:" + key }
func (k *keys) result(shard int, id string) string   { return k.shards[shard].base + "r:" + id }
