package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/telhub/telhub/drivers/sim"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// slaves are Modbus slaves by others; register a of unit u holds
// table<<15 | u<<12 | a.
const slaves = "../../drivers/modbus/testdata"

// startSlave starts a program that serves a serial port, and ends it with the
// test.
func startSlave(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v; scripts/test-deps.sh installs what is missing", err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
}

// buildSlave compiles the slave that is linked with libmodbus.
func buildSlave(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "slave")
	if out, err := exec.Command("gcc", "-O1", "-o", program, slaves+"/libmodbus_slave.c", "-lmodbus").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s\nscripts/test-deps.sh installs what is missing", err, out)
	}
	return program
}

// cable puts a slave behind a cable with faults and gives the port to configure.
func cable(t *testing.T, slave func(device string)) (*sim.Tamper, *sim.PTY) {
	t.Helper()
	var ends [2]*sim.PTY
	for i, name := range []string{"near", "far"} {
		p, err := sim.NewPTY(t.TempDir(), name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.Close() })
		ends[i] = p
	}
	slave(ends[1].Path())
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := ends[1].WaitOpened(ctx); err != nil {
		t.Fatalf("the slave does not open its port: %v", err)
	}
	c := sim.NewTamper(ends[0], ends[1])
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { c.Run(ctx); close(done) }()
	t.Cleanup(func() { stop(); ends[0].Close(); ends[1].Close(); <-done })
	return c, ends[0]
}

// modbusSensors is two sensors of unit 1 whose answers look alike, and a third
// on a unit that is not there.
const modbusSensors = `
[bus.rs485]
port = %q
mode = "19200 8N1"
timeout = "300ms"
[[sensor]]
name = "first"
use = "pair"
bus = "rs485"
unit_id = 1
every = "400ms"
[[sensor]]
name = "second"
use = "pair2"
bus = "rs485"
unit_id = 1
every = "400ms"
[[sensor]]
name = "absent"
use = "pair"
bus = "rs485"
unit_id = 7
every = "400ms"
[profile.pair]
kind = "modbus"
out.x = { input = 10, type = "u32" }
[profile.pair2]
kind = "modbus"
out.x = { input = 40, type = "u32" }
`

// What lies in registers a and a+1 of unit 1's input registers.
func pairAt(a int) float64 { return float64(1<<15|1<<12|a)*65536 + float64(1<<15|1<<12|a+1) }

// The agent reads slaves that others wrote, over a line on which everything
// goes wrong: no value of another register ever reaches the stream, and the
// metrics tell what was wrong.
func TestModbusSlavesOfOthers(t *testing.T) {
	for _, peer := range []struct {
		name  string
		start func(device string)
	}{
		{"pymodbus", func(device string) { startSlave(t, "/usr/bin/python3", slaves+"/pymodbus_slave.py", "rtu", device) }},
		{"libmodbus", func(device string) { startSlave(t, buildSlave(t), "rtu", device, "1") }},
	} {
		t.Run(peer.name, func(t *testing.T) {
			t.Parallel()
			line, port := cable(t, peer.start)
			srv := redistest.Start(t)
			n := newNode(t)
			n.configure(n.config(settings{redis: srv.URL(), flush: "200ms", rest: fmt.Sprintf(modbusSensors, port.Path())}))
			bin, err := telhub()
			if err != nil {
				t.Fatal(err)
			}
			config := filepath.Join(n.dir, "telhub.toml")
			out, err := exec.Command(bin, "read", "--config", config, "first").CombinedOutput()
			if want := fmt.Sprintf("%.0f", pairAt(10)); err != nil || !strings.Contains(string(out), want) {
				t.Fatalf("telhub read: %v\n%s\nwant %s", err, out, want)
			}
			out, err = exec.Command(bin, "read", "--config", config, "absent").CombinedOutput()
			if err == nil || !strings.Contains(string(out), "unit 7: input register 10 to 11: bus rs485: no answer: timeout") {
				t.Fatalf("telhub read of nobody: %v\n%s", err, out)
			}
			n.start()
			rng := rand.New(rand.NewPCG(1, uint64(len(peer.name))))
			for begin := time.Now(); time.Since(begin) < pick(20*time.Second, 3*time.Minute); {
				line.Inject(sim.AnswerFault{
					Kind:  sim.AnswerEchoed + sim.AnswerFaultKind(rng.IntN(int(sim.AnswerNone))),
					Delay: time.Duration(rng.IntN(800)) * time.Millisecond, Times: 1 + rng.IntN(2),
				})
				wait(t, 700*time.Millisecond)
			}
			line.Inject(sim.AnswerFault{})
			for _, sensor := range []string{"first", "second"} {
				before := n.metric("telemetry_samples_received_total", `sensor="`+sensor+`"`)
				eventually(t, sensor+" answers again", func() bool { return n.metric("telemetry_samples_received_total", `sensor="`+sensor+`"`) > before+3 })
			}
			kinds := map[string]float64{}
			for _, kind := range []string{"timeout", "crc", "short", "bus", "other"} {
				kinds[kind] = n.metric("telemetry_sensor_errors_total", `kind="`+kind+`"`)
			}
			n.stop() // sends what it still has
			a := readStreams(t, srv)
			for name, addr := range map[string]int{"first/x": 10, "second/x": 40} {
				values := a.values[name]
				for _, v := range values {
					if v.Value != pairAt(addr) {
						t.Errorf("%s: %#x reached the stream, want %#x", name, int64(v.Value), int64(pairAt(addr)))
					}
				}
				if len(values) < 5 {
					t.Errorf("%s: %d values only", name, len(values))
				}
			}
			if len(a.values["absent/x"]) > 0 || kinds["timeout"] == 0 || kinds["crc"]+kinds["short"] == 0 || kinds["other"] > 0 {
				t.Errorf("errors %v, %d values of a unit that is not there", kinds, len(a.values["absent/x"]))
			}
			t.Logf("errors %v, %d and %d values, %d answers met a fault", kinds, len(a.values["first/x"]), len(a.values["second/x"]), line.Hit())
		})
	}
}
