package toxic

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

// script has the arguments of telhub's append script and counts frames: those
// with a number above the mark are new.
const script = `local m = tonumber(redis.call('GET', KEYS[1]) or '0')
local new = 0
for i = 7, #ARGV, 9 do
  if tonumber(ARGV[i + 1]) > m then m = tonumber(ARGV[i + 1]); new = new + 1 end
end
redis.call('SET', KEYS[1], m)
return new`

// rig is a proxy before a real server, and a client before both.
type rig struct {
	t   *testing.T
	srv *redistest.Server
	p   *Proxy
	c   *goredis.Client
}

func newRig(t *testing.T) *rig {
	t.Helper()
	srv := redistest.Start(t)
	p, err := New("127.0.0.1:0", srv.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	r := &rig{t: t, srv: srv, p: p}
	r.c = r.client()
	return r
}

func (r *rig) client() *goredis.Client {
	c := goredis.NewClient(&goredis.Options{Addr: r.p.Addr(), MaxRetries: -1, ReadTimeout: time.Second, PoolSize: 1, DisableIdentity: true})
	r.t.Cleanup(func() { c.Close() })
	return c
}

// give offers frames by their numbers and returns how many were new.
func (r *rig) give(c *goredis.Client, numbers ...int) (int, error) {
	args := []any{"dev|live", 1, 0, 0, 0, "dev"}
	for _, n := range numbers {
		args = append(args, 1, n, 1, 0, 0, "ntp", "boot", "senml", strings.Repeat("x", 3000))
	}
	return c.Eval(r.t.Context(), script, []string{"{0}:live", "{0}:state"}, args...).Int()
}

func (r *rig) wantTaken(want int, numbers ...int) {
	r.t.Helper()
	if got, err := r.give(r.c, numbers...); err != nil || got != want {
		r.t.Errorf("frames %v: %d new, %v; want %d", numbers, got, err, want)
	}
}

// wantMark asks the server itself.
func (r *rig) wantMark(want int) {
	r.t.Helper()
	r.srv.Await("GET {0}:live", func(reply string) bool { return strings.HasSuffix(reply, fmt.Sprintf("\r\n%d\r\n", want)) })
}

// until waits for what the proxy has counted.
func (r *rig) until(what string, ok func(Counts) bool) {
	r.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok(r.p.Counts()) {
		if time.Now().After(deadline) {
			r.t.Fatalf("%s: never; %+v", what, r.p.Counts())
		}
		<-time.After(time.Millisecond)
	}
}

func TestCounts(t *testing.T) {
	r := newRig(t)
	r.wantTaken(2, 1, 2)
	r.wantTaken(1, 1, 2, 3)
	if err := r.c.Set(t.Context(), "k", strings.Repeat("v", 200_000), 0).Err(); err != nil {
		t.Error(err)
	}
	if got := r.c.Get(t.Context(), "k").Val(); len(got) != 200_000 {
		t.Errorf("a reply of 200,000 bytes came as %d", len(got))
	}
	want := Counts{Conns: 1, Calls: 2, Offered: 5, Absorbed: 2}
	if got := r.p.Counts(); got != want {
		t.Errorf("counts %+v, want %+v", got, want)
	}
}

func TestReplyIsLostAfterExecution(t *testing.T) {
	r := newRig(t)
	r.wantTaken(1, 1)
	r.p.DropReplies(1)
	if n, err := r.give(r.c, 2, 3); err == nil {
		t.Errorf("%d new, no error, although the reply is lost", n)
	}
	r.wantMark(3)
	r.wantTaken(0, 2, 3)
	if c := r.p.Counts(); c.Dropped != 1 || c.Unheard != 2 || c.Absorbed != 2 {
		t.Errorf("counts %+v", c)
	}
}

func TestRequestIsTorn(t *testing.T) {
	r := newRig(t)
	r.wantTaken(1, 1)
	r.p.Tear(1)
	if _, err := r.give(r.c, 2); err == nil {
		t.Error("no error, although half of the request was lost")
	}
	r.wantMark(1)
	r.wantTaken(1, 2)
}

func TestCut(t *testing.T) {
	r := newRig(t)
	r.wantTaken(1, 1)
	conn, err := net.Dial("tcp", r.p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r.until("two connections", func(c Counts) bool { return c.Conns == 2 })
	if n := r.p.Cut(); n != 2 {
		t.Errorf("%d connections were cut, want 2", n)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("read after a cut: %v, want a reset", err)
	}
}

// What is held arrives late, though its sender has hung up, and its reply finds
// nobody.
func TestHeldRequestArrivesLate(t *testing.T) {
	r := newRig(t)
	r.wantTaken(1, 1)
	r.p.Hold(true, false)
	if _, err := r.give(r.c.WithTimeout(100*time.Millisecond), 2); err == nil {
		t.Error("an answer although all is held")
	}
	r.c.Close()
	r.wantMark(1)
	r.p.Hold(false, false)
	r.wantMark(2)
	r.until("a late call", func(c Counts) bool { return c.Late == 1 && c.Unheard == 1 })
}

// A stranded request is overtaken by a new connection, and changes nothing when
// it arrives.
func TestStrandedRequestIsOvertaken(t *testing.T) {
	r := newRig(t)
	r.wantTaken(1, 1)
	release := r.p.Strand()
	if _, err := r.give(r.c, 2); err == nil {
		t.Error("an answer although the connection is stranded")
	}
	r.c = r.client()
	r.wantTaken(1, 2)
	release()
	r.until("the late duplicate", func(c Counts) bool { return c.Late == 1 && c.Absorbed == 1 })
}

func TestHeldReplies(t *testing.T) {
	r := newRig(t)
	r.wantTaken(1, 1)
	r.p.Hold(false, true)
	if _, err := r.give(r.c, 2); err == nil {
		t.Error("an answer although replies are held")
	}
	r.wantMark(2)
	r.p.Hold(false, false)
	r.wantTaken(0, 2)
}

func TestSlowAndNarrow(t *testing.T) {
	r := newRig(t)
	r.wantTaken(1, 1)
	r.p.Set(Poison{Latency: 50 * time.Millisecond, Jitter: 10 * time.Millisecond})
	begin := time.Now()
	r.wantTaken(1, 2)
	if took := time.Since(begin); took < 100*time.Millisecond {
		t.Errorf("a call took %s by a link of 50 ms each way", took)
	}
	r.p.Set(Poison{Bandwidth: 20_000})
	begin = time.Now()
	r.wantTaken(2, 3, 4)
	if took := time.Since(begin); took < 250*time.Millisecond {
		t.Errorf("6 kB took %s at 20 kB/s", took)
	}
	r.p.Set(Poison{DropOneIn: 1})
	if _, err := r.give(r.c, 5); err == nil {
		t.Error("an answer although one in one is lost")
	}
}

func TestServerIsAway(t *testing.T) {
	r := newRig(t)
	r.srv.Stop()
	if err := r.c.Ping(t.Context()).Err(); err == nil {
		t.Error("an answer without a server")
	}
	r.srv.Start()
	r.wantTaken(1, 1)
}

func TestNotRedis(t *testing.T) {
	r := newRig(t)
	conn, err := net.Dial("tcp", r.p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET / HTTP/1.0\r\n\r\n")
	if got, err := io.ReadAll(conn); err == nil && len(got) > 0 {
		t.Errorf("an answer to what is no message: %q", got)
	}
}
