package telemetry

import (
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/processing/telemetry/streamtest"
)

// The rights that errors and docs name are enough for all that is done, and no
// error of the server's stays unexplained without them.
func TestRightsSuffice(t *testing.T) {
	srv, admin, a := rig(t)
	srv.Do("ACL SETUSER ttp on >pw ~telhub:* " + rights)
	srv.Do("ACL SETUSER poor on >pw ~telhub:* +xreadgroup")
	as := func(user string) *redis.Client {
		c := redis.NewClient(&redis.Options{Addr: srv.Addr(), MaxRetries: -1, Username: user, Password: "pw", DisableIdentity: true, Protocol: 2})
		t.Cleanup(func() { c.Close() })
		return c
	}
	for range 20 {
		a.Frame(live, 2)
	}
	srv.Do("XADD telhub:{0}:live * hello world")
	admin.XGroupCreate(t.Context(), StreamKey(stream, 0, live), "storage", "0")
	admin.Do(t.Context(), "XREADGROUP", "GROUP", "storage", "dead", "COUNT", 5, "STREAMS", StreamKey(stream, 0, live), ">")
	s := newShelf()
	c := as("ttp")
	consumer, stop := begin(t, Options{Client: c, Sink: s, Lease: 300 * time.Millisecond})
	await(t, consumer, s, 20)
	if _, err := (&Trimmer{Client: c, Stream: stream, Shards: 1}).Trim(t.Context()); err != nil {
		t.Error(err)
	}
	letters, err := DeadLetters(t.Context(), c, stream, 0, "", 10)
	if err != nil || len(letters) != 1 {
		t.Errorf("%+v, %v", letters, err)
	}
	stop()
	if st := consumer.Stats(); st.ReadErrors != 0 || st.Taken != 5 {
		t.Errorf("stats %+v", st)
	}
	if log := srv.Do("ACL LOG"); log != "*0\r\n" {
		t.Errorf("the server refused something: %q", log)
	}
	poor, err := New(Options{Client: as("poor"), Stream: stream, Group: "storage", Sink: s})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := poor.Lags(t.Context()); err == nil || !strings.Contains(err.Error(), "+xautoclaim") {
		t.Errorf("without rights: %v", err)
	}
	streamtest.Eventually(t, "nothing pending", func() bool { return settled(t, consumer) })
}
