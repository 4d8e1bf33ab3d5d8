//go:build hil

package rig

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
)

// bind gives a chip of /dev/i2c-1 to the kernel's driver for it.
func (w *desk) bind(t *testing.T, name string, addr int, driver string) {
	t.Helper()
	w.sound(t, fmt.Sprintf("cd /sys/bus/i2c/devices; [ ! -e %[1]s ] || echo 0x%02[3]x >i2c-1/delete_device; "+
		"echo %[2]s 0x%02[3]x >i2c-1/new_device; [ -e %[1]s/driver ]", at(1, addr), name, addr))
	if got := w.driver(t, at(1, addr)); got != driver {
		t.Fatalf("%s: the kernel's driver is %q, want %q", at(1, addr), got, driver)
	}
}

func (w *desk) unbind(t *testing.T, addr int) {
	t.Helper()
	w.run(t, fmt.Sprintf("echo 0x%02x >/sys/bus/i2c/devices/i2c-1/delete_device", addr))
}

// magneticField: three axes as the world has them. The kernel's driver refuses
// this model, which lacks a register that it wants, so nobody else is asked.
func (w *desk) magneticField(t *testing.T) {
	for _, nanotesla := range [][3]int{{20000, 33000, 45000}, {110000, 1000, 60000}} {
		want := make(map[string]float64)
		for i, axis := range []string{"x", "y", "z"} {
			w.set(t, "lsm303", "mag-"+axis, nanotesla[i])
			want["field_"+axis] = float64(nanotesla[i]) * 1e-9
		}
		got := w.reading(t, "/etc/telhub.toml", "field")
		for axis, v := range want {
			if off := math.Abs(got[axis] - v); !(off <= 1e-4/980) { // a step of the chip
				t.Errorf("%s: %v T, want %v", axis, got[axis], v)
			}
		}
		t.Logf("%v nT: %v T", nanotesla, got)
	}
}

// thermometer is a chip that both telhub and a driver of the kernel read.
type thermometer struct {
	id           string // of QEMU
	config, name string // telhub's
	kernel       string // name for new_device
	addr         int
	driver       string
	channels     []thermometerChannel
	worlds       []float64
	step         float64 // of the model, degrees
}

type thermometerChannel struct{ property, output, input string }

func thermometers() []thermometer {
	two := []thermometerChannel{
		{"temperature0", "temperature", "temp1_input"},
		{"temperature1", "remote_temperature", "temp2_input"},
	}
	return []thermometer{
		{"th0", "/etc/telhub.toml", "thermo", "tmp105", 0x48, "lm75",
			[]thermometerChannel{{"temperature", "temperature", "temp1_input"}}, []float64{-40, -12.1875, 0, 27.0625, 101.5}, 0.0625},
		{"tmp421", "/tmp/found.toml", "tmp421", "tmp421", 0x4d, "tmp421", two, []float64{-40, -0.25, 27, 101.5}, 0.0625},
		// its model and the kernel's driver know whole degrees
		{"emc1413", "/tmp/found.toml", "emc1413", "emc1413", 0x4c, "emc1403", two, []float64{1, 33, 101}, 1},
	}
}

// thermometers: telhub reads the world, then the kernel's driver takes the chip
// and reads the same, then it lets go.
func (w *desk) thermometers(t *testing.T) {
	w.run(t, "modprobe -a lm75 tmp421 emc1403")
	for _, x := range thermometers() {
		for _, world := range x.worlds {
			for i, c := range x.channels {
				w.set(t, x.id, c.property, int(1000*world)+1000*i)
			}
			values := w.reading(t, x.config, x.name)
			w.bind(t, x.kernel, x.addr, x.driver)
			for i, c := range x.channels {
				kernel := w.hwmon(t, x.addr, c.input)
				v, ok := values[c.output]
				if want := world + float64(i); !ok || math.Abs(v-want) > x.step {
					t.Errorf("%s/%s: %v °C, the world has %v", x.name, c.output, v, want)
				}
				if !ok || math.Abs(v-kernel) >= 0.001 { // hwmon has whole millidegrees
					t.Errorf("%s/%s: %v °C, the kernel's driver %s reads %v", x.name, c.output, v, x.driver, kernel)
				}
			}
			w.unbind(t, x.addr)
		}
		t.Logf("%s: %v °C as the driver %s reads them", x.name, x.worlds, x.driver)
	}
}

