package redis

import (
	"errors"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

func sentinelOptions(addrs ...string) Options {
	o := options("")
	o.Server = Address{Topology: Sentinel, Network: "tcp", Addrs: addrs, Master: redistest.MasterName}
	return o
}

// A failover while frames flow: what the old master had accepted and the new
// one never saw goes again, and nothing is there twice.
func TestSentinelFailoverLosesNothing(t *testing.T) {
	t.Parallel()
	x := redistest.StartSentinels(t)
	s := newSink(t, sentinelOptions(x.Sentinel.Addr()))
	p := &pump{s: s}
	p.until(t, 90)
	if s.level.durability() != uplink.Replica {
		t.Errorf("level is %v, want replica", s.level.durability())
	}
	marks := live(90)
	if err := s.Sync(t.Context(), &marks); err != nil || marks != live(90) {
		t.Fatalf("sync: %v, %v", marks, err)
	}
	// From here the replica follows no more: it cannot come back in.
	x.Master.Do("CONFIG SET requirepass nobody-knows")
	master := redis.NewClient(&redis.Options{Network: "unix", Addr: x.Master.Socket(), Password: "nobody-knows", MaxRetries: -1})
	defer master.Close()
	if err := master.Do(t.Context(), "CLIENT", "KILL", "TYPE", "replica").Err(); err != nil {
		t.Fatal(err)
	}
	p.until(t, 150)
	x.Master.Kill()
	p.until(t, 300)
	if p.rewound == 0 {
		t.Error("nothing was rewound: the failover lost no tail")
	}
	x.Replica.Await("ROLE", func(reply string) bool { return strings.Contains(reply, "master") })
	wantWhole(t, client(t, x.Replica), 300)
}

func TestSentinelErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	x := redistest.StartSentinels(t)
	o := sentinelOptions(x.Sentinel.Addr())
	o.Server.Master = "other"
	wantText(t, openError(t, o), "other", "master=")

	// Its error has inside what else says that a stream is empty: an audit of a
	// server that was not found would be balanced.
	h := NewHistory(o)
	defer h.Close()
	if m, err := h.Moment(t.Context(), 0, o.Device); err == nil {
		t.Errorf("the history of an unknown master is %v", m)
	}
	r := NewReader(o, false)
	defer r.Close()
	if some, err := r.Next(t.Context(), 0, nil); err == nil {
		t.Errorf("reading an unknown master gives %v and no error", some)
	}

	// One sentinel that is away is no trouble.
	o = sentinelOptions("127.0.0.1:1", x.Sentinel.Addr())
	s := newSink(t, o)
	open(t, s, 1)
	mustAppend(t, s, batch(1, 1, 1, 1))
	if !s.Reachable(t.Context()) {
		t.Error("a sentinel answers, but none counts as reachable")
	}

	x.Sentinel.Kill()
	err := openError(t, o)
	wantText(t, err, "sentinel", "unreachable", "connection refused")
	if !errors.Is(err, uplink.ErrUnreachable) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %q, want one line, and %v", err, uplink.ErrUnreachable)
	}
	if s.Reachable(t.Context()) {
		t.Error("no sentinel answers, but one counts as reachable")
	}
}
