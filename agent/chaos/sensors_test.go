//go:build chaos

package chaos

import (
	"errors"
	"testing"
	"time"

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
	for range pick(3, 20) {
		at := time.Now()
		for _, f := range b.feeders {
			if err := f.pty.Unplug(); err != nil {
				t.Fatal(err)
			}
		}
		b.fault("sensor unplugged", len(b.feeders))
		eventually(t, "all sensors to be missed", func() bool { return b.node.metric("telemetry_sensor_up") == 0 })
		var err error
		for _, f := range b.feeders {
			err = errors.Join(err, f.pty.Replug())
		}
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "all sensors to be back", func() bool { return b.node.metric("telemetry_sensor_up") == float64(len(b.feeders)) })
		b.deaf(nil, at)
		b.node.forwards(500)
	}
	b.finish()
}
