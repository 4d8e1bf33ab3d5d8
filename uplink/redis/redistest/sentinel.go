package redistest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// Sentinels is a master with one replica and one sentinel that watches them.
// The sentinel alone decides on a failover, within about two seconds.
type Sentinels struct {
	Master, Replica *Server
	Sentinel        *Server
}

// MasterName is what the sentinel calls its master.
const MasterName = "telhub"

// StartSentinels runs all three and waits until the replica follows.
func StartSentinels(tb testing.TB, args ...string) *Sentinels {
	tb.Helper()
	x := &Sentinels{Master: Start(tb, args...)}
	x.Replica = x.Master.StartReplica(args...)
	s := newServer(tb, "redis-server", nil)
	conf := filepath.Join(s.dir, "sentinel.conf")
	text := fmt.Sprintf(`sentinel monitor %[1]s 127.0.0.1 %[2]d 1
sentinel down-after-milliseconds %[1]s 500
sentinel failover-timeout %[1]s 3000
`, MasterName, x.Master.Port())
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	s.first = []string{conf, "--sentinel"}
	x.Sentinel = s.begin()
	x.Sentinel.Await("SENTINEL REPLICAS "+MasterName, func(reply string) bool { return len(reply) > len("*0\r\n") })
	return x
}

// StartReplica runs a replica of s and waits until it has s's data.
func (s *Server) StartReplica(args ...string) *Server {
	s.tb.Helper()
	s.Do("CONFIG SET repl-diskless-sync-delay 0") // it waits 5 s for more replicas otherwise
	r := newServer(s.tb, s.binary, append([]string{
		"--replicaof", "127.0.0.1 " + strconv.Itoa(s.port),
	}, args...))
	r.begin()
	r.Await("INFO replication", func(reply string) bool { return contains(reply, "master_link_status:up") })
	return r
}
