//go:build chaos

package chaos

import (
	"fmt"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

// What the judgement rests on must be able to fail: after a good run the streams
// are tampered with, and each time somebody must notice.
func TestControl(t *testing.T) {
	b := newBench(t, "control: nothing breaks")
	srv := redistest.Start(t)
	b.feed(1, 250)
	b.agent(b.proxy(srv.Addr()).URL())
	b.node.start()
	b.talk()
	b.node.forwards(2000)
	b.finish()
	good := b.row
	c := goredis.NewClient(&goredis.Options{Addr: srv.Addr()})
	defer c.Close()
	entries, err := c.XRange(t.Context(), liveKey, "-", "+").Result()
	if err != nil || len(entries) < 5 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	b.wantNoticed("nothing", "")

	dup := append([]any{}, "dev", device, "ep", "1", "seq", "999999")
	for _, k := range []string{"n", "t0", "t1", "q", "boot", "enc", "d"} {
		dup = append(dup, k, entries[2].Values[k])
	}
	id := c.XAdd(t.Context(), &goredis.XAddArgs{Stream: liveKey, Values: dup}).Val()
	b.wantNoticed("samples a second time under another number", "twice")
	c.XDel(t.Context(), liveKey, id)

	sent := b.feeders[0].sent
	b.feeders[0].sent = append(sent, time.Now().UnixMilli())
	b.wantNoticed("a line that was said and is not there", "are missing")
	b.feeders[0].sent = sent

	words := b.seen.words["f0/a/alarm"]
	id = c.XAdd(t.Context(), &goredis.XAddArgs{Stream: alarmKey, Values: []any{
		"dev", device, "ep", "1", "seq", "999999", "n", "1", "t0", "1", "t1", "1", "q", "ntp", "boot", "x", "enc", "senml",
		"d", fmt.Sprintf(`[{"bn":"chaos/","bt":0.001,"n":"f0/a/alarm","vs":%q}]`, words[len(words)-1]),
	}}).Val()
	b.wantNoticed("an alarm told twice", "of its alarm is")
	c.XDel(t.Context(), alarmKey, id)

	c.XDel(t.Context(), liveKey, entries[3].ID)
	b.wantNoticed("an entry deleted", "telhub audit: exit status 1")
	b.wantNoticed("an entry deleted", "are missing")
	b.wantNoticed("an entry deleted", "are undeclared")
	b.row = good
}

// The device's streams.
const (
	liveKey  = "telhub:{0}:live"
	alarmKey = "telhub:{0}:alarm"
)

// wantNoticed wants a finding that says so; "" = none at all.
func (b *bench) wantNoticed(what, says string) {
	b.t.Helper()
	found := b.examine()
	if says == "" {
		if len(found) > 0 {
			b.t.Errorf("%s: %q", what, found)
		}
		return
	}
	if !strings.Contains(strings.Join(found, "\n"), says) {
		b.t.Errorf("%s was not noticed, want %q in %q", what, says, found)
	}
}
