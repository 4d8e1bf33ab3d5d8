package redis

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// level opens a sink with a durability setting and returns the level in force.
func level(t *testing.T, addr, durability string) (*Sink, uplink.Durability) {
	t.Helper()
	o := options(addr)
	o.Durability = durability
	s := newSink(t, o)
	var marks [frame.Lanes]uplink.Mark
	d, err := s.Open(t.Context(), 1, &marks)
	if err != nil {
		t.Fatal(err)
	}
	return s, d
}

// wantLevels checks the level that each setting comes to.
func wantLevels(t *testing.T, srv *redistest.Server, want map[string]uplink.Durability) {
	t.Helper()
	for setting, d := range want {
		if _, got := level(t, srv.Addr(), setting); got != d {
			t.Errorf("durability %q comes to %v, want %v", setting, got, d)
		}
	}
}

// live returns marks that ask for lane live only.
func live(seq uint64) (m [frame.Lanes]frame.ID) {
	m[frame.Live] = frame.ID{Epoch: 1, Seq: seq}
	return m
}

func TestLevelWithoutLogIsMemory(t *testing.T) {
	wantLevels(t, redistest.Start(t), map[string]uplink.Durability{
		"auto": uplink.Memory, "memory": uplink.Memory, "aof": uplink.Memory, "replica": uplink.Memory,
	})
}

// Redis before 7.2 writes a log and cannot be asked about it.
func TestLevelOfALogThatCannotBeAsked(t *testing.T) {
	srv := redistest.Start(t, "--appendonly", "yes")
	want := logLevel(srv)
	wantLevels(t, srv, map[string]uplink.Durability{
		"auto": want, "memory": uplink.Memory, "aof": want, "replica": want,
	})
}

func hasWaitAOF(srv *redistest.Server) bool {
	return strings.Contains(srv.Do("COMMAND INFO waitaof"), "waitaof")
}

// logLevel is what a server's log is good for: WAITAOF is believed where it is
// known to wait.
func logLevel(srv *redistest.Server) uplink.Durability {
	if hasWaitAOF(srv) && soundWaitAOF(srv.Do("INFO server")) {
		return uplink.AOF
	}
	return uplink.Age
}

func TestWhoseWaitAOFIsBelieved(t *testing.T) {
	for info, want := range map[string]bool{
		"redis_version:7.0.15\r\n":                                               false,
		"redis_version:7.4.2\r\nredis_mode:standalone\r\n":                       false,
		"# Server\r\nredis_version:8.0.0\r\n":                                    true,
		"redis_version:10.2.1\r\n":                                               true,
		"redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.0.1\r\n":  false,
		"redis_version:8.0.0\r\nserver_name:valkey\r\nvalkey_version:10.0.0\r\n": false,
		"":                           false,
		"redis_version:unstable\r\n": false,
	} {
		if got := soundWaitAOF(info); got != want {
			t.Errorf("%q: believed %v, want %v", info, got, want)
		}
	}
}

// A replica alone does not help where the master comes back by itself, without
// the end of its log.
func TestReplicaOfAServerWithALog(t *testing.T) {
	srv := redistest.Start(t, "--appendonly", "yes")
	srv.StartReplica()
	want := uplink.AgedReplica
	if logLevel(srv) == uplink.AOF {
		want = uplink.Replica
	}
	wantLevels(t, srv, map[string]uplink.Durability{"auto": want, "aof": logLevel(srv), "replica": want})
}

func TestReplicaConfirms(t *testing.T) {
	srv := redistest.Start(t)
	replica := srv.StartReplica()
	wantLevels(t, srv, map[string]uplink.Durability{
		"auto": uplink.Replica, "replica": uplink.Replica, "aof": uplink.Memory, "memory": uplink.Memory,
	})
	s, _ := level(t, srv.Addr(), "auto")
	mustAppend(t, s, batch(1, 1, 1, 3))
	marks := live(3)
	if err := s.Sync(t.Context(), &marks); err != nil || marks != live(3) {
		t.Fatalf("sync: %v, %v", marks, err)
	}
	wantSequence(t, client(t, replica), "1/1", "1/2", "1/3")

	replica.Kill()
	mustAppend(t, s, batch(1, 1, 4, 4))
	marks = live(4)
	if err := s.Sync(t.Context(), &marks); !errors.Is(err, errNotYet) {
		t.Errorf("sync without the replica: %v, want %v", err, errNotYet)
	}
}

