package e2e

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/drivers/sim"
)

// teller is a serial device that says what the test wants, when it wants it:
// a JSON object a line.
type teller struct {
	t     *testing.T
	name  string
	pty   *sim.PTY
	said  uint64 // lines
	heard uint64 // lines that the agent has told of
}

func newTeller(t *testing.T, name string) *teller {
	t.Helper()
	pty, err := sim.NewPTY(t.TempDir(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pty.Close() })
	return &teller{t: t, name: name, pty: pty}
}

// config is the device as a configuration names it: fields are the members of
// its lines, more are further lines of the sensor's table, what comes after is
// the tables of its outputs.
func (d *teller) config(more string, fields []string, after string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n[[sensor]]\nname = %q\nuse = \"line\"\nport = %q\nmode = \"115200 8N1\"\nformat = \"json\"\n%s\n[sensor.out]\n",
		d.name, d.pty.Path(), more)
	for _, f := range fields {
		fmt.Fprintf(&b, "%s = { key = %q }\n", f, f)
	}
	return b.String() + after
}

// say writes a line.
func (d *teller) say(format string, args ...any) {
	d.t.Helper()
	if !writeAll(d.t.Context(), d.pty, fmt.Appendf(nil, format+"\n", args...)) {
		d.t.Fatalf("nobody takes what %s says", d.name)
	}
	d.said++
}

// heed waits until a node's running agent has taken in all that was said, so
// that lines have stamps of their own and an order over several devices.
func (d *teller) heed(n *node) {
	d.t.Helper()
	deadline := time.Now().Add(patience)
	for d.heard < d.said {
		if time.Now().After(deadline) {
			d.t.Fatalf("%s has said %d lines, %d were heard", d.name, d.said, d.heard)
		}
		d.heard = n.sensor(d.name).Reads
	}
}

// replug gives the device a new line, as after a power cut (see replug).
func (d *teller) replug() {
	d.t.Helper()
	if err := d.pty.Unplug(); err != nil {
		d.t.Fatal(err)
	}
	if err := d.pty.Replug(); err != nil {
		d.t.Fatal(err)
	}
}

// dice is a test's source of chance. Its seed stands in the log, so that a
// sequence of values can be had again.
func dice(t *testing.T) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}
