package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// A server that is stopped accepts connections and says nothing: each call
// must end within its time, and nothing may be there twice afterwards.
func TestStoppedServer(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	s := newSink(t, options(srv.Addr()))
	p := &pump{s: s}
	p.until(t, 3)
	srv.Signal(syscall.SIGSTOP)
	within(t, "append", func() error { return s.Append(t.Context(), batch(1, 1, 4, 6)) })
	within(t, "open", func() error {
		var marks [frame.Lanes]uplink.Mark
		_, err := s.Open(t.Context(), 1, &marks)
		return err
	})
	if s.Reachable(t.Context()) {
		t.Error("the kernel takes connections for a stopped server; it is not reachable for that")
	}
	srv.Signal(syscall.SIGCONT)
	p.open = false
	p.until(t, 9)
	wantWhole(t, client(t, srv), 9)
}

// within checks that a call fails for want of an answer, and in time.
func within(t *testing.T, what string, call func() error) {
	t.Helper()
	begin := time.Now()
	err := call()
	wantText(t, err, "i/o timeout", "does not answer")
	if errors.Is(err, uplink.ErrUnreachable) {
		t.Errorf("%s: %v counts as unreachable", what, err)
	}
	// one timeout to read, and room for a busy machine
	if d := time.Since(begin); d < ioTimeout/2 || d > 2*ioTimeout+2*time.Second {
		t.Errorf("%s took %v, want about %v", what, d, ioTimeout)
	}
}

// Closing ends a call under way: the agent's shutdown does not wait for it.
func TestContextEndsACall(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	s := newSink(t, options(srv.Addr()))
	open(t, s, 1)
	srv.Signal(syscall.SIGSTOP)
	defer srv.Signal(syscall.SIGCONT)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Append(ctx, batch(1, 1, 1, 1)); err == nil {
		t.Error("an append with an ended context succeeded")
	}
}

func TestDeadServerIsUnreachable(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	s := newSink(t, options(srv.Addr()))
	open(t, s, 1)
	srv.Kill()
	if s.Reachable(t.Context()) {
		t.Error("a dead server is reachable")
	}
	err := s.Append(t.Context(), batch(1, 1, 1, 1)) // its connection has ended …
	if err == nil {
		t.Fatal("an append to a dead server succeeded")
	}
	err = s.Append(t.Context(), batch(1, 1, 1, 1)) // … and no other can be made
	if !errors.Is(err, uplink.ErrUnreachable) {
		t.Errorf("error %v, want %v", err, uplink.ErrUnreachable)
	}
	srv.Start()
	if !s.Reachable(t.Context()) {
		t.Error("the server is back and not reachable")
	}
}

func TestLoadingServer(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	p := &pump{s: newSink(t, options(srv.Addr()))}
	p.until(t, 30)
	for i := range 300 {
		srv.Do(fmt.Sprintf("SET ballast:%d %s", i, strings.Repeat("x", 4000)))
	}
	srv.Do("SAVE")
	srv.Kill()
	// 300 keys of 5 ms, and it listens while it loads
	srv.Configure("--key-load-delay", "5000", "--loading-process-events-interval-bytes", "8000")
	srv.Launch()
	p.open = false // that was a connection to the elder process
	var seen bool
	for !p.open && p.failures < 1000 {
		p.step(t.Context())
		if errors.Is(p.lastErr, uplink.ErrLoading) {
			seen = true
			wantText(t, p.lastErr, "loading")
		}
	}
	if !seen {
		t.Errorf("no open saw the server loading; the last error: %v", p.lastErr)
	}
	p.until(t, 36)
	wantWhole(t, client(t, srv), 36)
}

func TestFullServerSaysSo(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t, "--maxmemory-policy", "noeviction")
	s, c := newSink(t, options(srv.Addr())), client(t, srv)
	open(t, s, 1)
	mustAppend(t, s, batch(1, 1, 1, 2))
	srv.Do("CONFIG SET maxmemory 1mb")
	err := s.Append(t.Context(), batch(1, 1, 3, 4))
	wantText(t, err, "OOM", "maxmemory", "redis.maxlen")
	if m := markOf(t, c); m != "1;1;2" {
		t.Errorf("mark %s after a refused append, want 1;1;2", m)
	}
	wantText(t, openError(t, options(srv.Addr())), "OOM", "maxmemory")
	srv.Do("CONFIG SET maxmemory 0")
	mustAppend(t, s, batch(1, 1, 3, 4))
	wantSequence(t, c, "1/1", "1/2", "1/3", "1/4")
}

func markOf(t *testing.T, c redis.Cmdable) string {
	t.Helper()
	m, err := c.HGet(t.Context(), "telhub:{0}:state", "pi-01|live").Result()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestForeignDataAtOurKeys(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	s, c := newSink(t, options(srv.Addr())), client(t, srv)
	open(t, s, 1)
	srv.Do("SET telhub:{0}:live text")
	wantText(t, s.Append(t.Context(), batch(1, 1, 1, 1)), "WRONGTYPE", "telhub:{…}", "redis.stream")
	if m := markOf(t, c); m != "1;0;0" {
		t.Errorf("mark %s after a refused append, want 1;0;0", m)
	}
	srv.Do("DEL telhub:{0}:live")
	mustAppend(t, s, batch(1, 1, 1, 1))

	srv.Do("SET telhub:{0}:state text")
	wantText(t, s.Append(t.Context(), batch(1, 1, 2, 2)), "WRONGTYPE", "redis.stream")
	wantText(t, openError(t, options(srv.Addr())), "WRONGTYPE", "redis.stream")
	srv.Do("DEL telhub:{0}:state")
	srv.Do("HSET telhub:{0}:state pi-01|live nonsense")
	wantText(t, openError(t, options(srv.Addr())), "BADMARK", "pi-01|live", "nonsense", "redis.stream")
}

func TestReplicaAndBrokenDiskRefuseWrites(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	replica := srv.StartReplica()
	wantText(t, openError(t, options(replica.Addr())), "READONLY", "redis+sentinel://")

	s := newSink(t, options(srv.Addr()))
	open(t, s, 1)
	srv.Do("CONFIG SET min-replicas-to-write 2")
	wantText(t, s.Append(t.Context(), batch(1, 1, 1, 1)), "NOREPLICAS", "min-replicas-to-write")
	srv.Do("CONFIG SET min-replicas-to-write 0")
	mustAppend(t, s, batch(1, 1, 1, 1))
}

func TestServerWithTooManyClients(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	srv.Do("CONFIG SET maxclients 1")
	taken := client(t, srv)
	if err := taken.Ping(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	wantText(t, openError(t, options(srv.Addr())), "maxclients")
}
