//go:build chaos

package chaos

import (
	"net/http"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/telhub/telhub/agent/chaos/slowdisk"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// sickness is what a disk suffers from.
type sickness struct {
	name   string
	begin  func(*slowdisk.Disk)
	length time.Duration
}

func sicknesses() []sickness {
	return []sickness{
		{"fsync takes 2 s", func(d *slowdisk.Disk) { d.SlowSync(2 * time.Second) }, pick(15*time.Second, time.Minute)},
		{"all I/O fails with EIO", func(d *slowdisk.Disk) { d.Fail(syscall.EIO) }, pick(10*time.Second, 30*time.Second)},
		{"all I/O hangs", func(d *slowdisk.Disk) { d.Hang() }, pick(10*time.Second, 30*time.Second)},
	}
}

// TestDiskSick lets the spool's disk be slow, fail and hang: while the server is
// there, where live samples and alarms must flow as if nothing were; in an
// outage; and while the backlog drains.
func TestDiskSick(t *testing.T) {
	for _, c := range sicknesses() {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, c.name+" for "+c.length.String()+", live, in an outage and while draining")
			disk, dir := newDisk(t)
			b.node.spool = filepath.Join(dir, "spool")
			srv := redistest.Start(t, "--appendonly", "yes")
			b.feed(2, 250)
			bell := newBell(t)
			b.agent(srv.URL(), `uplink.backfill_rate = "60kB"`)
			b.add(bell.config())
			b.node.start()
			b.talk()
			b.node.forwards(2000)
			bell.ring(b, srv)

			c.begin(disk)
			b.fault(c.name, 1)
			b.flows(c.length, func() { bell.ring(b, srv) })
			disk.Heal()
			b.flows(2*time.Second, nil)

			srv.Stop()
			b.fault("server stopped", 1)
			wait(t, 3*time.Second)
			c.begin(disk)
			b.fault(c.name, 1)
			for end := time.Now().Add(c.length); time.Now().Before(end); {
				bell.say()
				b.alive()
				wait(t, 2*time.Second)
			}
			disk.Heal()
			wait(t, 5*time.Second)

			c.begin(disk)
			srv.Start()
			b.fault(c.name, 1)
			b.node.connected()
			b.flows(c.length/2, func() { bell.ring(b, srv) })
			disk.Heal()
			b.finish()
			bell.judge(b, srv)
			if n := disk.Counts(); n.Syncs+n.Failed+n.Held == 0 {
				t.Error("the disk was never used: this shows nothing")
			}
		})
	}
}

// alive wants the local HTTP to answer within a second.
func (b *bench) alive() {
	b.t.Helper()
	begin := time.Now()
	if code, _ := b.node.get("/health/live"); code != http.StatusOK || time.Since(begin) > time.Second {
		b.t.Errorf("/health/live: %d after %s", code, time.Since(begin))
	}
}

// flowsWithin is how far apart live samples may arrive, with frames of 200 ms.
const flowsWithin = 3 * time.Second

// flows wants live samples to go on arriving for a while; now and then it does
// something else.
func (b *bench) flows(length time.Duration, meanwhile func()) {
	b.t.Helper()
	last, since, worst := 0.0, time.Now(), time.Duration(0)
	next := time.Now()
	for end := time.Now().Add(length); time.Now().Before(end); {
		n := b.node.metric("telemetry_samples_forwarded_total", `"live"`)
		if n > last {
			last, since = n, time.Now()
		}
		worst = max(worst, time.Since(since))
		if meanwhile != nil && time.Now().After(next) {
			meanwhile()
			next = time.Now().Add(2 * time.Second)
		}
		wait(b.t, 50*time.Millisecond)
	}
	b.t.Logf("live samples arrived at most %s apart", worst.Round(10*time.Millisecond))
	if worst > flowsWithin {
		b.t.Errorf("live samples stopped for %s, want at most %s", worst, flowsWithin)
	}
	b.alive()
}
