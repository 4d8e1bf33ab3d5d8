//go:build hil

package rig

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

// desk is a board with chips that nobody has configured.
type desk struct {
	*world
	rom []byte // what is in its EEPROM
}

// TestScan lets `telhub scan` find the chips of a board and write the
// configuration that the agent then runs with, and compares what telhub reads
// with the world and with the kernel's own driver for the chip.
func TestScan(t *testing.T) {
	server := redistest.Start(t)
	w := &desk{world: &world{board: newBoard(t, "scan", server.Port(), "guest/scan.toml", "guest/scan-start")}}
	w.streams = follow(t, server)
	w.up(t, nil)
	w.run(t, "mount -t tracefs none /sys/kernel/tracing; mkdir -p /var/lib/telhub")
	await(t, 30*time.Second, "the kernel's driver of 0x49", func() bool { return w.driver(t, "0-0049") == "lm75" })
	w.rom = w.romImage(t)
	steps := []struct {
		name string
		step func(*testing.T)
	}{
		{"every chip is found, and none changed", w.chipsFound},
		{"what is printed is good and runs", w.printedRuns},
		{"a magnetometer's field", w.magneticField},
		{"thermometers as the kernel's drivers have them", w.thermometers},
		{"a clock chip as the kernel's driver has it", w.clockChip},
		{"an EEPROM as the kernel's driver has it", w.memory},
		{"a scan leaves the kernel its chips", w.chipsOwned},
	}
	for _, s := range steps {
		if !t.Run(s.name, s.step) {
			t.FailNow()
		}
	}
}

// scanned is what `telhub scan --json` prints, as far as it matters here.
type scanned struct {
	Buses []struct {
		Path    string
		Skipped string
		Chips   []chip
	} `json:"i2c"`
	Serial []struct{ Path, Driver string }
	Kernel []struct{ Use, Name, Device string }
	TOML   string
}

type chip struct {
	Addr       int
	Kernel     string `json:"kernel_driver"`
	Candidates []struct {
		Use      string
		Evidence int `json:"evidence_bits"`
	}
	Possible []string
	Note     string
}

// uses lists what a chip may be by its identity.
func (c *chip) uses() (list []string) {
	for _, k := range c.Candidates {
		list = append(list, k.Use)
	}
	return list
}

// sound runs a command that uses an I2C bus, again if it failed while the
// kernel found the emulated controller standing still.
func (w *world) sound(t *testing.T, command string) string {
	t.Helper()
	for n := 1; ; n++ {
		const both = "3f[28]0[45]000" // header and hat
		stuck := w.stuck(t, both)
		out, status := w.try(t, 2*time.Minute, command)
		now := w.stuck(t, both)
		switch {
		case status == 0 && now == stuck:
			return out
		case now == stuck || n == 5:
			t.Fatalf("on the board: %s: exit status %d, %d transfers stuck, try %d\n%s", command, status, now-stuck, n, out)
		}
	}
}

// scan scans and returns what was found and the transactions that the kernel
// saw meanwhile, by "bus address".
func (w *desk) scan(t *testing.T, options string) (r scanned, traffic map[string]int) {
	t.Helper()
	const tracing = "/sys/kernel/tracing/"
	start := time.Now()
	out := w.sound(t, "echo >"+tracing+"trace; echo 1 >"+tracing+"events/i2c/enable; telhub scan --json "+options+
		" 2>/tmp/scan.err >/tmp/scan.json; status=$?; echo 0 >"+tracing+"events/i2c/enable; cat /tmp/scan.json; [ $status = 0 ] || cat /tmp/scan.err; exit $status")
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("telhub scan --json: %v\n%s", err, out)
	}
	t.Logf("telhub scan %s: %.1f s", options, time.Since(start).Seconds())
	traffic = make(map[string]int)
	for line := range strings.Lines(w.run(t, "grep -oE 'i2c_(read|write): i2c-[0-9]+ #[0-9]+ a=[0-9a-f]+' "+tracing+"trace | sed 's/.*i2c-//; s/ #[0-9]*//' | sort | uniq -c")) {
		var n, bus, addr int
		if _, err := fmt.Sscanf(strings.TrimSpace(line), "%d %d a=%x", &n, &bus, &addr); err != nil {
			t.Fatalf("trace: %v: %q", err, line)
		}
		traffic[at(bus, addr)] = n
	}
	return r, traffic
}

// at names an address as the kernel does.
func at(bus, addr int) string { return fmt.Sprintf("%d-%04x", bus, addr) }

// chips lists who was found where.
func (r *scanned) chips(t *testing.T) map[string]chip {
	t.Helper()
	all := make(map[string]chip)
	for _, b := range r.Buses {
		n, err := strconv.Atoi(strings.TrimPrefix(b.Path, "/dev/i2c-"))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range b.Chips {
			all[at(n, c.Addr)] = c
		}
	}
	return all
}

// settings reads registers in which a scan must change nothing: what the chips
// are set to, and a clock's date.
func (w *desk) settings(t *testing.T) string {
	t.Helper()
	return w.sound(t, "for r in '0x48 0x01' '0x4c 0x03' '0x4d 0x09' '0x1e 0x00' '0x1e 0x01' '0x1e 0x02' '0x68 0x05' '0x68 0x06' '0x68 0x07'; do "+
		`i2ctransfer -y 1 w1@${r% *} ${r#* } r1 || exit 1; done`)
}

