//go:build chaos

package chaos

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/drivers/sim"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// bell is a serial device whose value crosses its alarm's limit with each line:
// every line changes the alarm's state. Its values are those of a feeder's
// lines, each another one.
type bell struct {
	t     *testing.T
	pty   *sim.PTY
	lines int
	worst time.Duration // from a line to its alarm in the stream
}

// far lies beyond the alarm's limit, in lines.
const far = 500_000

func newBell(t *testing.T) *bell {
	t.Helper()
	pty, err := sim.NewPTY(t.TempDir(), "bell")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pty.Close() })
	return &bell{t: t, pty: pty}
}

func (d *bell) config() string {
	return fmt.Sprintf(`
[[sensor]]
name = "bell"
use = "line"
port = %q
mode = "115200 8N1"
format = "json"
[sensor.out]
c0 = { key = "v", resolution = 1 }
[sensor.c0]
alarm = { high = %d, clear = %d }
`, d.pty.Path(), far*fieldBase/2, far*fieldBase/4)
}

// add appends to the configuration.
func (b *bench) add(text string) {
	b.t.Helper()
	before, err := os.ReadFile(b.node.config())
	if err != nil {
		b.t.Fatal(err)
	}
	b.write(b.node.config(), string(before)+text)
}

// say makes the next line, which changes the alarm's state.
func (d *bell) say() {
	d.t.Helper()
	n := d.lines
	if n%2 == 0 {
		n += far
	}
	d.lines++
	for line := fmt.Appendf(nil, "{\"v\":%d}\n", n*fieldBase); len(line) > 0; {
		some, err := d.pty.Write(line)
		if err != nil {
			d.t.Fatal(err)
		}
		if line = line[some:]; len(line) > 0 {
			wait(d.t, time.Millisecond)
		}
	}
}

// promptly is how soon an alarm must be in the stream, whatever the disk does:
// it waits a second for the disk at most.
const promptly = 4 * time.Second

// ring says a line and wants its alarm in the stream soon.
func (d *bell) ring(b *bench, srv *redistest.Server) {
	d.t.Helper()
	before := len(d.alarms(srv))
	begin := time.Now()
	d.say()
	for len(d.alarms(srv)) <= before {
		if time.Since(begin) > patience {
			d.t.Fatalf("no alarm within %s", patience)
		}
		wait(d.t, 20*time.Millisecond)
	}
	took := time.Since(begin)
	d.worst = max(d.worst, took)
	if took > promptly {
		d.t.Errorf("an alarm took %s to the stream, want at most %s", took, promptly)
	}
}

// alarms reads the words of the alarm from the stream.
func (d *bell) alarms(srv *redistest.Server) (words []string) {
	d.t.Helper()
	c := goredis.NewClient(&goredis.Options{Addr: srv.Addr(), MaxRetries: -1})
	defer c.Close()
	list, err := c.XRange(d.t.Context(), "telhub:{0}:alarm", "-", "+").Result()
	if err != nil {
		d.t.Fatal(err)
	}
	for _, m := range list {
		var pack []struct{ N, VS string }
		text, _ := m.Values["d"].(string)
		if m.Values["enc"] != "senml" {
			continue
		}
		if err := json.Unmarshal([]byte(text), &pack); err != nil {
			d.t.Fatalf("%s: %v", m.ID, err)
		}
		for _, r := range pack {
			if r.N == "bell/c0/alarm" {
				words = append(words, r.VS)
			}
		}
	}
	return words
}

// judge wants each line's alarm in the stream once, in order.
func (d *bell) judge(b *bench, srv *redistest.Server) {
	d.t.Helper()
	words := d.alarms(srv)
	for i, w := range words {
		if want := [2]string{"high", "clear"}[i%2]; w != want {
			d.t.Errorf("alarm %d of %d says %q, want %q", i, len(words), w, want)
			break
		}
	}
	if len(words) != d.lines {
		d.t.Errorf("%d alarms in the stream, the bell rang %d times", len(words), d.lines)
	}
	d.t.Logf("%d alarms, each once; from a line to its alarm in the stream at most %s while the server was there", len(words), d.worst.Round(time.Millisecond))
	b.fault("alarms", len(words))
}
