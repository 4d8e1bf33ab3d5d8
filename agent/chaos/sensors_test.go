//go:build chaos

package chaos

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/telhub/telhub/agent/httpapi"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// Every adapter is pulled out at once, again and again, and all come back. The
// agent must come back with each of them, and its channels must say so.
func TestSensorsFail(t *testing.T) {
	b := newBench(t, "all sensors fail at once")
	srv := redistest.Start(t, "--appendonly", "yes")
	b.feed(6, 100)
	b.agent(b.proxy(srv.Addr()).URL())
	b.node.start()
	b.talk()
	b.node.forwards(1000)
	rounds := pick(3, 20)
	for range rounds {
		at := time.Now()
		for _, f := range b.feeders {
			if err := f.pty.Unplug(); err != nil {
				t.Fatal(err)
			}
		}
		b.fault("sensor unplugged", len(b.feeders))
		eventually(t, "all channels to be lost", func() bool { return b.statuses("lost") == len(b.feeders)*(fields+1) })
		var err error
		for _, f := range b.feeders {
			err = errors.Join(err, f.pty.Replug())
		}
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "all channels to be back", func() bool { return b.statuses("ok") == len(b.feeders)*(fields+1) })
		b.deaf(nil, at)
		b.node.forwards(500)
	}
	b.finish()
	for _, f := range b.feeders {
		b.wantStatuses(f.name+"/c0/status", rounds)
	}
}

// statuses counts the channels of a status.
func (b *bench) statuses(status string) (n int) {
	b.t.Helper()
	_, body := b.node.get("/api/sensors")
	var all []httpapi.Sensor
	if err := json.Unmarshal(body, &all); err != nil {
		b.t.Fatalf("/api/sensors: %v: %q", err, body)
	}
	for _, s := range all {
		for _, c := range s.Channels {
			if c.Status == status {
				n++
			}
		}
	}
	return n
}

// wantStatuses wants a channel to say that it is lost and that it is back, once
// each time.
func (b *bench) wantStatuses(name string, rounds int) {
	b.t.Helper()
	words := b.seen.words[name]
	for i, w := range words {
		if want := [2]string{"lost", "ok"}[i%2]; w != want {
			b.t.Errorf("%s: word %d is %q, want %q: %q", name, i, w, want, words)
			return
		}
	}
	if len(words) != 2*rounds {
		b.t.Errorf("%s has %d words, want %d", name, len(words), 2*rounds)
	}
}