// romImage reads the EEPROM from behind.
func (w *desk) romImage(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(w.dir, "eeprom.img"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// chipsFound: all that is on the board, nothing else, and what is said of it.
func (w *desk) chipsFound(t *testing.T) {
	before := w.settings(t)
	r, traffic := w.scan(t, "--bus all")
	if after := w.settings(t); after != before {
		t.Errorf("settings of the chips\n%s, were\n%s", after, before)
	}
	if !bytes.Equal(w.romImage(t), w.rom) {
		t.Error("the EEPROM holds something else than before the scan")
	}
	found := r.chips(t)
	want := []string{"0-0049", "1-001e", "1-0048", "1-004c", "1-004d", "1-0050", "1-0068", "1-0077"}
	if got := slices.Sorted(maps.Keys(found)); !slices.Equal(got, want) {
		t.Fatalf("chips at %v, want %v", got, want)
	}
	for _, is := range []struct{ addr, use string }{{"1-004c", "emc1413"}, {"1-004d", "tmp421"}} {
		if c := found[is.addr]; !slices.Equal(c.uses(), []string{is.use}) {
			t.Errorf("%s: %+v, want %s", is.addr, c, is.use)
		}
	}
	// one family, one identity
	if c := found["1-001e"]; !slices.Equal(slices.Sorted(slices.Values(c.uses())), []string{"hmc5883l", "lsm303dlhc-mag"}) {
		t.Errorf("1-001e: %+v, want that it may be a HMC5883L or a LSM303DLHC", c)
	}
	if c := found["1-0048"]; !slices.Contains(c.Possible, "tmp105") {
		t.Errorf("1-0048: %+v, want that it may be a TMP105, which has no identity", c)
	}
	for addr, note := range map[string]string{"1-0050": "EEPROM", "1-0068": "real-time clock", "1-0077": "DPS310"} {
		if c := found[addr]; len(c.Candidates) > 0 || !strings.Contains(c.Note, note) {
			t.Errorf("%s: %+v, want no candidate and a note of %s", addr, c, note)
		}
	}
	if c := found["0-0049"]; c.Kernel != "lm75" || len(c.Candidates) > 0 || traffic["0-0049"] > 0 || w.driver(t, "0-0049") != "lm75" {
		t.Errorf("0-0049: %+v, %d transactions; want that lm75 has it and nobody asks it", c, traffic["0-0049"])
	}
	if traffic["1-0049"] == 0 || traffic["1-004d"] == 0 || traffic["0-0048"] == 0 {
		t.Errorf("transactions %v: the trace shows nothing", traffic)
	}
	for _, path := range []string{"/dev/ttyAMA0", "/dev/ttyUSB0"} {
		if !slices.ContainsFunc(r.Serial, func(p struct{ Path, Driver string }) bool { return p.Path == path }) {
			t.Errorf("serial ports %+v, want %s", r.Serial, path)
		}
	}
	t.Logf("%d chips, %d addresses asked", len(found), len(traffic))
}

// driver is the kernel's driver that has a chip, "" if none has.
func (b *board) driver(t *testing.T, chip string) string {
	t.Helper()
	out, status := b.try(t, 30*time.Second, "readlink /sys/bus/i2c/devices/"+chip+"/driver")
	if status != 0 {
		return ""
	}
	return filepath.Base(strings.TrimSpace(out))
}

// printedRuns: the configuration that scan prints passes check, and the agent
// runs with it: what has an identity is read.
func (w *desk) printedRuns(t *testing.T) {
	w.set(t, "tmp421", "temperature0", 21500)
	w.set(t, "emc1413", "temperature0", 33000)
	w.sound(t, "telhub scan 2>/tmp/scan.err >/tmp/found.toml")
	t.Log(w.run(t, "telhub check --config /tmp/found.toml"))
	w.agent(t, "/tmp/found.toml", func() {
		await(t, 2*time.Minute, "temperatures of both thermometers", func() bool {
			w.read(t)
			return len(w.since(0, "tmp421/temperature")) > 0 && len(w.since(0, "emc1413/temperature")) > 0
		})
	})
	for name, want := range map[string]float64{"tmp421": 21.5, "emc1413": 33} {
		sent, read := w.last(t, name+"/temperature"), w.reading(t, "/tmp/found.toml", name)["temperature"]
		if sent != read || math.Abs(read-want) > 0.0625 { // the model of the TMP421 rounds down
			t.Errorf("%s: %v °C came, telhub read says %v, want %v", name, sent, read, want)
		}
	}
}

// agent runs the agent with a configuration until done returns.
func (w *desk) agent(t *testing.T, config string, done func()) {
	t.Helper()
	w.run(t, "TELEMETRY_REDIS_URL=redis://10.0.2.100:6379/0 setsid telhub run --config "+config+" >/var/log/rig-start.log 2>&1 </dev/null & echo $! >/tmp/agent")
	defer func() {
		if t.Failed() {
			w.showLog(t)
		}
		w.run(t, "kill $(cat /tmp/agent)")
		await(t, 30*time.Second, "the agent's end", func() bool {
			_, status := w.try(t, 30*time.Second, "pidof telhub")
			return status != 0
		})
	}()
	done()
}

// reading is what `telhub read` says of a sensor, by output.
func (w *desk) reading(t *testing.T, config, name string) map[string]float64 {
	t.Helper()
	out := w.sound(t, "telhub read --json --config "+config+" "+name)
	var list []struct {
		N, Status string
		V         *float64
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatalf("telhub read %s: %v\n%s", name, err, out)
	}
	values := make(map[string]float64)
	for _, x := range list {
		if x.V != nil {
			values[strings.TrimPrefix(x.N, name+"/")] = *x.V
		}
	}
	return values
}