// A replica that does not come back must not keep the agent from ever
// releasing a frame: the level becomes what the server still gives.
func TestLostReplicaLowersTheLevel(t *testing.T) {
	srv := redistest.Start(t)
	replica := srv.StartReplica()
	s, d := level(t, srv.Addr(), "auto")
	if d != uplink.Replica {
		t.Fatalf("level %v, want replica", d)
	}
	s.replicaGone = 0
	p := &pump{s: s}
	p.until(t, 3)
	replica.Kill()
	srv.Await("INFO replication", func(reply string) bool { return strings.Contains(reply, "connected_slaves:0") })
	for range 2 { // the first notes it, the second finds that it lasts
		p.until(t, p.seq+3) // still taken, and not confirmed
		marks := live(p.seq)
		if err := s.Sync(t.Context(), &marks); !errors.Is(err, errNotYet) {
			t.Fatalf("sync: %v, want %v", err, errNotYet)
		}
	}
	if err := s.Append(t.Context(), batch(1, 1, p.seq+1, p.seq+1)); !errors.Is(err, errWeaker) {
		t.Fatalf("append: %v, want %v", err, errWeaker)
	}
	p.until(t, p.seq+3)
	if got := s.level.durability(); got != uplink.Memory {
		t.Errorf("level %v, want memory", got)
	}
	wantWhole(t, client(t, srv), p.seq)
}

func TestLogTurnedOffLowersTheLevel(t *testing.T) {
	srv := redistest.StartValkey(t, "--appendonly", "yes")
	s, _ := level(t, srv.Addr(), "auto")
	p := &pump{s: s}
	p.until(t, 3)
	srv.Do("CONFIG SET appendonly no")
	marks := live(3)
	if err := s.Sync(t.Context(), &marks); err == nil {
		t.Fatal("sync without a log succeeded")
	}
	p.until(t, 6)
	if got := s.level.durability(); got != uplink.Memory || p.failures != 1 {
		t.Errorf("level %v after %d failures, want memory after 1", got, p.failures)
	}
}

func TestLogConfirms(t *testing.T) {
	srv := redistest.StartValkey(t, "--appendonly", "yes", "--appendfsync", "everysec")
	want := logLevel(srv)
	wantLevels(t, srv, map[string]uplink.Durability{"auto": want, "aof": want, "replica": want, "memory": uplink.Memory})
	s, _ := level(t, srv.Addr(), "auto")
	for seq := uint64(1); seq <= 9; seq += 3 {
		mustAppend(t, s, batch(1, 1, seq, seq+2))
		marks := live(seq + 2)
		// the log is synced once a second, and WAITAOF waits two
		if err := s.Sync(t.Context(), &marks); err != nil || marks != live(seq+2) {
			t.Fatalf("sync: %v, %v", marks, err)
		}
	}
	// What was confirmed survives the server's death.
	srv.Kill()
	srv.Start()
	wantWhole(t, client(t, srv), 9)
}

func TestReplicaAndLogConfirm(t *testing.T) {
	srv := redistest.StartValkey(t, "--appendonly", "yes")
	srv.StartReplica()
	s, d := level(t, srv.Addr(), "auto")
	if d.String() != "replica" || !s.level.aof {
		t.Errorf("level %v, %+v, want both the log and the replica", d, s.level)
	}
	mustAppend(t, s, batch(1, 1, 1, 3))
	marks := live(3)
	if err := s.Sync(t.Context(), &marks); err != nil || marks != live(3) {
		t.Errorf("sync: %v, %v", marks, err)
	}
}

// A server that comes back without its tail must not confirm it, and must get
// it again.
func TestSyncLowersMarksToWhatTheServerHas(t *testing.T) {
	srv := redistest.Start(t)
	s := newSink(t, options(srv.Addr()))
	p := &pump{s: s}
	p.until(t, 6)
	if got := srv.Do("SAVE"); got != "+OK\r\n" {
		t.Fatal(got)
	}
	p.until(t, 12)
	srv.Kill()
	srv.Start()
	marks := live(12)
	if err := s.Sync(t.Context(), &marks); err != nil || marks != live(6) {
		t.Errorf("sync gives %v, %v, want mark 1/6", marks[frame.Live], err)
	}
	p.until(t, 18)
	if p.rewound != 6 {
		t.Errorf("%d frames were rewound, want 6", p.rewound)
	}
	wantWhole(t, client(t, srv), 18)
}

