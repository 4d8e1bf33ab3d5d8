//go:build chaos

package chaos

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/agent/chaos/slowdisk"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// promise is what is expected of what a server had taken when its power failed.
type promise bool

// The promises.
const (
	keepsAll promise = true  // nothing is missing
	declares promise = false // what is missing is declared
)

// TestServerPower kills a server again and again, each time with what its disk
// had not synced, for each way in which it can say how safe frames are.
// redis-server of Debian 12 knows WAIT but not WAITAOF; valkey-server both.
func TestServerPower(t *testing.T) {
	for _, c := range []struct {
		binary, fsync, durability string
		replica                   bool
		level                     string // in force
		promise                   promise
	}{
		{"redis", "everysec", "auto", false, "age", keepsAll},
		{"redis", "everysec", "memory", false, "memory", declares},
		{"redis", "everysec", "auto", true, "replica", keepsAll},
		{"redis", "always", "auto", false, "age", keepsAll},
		{"redis", "always", "memory", false, "memory", keepsAll},
		{"valkey", "everysec", "auto", false, "age", keepsAll},
		{"valkey", "everysec", "auto", true, "replica", keepsAll},
		{"valkey", "everysec", "memory", false, "memory", declares},
		{"valkey", "always", "aof", false, "age", keepsAll},
	} {
		name := fmt.Sprintf("%s-server killed, appendfsync %s, durability %s", c.binary, c.fsync, c.durability)
		if c.replica {
			name += ", a replica"
		}
		t.Run(name, func(t *testing.T) {
			b := newBench(t, name)
			p := newPower(t, c.binary, "--appendfsync", c.fsync)
			if c.replica {
				p.srv.StartReplica("--appendonly", "no")
			}
			b.feed(2, 250)
			b.agent(p.srv.URL(), fmt.Sprintf("redis.durability = %q", c.durability))
			b.node.start()
			b.talk()
			b.node.connected()
			if got := b.node.status().Uplink.Durability; got != c.level {
				t.Errorf("the level in force is %q, want %q", got, c.level)
			}
			for range pick(3, 12) {
				b.node.connected()
				wait(t, time.Second+rand.N(5*time.Second)) // some of it is older than any level's wait
				p.fail(b)
			}
			b.fault("kB of the server's log lost", int(p.lost/1000))
			b.undated = c.promise == declares // what is released has no stamp here any more
			b.finish()
			b.wantPromise(c.promise, p.failures)
			if c.fsync == "everysec" && p.lost == 0 {
				t.Error("the server lost nothing: this shows nothing")
			}
		})
	}
}

// recent is how old a frame may be when its server fails, at most, and still be
// lost: appendfsync everysec syncs each second, and may be held up for two more;
// a replica that Sentinel promotes was cut off for three at most.
const recent = 6 * time.Second

// wantPromise checks that nothing is missing where nothing may be, and else only
// what was sent shortly before the server failed.
func (b *bench) wantPromise(p promise, failures []time.Time) {
	b.t.Helper()
	if p == keepsAll {
		if len(b.row.Lost) > 0 || b.row.Covered > 0 {
			b.t.Errorf("declared lost: %s; %d lines are missing. Nothing had to be", b.row.lost(), b.row.Covered)
		}
		return
	}
	s := readStreams(b.t, b.auditConfig())
	for _, f := range b.feeders {
		for n, sent := range f.lines() {
			excused := s.stamp(f, n, 0) != 0 || slices.ContainsFunc(failures, func(at time.Time) bool {
				return sent <= at.UnixMilli() && sent >= at.Add(-recent).UnixMilli()
			})
			if !excused {
				b.t.Errorf("feeder %s: line %d, sent %d, is missing, and no server failed shortly after: %v", f.name, n, sent, failures)
				return
			}
		}
	}
}

// power is a server on a disk that knows what was synced.
type power struct {
	t    *testing.T
	srv  *redistest.Server
	disk *slowdisk.Disk
	dir  string
	lost int64 // bytes of logs

	failures []time.Time
}

// newPower starts a redis-server or valkey-server that writes a log.
func newPower(t *testing.T, binary string, args ...string) *power {
	t.Helper()
	p := &power{t: t}
	p.disk, p.dir = newDisk(t)
	args = append([]string{"--appendonly", "yes", "--dir", p.dir}, args...)
	if binary == "redis" {
		p.srv = redistest.Start(t, args...)
	} else {
		p.srv = redistest.StartValkey(t, args...)
	}
	return p
}

// newDisk mounts a slow disk until the test's end.
func newDisk(t *testing.T) (disk *slowdisk.Disk, dir string) {
	t.Helper()
	dir = t.TempDir()
	disk, err := slowdisk.Mount(t.TempDir(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := disk.Close(); err != nil {
			t.Error(err)
		}
	})
	return disk, dir
}

// fail cuts the server's power and brings it back: each log keeps what was
// synced, and of what follows as much as chance will have it. What is left of a
// torn transaction is cut off, as README.md asks for: the server itself throws
// away the torn command only.
func (p *power) fail(b *bench) {
	p.t.Helper()
	p.srv.Kill()
	p.failures = append(p.failures, time.Now())
	logs, err := filepath.Glob(filepath.Join(p.dir, "appendonlydir", "*.incr.aof"))
	if err != nil || len(logs) == 0 {
		p.t.Fatalf("append-only files: %v, %v", logs, err)
	}
	for _, file := range logs {
		info, err := os.Stat(file)
		if err != nil {
			p.t.Fatal(err)
		}
		name := strings.TrimPrefix(file, p.dir+"/")
		keep := min(p.disk.Synced(name), info.Size())
		if rand.N(2) == 0 {
			keep += rand.Int64N(info.Size() - keep + 1)
		}
		if err := os.Truncate(file, keep); err != nil {
			p.t.Fatal(err)
		}
		p.lost += info.Size() - keep
	}
	b.fault("SIGKILL and power cut of the server", 1)
	wait(p.t, rand.N(time.Second))
	p.srv.MendLog(p.dir)
	p.srv.Start()
}
