package agent

import (
	"fmt"
	"testing"
	"time"

	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/drivers/sim"
)

// healing is a configuration without a server: what is acquired goes to the
// spool, which is all that these tests look at.
func healing(t *testing.T, devices string) *config.Config {
	t.Helper()
	cfg, err := config.Parse("test", fmt.Appendf(nil, `device = "pi-01"
[redis]
url = "redis://127.0.0.1:1"
[spool]
path = %q
max_size = "16MB"
[http]
listen = ""
%s
[profile.meter]
kind = "modbus"
out.voltage = { input = 0, type = "f32", unit = "V" }
`, t.TempDir(), devices), nil)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// up reports whether the sensor called name answers now.
func (r *rig) up(name string) bool {
	for _, s := range r.Sensors() {
		if s.Name == name {
			return s.Up
		}
	}
	return false
}

// A serial adapter is pulled and comes back under another number behind the
// same link, after so long that nobody tries to open it often any more:
// readings resume within two seconds, whether the device is asked or speaks.
func TestAReplugUnderAnotherNumberResumesWithinTwoSeconds(t *testing.T) {
	dir := t.TempDir()
	meter := newSlave(t, dir, "usb-meter")
	gnss, err := sim.NewPTY(dir, "usb-gnss")
	if err != nil {
		t.Fatal(err)
	}
	defer gnss.Close()
	talker := sim.NewTalker(gnss, sim.NewGNSS(sim.DefaultGNSSOpts()), 100*time.Millisecond, nil)
	talking := make(chan struct{})
	go func() { defer close(talking); _ = talker.Run(t.Context()) }()

	r := newRig(t, healing(t, fmt.Sprintf(`
[bus.meters]
port = %q
mode = "9600 8N1"
timeout = "200ms"
[[sensor]]
name = "meter"
use = "meter"
bus = "meters"
unit_id = 1
every = "100ms"
[[sensor]]
name = "position"
use = "nmea"
port = %q
`, meter.pty.Path(), gnss.Path())))
	r.run(t)
	await(t, "both", func() bool { return r.up("meter") && r.up("position") })
	for name, pty := range map[string]*sim.PTY{"meter": meter.pty, "position": gnss} {
		before := pty.Slave()
		if err := pty.Unplug(); err != nil {
			t.Fatal(err)
		}
		await(t, name+" lost", func() bool { return !r.up(name) })
		<-time.After(5 * time.Second) // by now tries to open it are 4 s apart
		if err := pty.Replug(); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		await(t, name+" again", func() bool { return r.up(name) })
		took := time.Since(start)
		t.Logf("%s: %v after its return as %s, which was %s", name, took.Round(time.Millisecond), pty.Slave(), before)
		if took > 2*time.Second {
			t.Errorf("%s: readings resumed after %v, want 2 s at most", name, took)
		}
		if pty.Slave() == before {
			t.Errorf("%s came back as %s", name, before)
		}
	}
}

// A port that is open but silent is opened anew; when the device speaks again
// the bus has recovered by that.
func TestASilentSerialBusIsOpenedAnew(t *testing.T) {
	meter := newSlave(t, t.TempDir(), "usb-meter")
	r := newRig(t, healing(t, fmt.Sprintf(`
[bus.meters]
port = %q
mode = "9600 8N1"
timeout = "50ms"
[[sensor]]
name = "meter"
use = "meter"
bus = "meters"
unit_id = 1
every = "100ms"
`, meter.pty.Path())))
	r.run(t)
	await(t, "the meter", func() bool { return r.up("meter") })
	meter.mute(true)
	await(t, "a reopen", func() bool { return r.pipeline.Bus(0).Reopens > 1 })
	meter.mute(false)
	await(t, "the meter again", func() bool { return r.up("meter") })
	_, values := scrape(r)
	if got := values[prefix+`bus_recoveries_total{bus="meters",step="reopen"}`]; got != "1" {
		t.Errorf("recoveries by reopening: %q, want 1", got)
	}
	wantParts(t, r.log.String(), "works again", `"step":"reopen"`)
}