// A server that lost everything confirms nothing.
func TestSyncWithAnEmptyServer(t *testing.T) {
	srv := redistest.Start(t)
	s := newSink(t, options(srv.Addr()))
	open(t, s, 1)
	mustAppend(t, s, batch(1, 1, 1, 3))
	srv.Kill()
	srv.Start()
	marks := live(3)
	if err := s.Sync(t.Context(), &marks); err != nil || marks != live(0) && marks != ([frame.Lanes]frame.ID{}) {
		t.Errorf("sync gives %v, %v, want no mark", marks[frame.Live], err)
	}
	var gap *uplink.GapError
	if err := s.Append(t.Context(), batch(1, 1, 4, 4)); err == nil {
		t.Error("the server took frame 4 without 1 to 3")
	} else if !errors.As(err, &gap) { // or the connection's end
		open(t, s, 1)
	}
}

func TestSyncBeforeOpenAndAfterClose(t *testing.T) {
	srv := redistest.Start(t)
	s := newSink(t, options(srv.Addr()))
	marks := live(1)
	if err := s.Sync(t.Context(), &marks); !errors.Is(err, errClosed) {
		t.Errorf("sync before open: %v, want %v", err, errClosed)
	}
	open(t, s, 1)
	s.Close()
	if err := s.Sync(t.Context(), &marks); !errors.Is(err, errClosed) {
		t.Errorf("sync after close: %v, want %v", err, errClosed)
	}
}

// An older log that was put in place while the server was down is what a
// restored backup looks like.
func TestRestoredBackup(t *testing.T) {
	srv := redistest.Start(t)
	p := &pump{s: newSink(t, options(srv.Addr()))}
	p.until(t, 30)
	srv.Do("SAVE")
	backup, err := os.ReadFile(filepath.Join(srv.Dir(), "dump.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	p.until(t, 60)
	srv.Do("SAVE")
	srv.Stop()
	if err := os.WriteFile(filepath.Join(srv.Dir(), "dump.rdb"), backup, 0o600); err != nil {
		t.Fatal(err)
	}
	srv.Start()
	p.until(t, 90)
	if p.rewound != 30 {
		t.Errorf("%d frames were rewound, want 30", p.rewound)
	}
	wantWhole(t, client(t, srv), 90)
	if p.failures > 50 {
		t.Errorf("%d failures on the way", p.failures)
	}
}

// wantLevel asks a connected sink what the server can confirm now.
func wantLevel(t *testing.T, s *Sink, want uplink.Durability) {
	t.Helper()
	got, err := s.Level(t.Context())
	if err != nil || got != want || s.level.durability() != want {
		t.Errorf("level %v, %v, in force %v, want %v", got, err, s.level.durability(), want)
	}
}

// What an operator improves on the server takes effect without a reconnect;
// what has gone is watch's business, which gives it time.
func TestLevelOfAServerThatChanges(t *testing.T) {
	srv := redistest.StartValkey(t)
	s, _ := level(t, srv.Addr(), "auto")
	p := &pump{s: s}
	p.until(t, 3)
	wantLevel(t, s, uplink.Memory)
	srv.Do("CONFIG SET appendonly yes")
	wantLevel(t, s, logLevel(srv))
	p.until(t, 6)
	marks := live(6)
	if err := s.Sync(t.Context(), &marks); err != nil || marks != live(6) {
		t.Errorf("sync: %v, %v", marks, err)
	}
	replica := srv.StartReplica()
	want := uplink.AgedReplica
	if logLevel(srv) == uplink.AOF {
		want = uplink.Replica
	}
	wantLevel(t, s, want)
	replica.Kill()
	srv.Await("INFO replication", func(reply string) bool { return strings.Contains(reply, "connected_slaves:0") })
	wantLevel(t, s, want)
	if p.failures != 0 {
		t.Errorf("%d failures on the way, want none", p.failures)
	}
}

func TestLevelOfAnOldServerThatChanges(t *testing.T) {
	srv := redistest.Start(t)
	if hasWaitAOF(srv) {
		t.Log("this redis-server has WAITAOF: TestLevelOfAServerThatChanges tests it")
		return
	}
	s, _ := level(t, srv.Addr(), "auto")
	wantLevel(t, s, uplink.Memory)
	srv.Do("CONFIG SET appendonly yes")
	wantLevel(t, s, uplink.Age)
	srv.Do("CONFIG SET appendonly no")
	wantLevel(t, s, uplink.Memory)
	m, _ := level(t, srv.Addr(), "memory")
	srv.Do("CONFIG SET appendonly yes")
	wantLevel(t, m, uplink.Memory)
	srv.Kill()
	if got, err := s.Level(t.Context()); err == nil {
		t.Errorf("level %v of a dead server, want an error", got)
	}
	s.Close()
	if _, err := s.Level(t.Context()); !errors.Is(err, errClosed) {
		t.Errorf("level after close: %v, want %v", err, errClosed)
	}
}