// hwmon is what the kernel's driver of a chip of /dev/i2c-1 reads, in degrees.
func (w *desk) hwmon(t *testing.T, addr int, input string) float64 {
	t.Helper()
	out := w.sound(t, "cat /sys/bus/i2c/devices/"+at(1, addr)+"/hwmon/hwmon*/"+input)
	milli, err := strconv.ParseFloat(strings.TrimSpace(out), 64)
	if err != nil {
		t.Fatalf("%s: %v", input, err)
	}
	return milli / 1000
}

// clockChip: the kernel's driver takes the clock chip. telhub has no driver for
// it; its agent dates by it when the kernel's own clock says 1970.
func (w *desk) clockChip(t *testing.T) {
	before := time.Now()
	w.bind(t, "ds1338", 0x68, "rtc-ds1307")
	out := w.sound(t, "cat /sys/bus/i2c/devices/1-0068/rtc/rtc*/since_epoch")
	after := time.Now()
	seconds, err := strconv.ParseInt(strings.TrimSpace(out), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if chip := time.Unix(seconds, 0); chip.Before(before.Add(-2*time.Second)) || chip.After(after.Add(2*time.Second)) {
		t.Fatalf("the clock chip says %v, it is %v", chip, after)
	}
	w.run(t, "date -s '1970-01-01 01:00:00'")
	from := len(w.all)
	w.agent(t, "/etc/telhub.toml", func() {
		await(t, time.Minute, "a dated entry", func() bool {
			w.read(t)
			return len(w.all) > from && w.all[len(w.all)-1].Quality == "holdover"
		})
		var s status
		w.api(t, "/api/status", &s)
		if !strings.HasPrefix(s.Clock.Source, "the clock chip") {
			t.Errorf("the date's source is %q, want the clock chip", s.Clock.Source)
		}
	})
	checkArrival(t, &w.all[len(w.all)-1], 0)
	t.Logf("by the clock chip, an entry's last sample is %v older than its arrival",
		w.all[len(w.all)-1].at.Sub(time.UnixMilli(w.all[len(w.all)-1].T1)))
}

// memory: telhub does not read EEPROMs. After all that was asked on the bus,
// this one holds what it did, as the kernel's driver reads it.
func (w *desk) memory(t *testing.T) {
	w.run(t, "modprobe at24")
	w.bind(t, "24c64", 0x50, "at24")
	got, err := base64.StdEncoding.DecodeString(strings.TrimSpace(w.sound(t, "base64 -w 0 /sys/bus/i2c/devices/1-0050/eeprom; echo")))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, w.rom) {
		t.Errorf("%d bytes by the kernel's driver, not the %d that were there before", len(got), len(w.rom))
	}
	t.Logf("%d bytes, unchanged", len(got))
}

// chipsOwned: with drivers of the kernel on all chips that it knows, a scan
// names them, asks none, and has telhub read them by hwmon.
func (w *desk) chipsOwned(t *testing.T) {
	for _, x := range thermometers() {
		w.bind(t, x.kernel, x.addr, x.driver)
	}
	w.set(t, "tmp421", "temperature0", 64000)
	r, traffic := w.scan(t, "")
	found := r.chips(t)
	for addr, driver := range map[string]string{
		"0-0049": "lm75", "1-0048": "lm75", "1-004c": "emc1403", "1-004d": "tmp421", "1-0050": "at24", "1-0068": "rtc-ds1307",
	} {
		if c := found[addr]; c.Kernel != driver || len(c.Candidates) > 0 || traffic[addr] > 0 {
			t.Errorf("%s: %+v, %d transactions; want that %s has it and nobody asks it", addr, c, traffic[addr], driver)
		}
	}
	if len(found["1-001e"].Candidates) == 0 || traffic["1-001e"] == 0 {
		t.Errorf("1-001e: %+v, %d transactions; nobody has it", found["1-001e"], traffic["1-001e"])
	}
	w.sound(t, "telhub scan 2>/tmp/scan.err >/tmp/owned.toml")
	t.Log(w.run(t, "telhub check --config /tmp/owned.toml"))
	values := w.reading(t, "/tmp/owned.toml", "tmp421")
	if kernel := w.hwmon(t, 0x4d, "temp1_input"); values["temp1"] != kernel || math.Abs(kernel-64) > 0.0625 {
		t.Errorf("tmp421 by hwmon: %v °C, the kernel %v, the world 64", values, kernel)
	}
}
