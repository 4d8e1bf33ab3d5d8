package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

var _ uplink.Leveller = (*Sink)(nil)

// guarantee is what a Sync waits for.
type guarantee struct {
	age     bool // a log that cannot be asked, or not believed: the caller waits, too
	aof     bool // WAITAOF 1 0
	replica bool // WAIT 1
}

func (g guarantee) durability() uplink.Durability {
	switch {
	case g.replica && g.age:
		return uplink.AgedReplica
	case g.replica:
		return uplink.Replica
	case g.age:
		return uplink.Age
	case g.aof:
		return uplink.AOF
	}
	return uplink.Memory
}

// detect finds the strongest guarantee that the server can give and the
// options ask for. A server that refuses to tell is taken to write a log.
func (s *Sink) detect(ctx context.Context, c redis.UniversalClient) guarantee {
	if s.o.Durability == "memory" {
		return guarantee{}
	}
	g, err := s.ask(ctx, c)
	if err != nil {
		return guarantee{age: true}
	}
	return g
}

// ask is detect for a server that tells.
func (s *Sink) ask(ctx context.Context, c redis.UniversalClient) (guarantee, error) {
	node, err := s.node(ctx, c)
	if err != nil {
		return guarantee{}, err
	}
	persistence, err := node.Info(ctx, "persistence").Result()
	if err != nil {
		return guarantee{}, err
	}
	aof := infoField(persistence, "aof_enabled") == "1"
	var g guarantee
	if s.o.Durability != "aof" {
		g.replica = replicas(ctx, node) > 0
	}
	if aof {
		g.aof = knowsWaitAOF(ctx, node)
		g.age = !g.aof || !waitsForDisk(ctx, node)
	}
	return g, nil
}

// Level implements uplink.Leveller. What is missing now of what confirmed
// frames so far is watch's business, which gives it time to come back.
func (s *Sink) Level(ctx context.Context) (uplink.Durability, error) {
	s.mu.Lock()
	client, g := s.syncer, s.level
	s.mu.Unlock()
	switch {
	case client == nil:
		return 0, errClosed
	case s.o.Durability == "memory":
		return uplink.Memory, nil
	}
	now, err := s.ask(ctx, client)
	if err != nil {
		return 0, s.classify(err)
	}
	if g.aof && !now.aof || g.replica && !now.replica {
		return g.durability(), nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.syncer == client { // else Open has found out meanwhile
		s.level = now
	}
	return now.durability(), nil
}

// knowsWaitAOF reports whether the server has WAITAOF (Redis and Valkey 7.2).
func knowsWaitAOF(ctx context.Context, c *redis.Client) bool {
	reply, err := c.Do(ctx, "COMMAND", "INFO", "WAITAOF").Slice()
	return err == nil && len(reply) == 1 && reply[0] != nil
}

// waitsForDisk reports whether WAITAOF can be believed under appendfsync
// everysec. It answers before the log is synced in Redis from 7.2 up to 8
// (redis/redis#13793) and in Valkey as far as is known (8.0.1 to 9.1.2 were
// seen to). A server that does not tell what it is is not believed either: then
// frames are held for five seconds instead of about one.
func waitsForDisk(ctx context.Context, c *redis.Client) bool {
	server, err := c.Info(ctx, "server").Result()
	return err == nil && soundWaitAOF(server)
}

func soundWaitAOF(server string) bool {
	major, _, _ := strings.Cut(infoField(server, "redis_version"), ".")
	n, err := strconv.Atoi(major)
	return err == nil && n >= 8 && infoField(server, "valkey_version") == ""
}

// infoField finds "name:value" in an INFO reply.
func infoField(info, name string) string {
	for line := range strings.Lines(info) {
		if v, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// node returns the client of the server that holds the device's shard.
func (s *Sink) node(ctx context.Context, c redis.UniversalClient) (*redis.Client, error) {
	switch c := c.(type) {
	case *redis.Client:
		return c, nil
	case *redis.ClusterClient:
		return c.MasterForKey(ctx, s.keys.state)
	}
	return nil, fmt.Errorf("redis: client %T has no nodes", c)
}

// Sync implements uplink.Sink. WAIT and WAITAOF speak of the writes of their
// own connection, so it first writes: it opens each lane again, which also
// reads the marks as they are now.
func (s *Sink) Sync(ctx context.Context, marks *[frame.Lanes]frame.ID) error {
	s.mu.Lock()
	client, g, fence := s.syncer, s.level, s.fence
	s.mu.Unlock()
	if client == nil {
		return errClosed
	}
	node, err := s.node(ctx, client)
	if err != nil {
		return err
	}
	conn := node.Conn()
	defer conn.Close()
	for i := range marks {
		m, err := s.open(ctx, conn, frame.Lane(i), fence)
		if err != nil {
			reload(ctx, client, err)
			return err
		}
		if m.ID.Less(marks[i]) {
			marks[i] = m.ID
		}
	}
	err = g.wait(ctx, conn)
	s.watch(ctx, conn, g, err)
	return s.confirmed(err)
}

// replicaGone is how long a master may lack the replica that confirmed before
// the level is found out anew. A replica that restarts takes less; the agent's
// memory, full of frames that nobody confirms, more.
const replicaGone = 30 * time.Second

// watch notes when what stood behind the level in force is there no more: the
// next append then fails, and the open after it finds out what is. Without
// that, nothing would be confirmed, hence nothing released, until somebody
// looks.
func (s *Sink) watch(ctx context.Context, conn *redis.Conn, g guarantee, err error) {
	switch {
	case err != nil && strings.Contains(err.Error(), "appendonly is disabled"):
		s.weaker.Store(true)
	case !g.replica || !errors.Is(err, errNotYet) || replicas(ctx, conn) > 0:
		s.alone = time.Time{}
	case s.alone.IsZero():
		s.alone = time.Now()
	case time.Since(s.alone) >= s.replicaGone:
		s.alone = time.Time{}
		s.weaker.Store(true)
	}
}

// informer is what answers INFO: a client or one of its connections.
type informer interface {
	Info(ctx context.Context, section ...string) *redis.StringCmd
}

// replicas returns how many replicas follow; a server that does not tell has none.
func replicas(ctx context.Context, c informer) int {
	text, err := c.Info(ctx, "replication").Result()
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(infoField(text, "connected_slaves"))
	if err != nil {
		return 0
	}
	return n
}

// confirmed gives an answer to WAIT or WAITAOF its type.
func (s *Sink) confirmed(err error) error {
	if errors.Is(err, errNotYet) {
		return err
	}
	return s.classify(err)
}

// reload looks anew at which node of a cluster serves which slot, when a node
// says that it is not the one: for Sync, which talks to a node directly.
func reload(ctx context.Context, c redis.UniversalClient, err error) {
	cluster, ok := c.(*redis.ClusterClient)
	_, moved := redis.IsMovedError(err)
	_, asked := redis.IsAskError(err)
	if ok && (moved || asked || redis.IsReadOnlyError(err)) {
		cluster.ReloadState(ctx)
	}
}

// wait blocks until the connection's writes are as durable as g says.
func (g guarantee) wait(ctx context.Context, conn *redis.Conn) error {
	if g.aof {
		n, err := conn.WaitAOF(ctx, 1, 0, waitFor).Result()
		if err != nil {
			return err
		}
		if len(n) == 0 || n[0] < 1 {
			return errNotYet
		}
	}
	if g.replica {
		n, err := conn.Wait(ctx, 1, waitFor).Result()
		if err != nil {
			return err
		}
		if n < 1 {
			return errNotYet
		}
	}
	return nil
}
