//go:build chaos

package chaos

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/telhub/telhub/agent/chaos/toxic"
)

// device is the name of a scenario's device, unless its bench says otherwise.
const device = "chaos"

// bench is what a scenario stands on: its board, its devices, what was done to
// them, and its row of the table.
type bench struct {
	t       *testing.T
	row     row
	begun   time.Time
	node    *node
	feeders []*feeder
	proxies []*toxic.Proxy
	judges  string // URL of the Redis that is audited
	device  string // may be set before agent …
	shards  int    // … and so may redis.shards

	// windows are the times in which ports were closed or devices unplugged, in
	// order of their ends: a line of then may never have been acquired.
	windows []window
	kills   []window // of the agent, until its devices are there again: those runs have no last log line
	undated bool     // gap records need not have a beginning: the scenario takes the clock away

	findings []string // of examine
	seen     *streams // by examine
	oldest   string   // about the line of row.Oldest
}

// window is a time, Unix ms, and the device concerned; nil = all.
type window struct {
	from, to int64
	feeder   *feeder
}

// newBench begins a scenario. Its row is in the table even if it fails.
func newBench(t *testing.T, scenario string) *bench {
	t.Helper()
	b := &bench{t: t, device: device, shards: 1, begun: time.Now(), row: row{Scenario: scenario, Audit: "not reached"}}
	b.node = newNode(t)
	t.Cleanup(func() {
		b.row.Seconds = time.Since(b.begun).Seconds()
		if t.Failed() {
			b.row.Audit = "FAILED: " + b.row.Audit
		}
		table.add(b.row)
		t.Log("\n" + b.row.text())
	})
	return b
}

// proxy starts a toxic proxy before a server.
func (b *bench) proxy(server string) *toxic.Proxy {
	b.t.Helper()
	return b.proxyAt("127.0.0.1:0", server)
}

// proxyAt is proxy on an address of its own.
func (b *bench) proxyAt(listen, server string) *toxic.Proxy {
	b.t.Helper()
	p, err := toxic.New(listen, server)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(p.Close)
	b.proxies = append(b.proxies, p)
	return p
}

// feed plugs n serial devices in, each with so many lines a second.
func (b *bench) feed(n, linesPerSecond int) {
	b.t.Helper()
	for range n {
		b.feeders = append(b.feeders, newFeeder(b.t, fmt.Sprintf("f%d", len(b.feeders)), linesPerSecond))
	}
}

// usual are the keys of every scenario; its own lines replace them.
var usual = []string{
	`redis.maxlen = 0`,
	`uplink.encoding = "senml"`,
	`uplink.flush = "200ms"`,
	`uplink.breaker.open = "200ms"`,
	`uplink.breaker.open_max = "2s"`,
	`spool.max_loss = "1s"`,
}

// agent writes the configuration for a Redis at url; lines are "key = value"
// with the key's whole name, a later one replacing an earlier one of its key.
// It may be called again, for a reload.
func (b *bench) agent(url string, lines ...string) {
	b.t.Helper()
	if b.judges == "" {
		b.judges = url
	}
	fixed := []string{
		fmt.Sprintf("device = %q", b.device), fmt.Sprintf("redis.url = %q", url), fmt.Sprintf("redis.shards = %d", b.shards),
		fmt.Sprintf("spool.path = %q", b.node.spool), fmt.Sprintf("http.listen = %q", "unix:"+b.node.sock),
	}
	text := settle(usual, fixed, lines)
	for _, f := range b.feeders {
		text += f.config()
	}
	b.write(b.node.config(), text)
}

// settle joins lists of "key = value", the last of a key winning.
func settle(lists ...[]string) string {
	var keys []string
	value := map[string]string{}
	for _, list := range lists {
		for _, line := range list {
			key, _, _ := strings.Cut(line, " =")
			if _, known := value[key]; !known {
				keys = append(keys, key)
			}
			value[key] = line
		}
	}
	var text strings.Builder
	for _, k := range keys {
		text.WriteString(value[k] + "\n")
	}
	return text.String()
}

func (b *bench) write(path, text string) {
	b.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// judge says from which Redis the consumer reads at the end.
func (b *bench) judge(url string) { b.judges = url }

// talk lets the devices speak; hush silences them.
func (b *bench) talk() {
	for _, f := range b.feeders {
		f.start()
	}
}

func (b *bench) hush() {
	for _, f := range b.feeders {
		f.stop()
	}
}

// fault counts what was injected.
func (b *bench) fault(kind string, n int) { b.row.fault(kind, n) }

// deaf notes that a device, nil = all, was not listened to since a moment.
func (b *bench) deaf(f *feeder, since time.Time) {
	b.windows = append(b.windows, window{since.UnixMilli(), time.Now().UnixMilli(), f})
}

// kill ends the agent as a power cut does, waits and starts it again. It returns
// how long the start took. No time is excused: what the kernel had in its
// buffer lies inside the gap record of the power cut, too.
func (b *bench) kill(down time.Duration) time.Duration {
	b.t.Helper()
	b.cut(down)
	took := b.node.start()
	b.fault("agent killed", 1)
	return took
}

// cut ends the agent as a power cut does, waits and gives the devices' adapters
// the power back.
func (b *bench) cut(down time.Duration) {
	b.t.Helper()
	at := time.Now().UnixMilli()
	b.node.kill()
	wait(b.t, down)
	for _, f := range b.feeders {
		f.replug(b.t)
	}
	b.kills = append(b.kills, window{from: at, to: time.Now().UnixMilli()})
}

// restart ends the agent in order and starts it again.
func (b *bench) restart() {
	b.t.Helper()
	at := time.Now()
	b.node.stop()
	b.node.start()
	b.deaf(nil, at)
	b.fault("SIGTERM", 1)
}

// reload makes the agent read its configuration again and waits until that is
// in force.
func (b *bench) reload() {
	b.t.Helper()
	at, epoch := time.Now(), b.node.status().Epoch
	b.node.signal(syscall.SIGHUP)
	b.node.untilEpoch(epoch + 1)
	b.deaf(nil, at)
	b.fault("SIGHUP", 1)
}

// finish silences the devices, waits until all is delivered, ends the agent and
// audits.
func (b *bench) finish() {
	b.t.Helper()
	b.hush()
	drained := false
	defer func() {
		if !drained {
			b.command(b.auditConfig()) // what is there tells more than what is not
		}
	}()
	b.node.drained()
	drained = true
	b.node.stop()
	b.audit()
}

// auditConfig is a consumer's configuration: an address, and a name to look for.
func (b *bench) auditConfig() string {
	path := filepath.Join(b.node.dir, "audit.toml")
	b.write(path, fmt.Sprintf("device = %q\nredis.url = %q\nredis.shards = %d\nspool.path = %q\n",
		b.device, b.judges, b.shards, filepath.Join(b.node.dir, "none")))
	return path
}
