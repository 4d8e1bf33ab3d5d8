//go:build hil

package rig

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// firstBoot: without a clock the board takes samples all the same, stamped
// from its boot, and says so.
func (w *world) firstBoot(t *testing.T) {
	w.boot(t)
	out := w.run(t, "telhub check")
	t.Logf("telhub check:\n%s", out)
	seconds, _, _ := strings.Cut(w.run(t, "cat /proc/uptime"), " ")
	uptime, err := strconv.ParseFloat(seconds, 64)
	if err != nil {
		t.Fatal(err)
	}
	for i := range w.all {
		a := &w.all[i]
		if a.Quality != "unset" || a.Boot != w.boots[0] || a.T0 <= 0 || float64(a.T1) > uptime*1000 {
			t.Errorf("entry %v: q %s, boot %s, %d to %d; want unset, boot %s, 0 to %v s",
				a.ID, a.Quality, a.Boot, a.T0, a.T1, w.boots[0], uptime)
		}
	}
}

// temperatures: what QEMU is told, in steps of the chip's 0.0625 degrees, is
// what arrives, in that order and nothing else.
func (w *world) temperatures(t *testing.T) {
	want := []float64{-55, -12.25, -0.125, 0, 0.125, 21.5, 85, 127.875}
	before := w.last(t, "thermo/temperature")
	from := len(w.all)
	for _, celsius := range want {
		w.temperature(t, "th0", int(celsius*1000))
		w.awaitTemperature(t, celsius)
	}
	got := slices.Compact(values(w.since(from, "thermo/temperature")))
	if len(got) > 0 && got[0] == before {
		got = got[1:]
	}
	if !slices.Equal(got, want) {
		t.Errorf("temperatures %v, want %v", got, want)
	}
	out := w.run(t, "telhub read --json thermo")
	if !strings.Contains(out, `"v":127.875,`) {
		t.Errorf("telhub read --json thermo: %s", out)
	}
}

// last returns the latest value of a channel.
func (w *world) last(t *testing.T, name string) float64 {
	t.Helper()
	w.read(t)
	got := w.since(0, name)
	if len(got) == 0 {
		t.Fatalf("nothing of %s", name)
	}
	return got[len(got)-1].Value
}

// awaitTemperature waits for two readings of the thermometer.
func (w *world) awaitTemperature(t *testing.T, celsius float64) {
	t.Helper()
	await(t, time.Minute, "a new temperature", func() bool {
		w.read(t)
		got := w.since(0, "thermo/temperature")
		n := len(got)
		return n >= 2 && got[n-1].Value == celsius && got[n-2].Value == celsius
	})
}

// awaitStatus waits for a status of a channel after the first from entries.
func (w *world) awaitStatus(t *testing.T, from int, channel, status string) sample {
	t.Helper()
	var found sample
	await(t, time.Minute, channel+" "+status, func() bool {
		w.read(t)
		for _, s := range w.since(from, channel+"/status") {
			found = s
			if s.Text == status {
				return true
			}
		}
		return false
	})
	return found
}

// absentAndOwned: an address where nobody is (NACK), and one that a kernel
// driver owns (EBUSY), are lost and told apart; the thermometer on the bus of
// the first does not suffer. Once the driver lets go, its chip is read.
func (w *world) absentAndOwned(t *testing.T) {
	w.awaitStatus(t, 0, "absent/temperature", "lost")
	w.awaitStatus(t, 0, "owned/temperature", "lost")
	if s := w.sensor(t, "absent"); s.Up || s.Errors["nack"] == 0 || w.unexplained(t, &s, header) != 1 {
		t.Errorf("absent: %+v; want errors of kind nack", s)
	}
	if s := w.sensor(t, "owned"); s.Up || s.Errors["busy"] == 0 || w.unexplained(t, &s, hat) != 1 || !strings.Contains(s.LastError, "kernel driver owns") {
		t.Errorf("owned: %+v; want errors of kind busy and the cure", s)
	}
	for name, want := range map[string]string{"absent": "remote I/O error", "owned": "a kernel driver owns this address"} {
		out, status := w.try(t, 30*time.Second, "telhub read "+name)
		if status != 1 || !strings.Contains(out, want) {
			t.Errorf("telhub read %s: exit status %d, %s", name, status, out)
		}
		t.Logf("%s", out)
	}
	from := len(w.all)
	w.run(t, "echo 0x49 >/sys/bus/i2c/devices/i2c-0/delete_device")
	w.awaitStatus(t, from, "owned/temperature", "ok")
	if got := w.last(t, "owned/temperature"); got != ashore {
		t.Errorf("owned/temperature %v, want %v", got, ashore)
	}
	w.checkSteady(t, 0, "thermo/temperature", w.stuck(t, header))
}

// unexplained counts the kinds of errors, but for the time-outs of a controller
// that the kernel itself found stuck.
func (w *world) unexplained(t *testing.T, s *sensorState, controller string) int {
	t.Helper()
	n := len(s.Errors)
	if s.Errors["timeout"] > 0 && w.stuck(t, controller) > 0 {
		n--
	}
	return n
}

// checkSteady wants no hole in a channel's samples, as far as their order of
// arrival is that of their stamps. An emulator on a busy machine stands still
// at times, so a slot may be skipped; two seconds are four. A transfer that the
// kernel itself found stuck takes a second, and the bus is opened anew.
func (w *world) checkSteady(t *testing.T, from int, name string, stuck int) {
	t.Helper()
	got := w.since(from, name)
	worst := int64(0)
	for i := 1; i < len(got); i++ {
		worst = max(worst, got[i].Millis-got[i-1].Millis)
	}
	if limit := 4 * thermoStep * time.Duration(1+min(stuck, 1)); worst > limit.Milliseconds() {
		t.Errorf("%s: a hole of %d ms; the kernel found %d transfers stuck", name, worst, stuck)
	}
	t.Logf("%s: %d samples, longest interval %d ms; %d transfers stuck, %d slots skipped", name, len(got), worst, stuck, w.sensor(t, strings.Split(name, "/")[0]).Skipped)
}

// captures: real receivers' output through the PL011.
func (w *world) captures(t *testing.T) {
	for _, name := range []string{"beidou-bd.log", "gp-320fw-2019-04-07-coldboot.log", "mtk-3329.log", "neo-m8n.log"} {
		from := len(w.all)
		corrupt := w.sensor(t, "gnss").Errors["corrupt"]
		want := gpsdFixes(t, "../../drivers/nmea/testdata/"+name+".chk")
		play(t, w.gnss, capture(t, name), 5*time.Millisecond)
		w.awaitFixes(t, from, len(want))
		compareFixes(t, w.fixes(from), want)
		t.Logf("%s: %d fixes, %d corrupt sentences", name, len(want), w.sensor(t, "gnss").Errors["corrupt"]-corrupt)
	}
	w.sounder(t)
}

// awaitFixes waits for fixes and then for the silence that ends the last epoch.
func (w *world) awaitFixes(t *testing.T, from, n int) {
	t.Helper()
	await(t, time.Minute, strconv.Itoa(n)+" fixes", func() bool {
		w.read(t)
		return len(w.fixes(from)) >= n
	})
	wait(t, 2*time.Second)
	w.read(t)
}

// sounder: each depth of an echo sounder once, as its sentences say in metres.
func (w *world) sounder(t *testing.T) {
	t.Helper()
	var want []float64
	data := capture(t, "sounder.log")
	for line := range strings.Lines(string(data)) {
		if fields := strings.Split(line, ","); fields[0] == "$SDDBT" {
			v, err := strconv.ParseFloat(fields[3], 64)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, v)
		}
	}
	from := len(w.all)
	play(t, w.gnss, data, 5*time.Millisecond)
	await(t, time.Minute, "depths", func() bool {
		w.read(t)
		return len(w.since(from, "gnss/depth")) >= len(want)
	})
	wait(t, 2*time.Second)
	w.read(t)
	if got := values(w.since(from, "gnss/depth")); !slices.Equal(got, want) {
		t.Errorf("depths\n got %v\nwant %v", got, want)
	}
	t.Logf("sounder.log: %d depths", len(want))
}

// binary: a receiver that speaks UBX gives no value and no storm of errors.
func (w *world) binary(t *testing.T) {
	from := len(w.all)
	before := w.sensor(t, "gnss")
	play(t, w.gnss, capture(t, "ublox-neo-m8n.log"), 5*time.Millisecond)
	wait(t, 2*time.Second)
	w.read(t)
	for i := from; i < len(w.all); i++ {
		for _, s := range w.all[i].samples {
			if strings.HasPrefix(s.Name, "gnss/") && s.Text == "" {
				t.Errorf("%s = %v from UBX", s.Name, s.Value)
			}
		}
	}
	if after := w.sensor(t, "gnss"); after.Errors["corrupt"] != before.Errors["corrupt"] {
		t.Errorf("%d corrupt units from UBX", after.Errors["corrupt"]-before.Errors["corrupt"])
	}
}

// dateSet: what is sent after somebody sets the clock has dates.
func (w *world) dateSet(t *testing.T) {
	from := len(w.all)
	w.setDate(t)
	await(t, time.Minute, "a dated entry", func() bool {
		w.read(t)
		return len(w.all) > from && w.all[len(w.all)-1].Quality == "holdover"
	})
	a := &w.all[len(w.all)-1]
	if late := a.at.Sub(time.UnixMilli(a.T1)); late < -2*time.Second || late > 3*time.Second {
		t.Errorf("entry %v: last sample is of %v, it arrived at %v", a.ID, time.UnixMilli(a.T1), a.at)
	}
	dated := false
	for i := range w.all {
		q := w.all[i].Quality
		if q != "unset" && q != "holdover" || dated && q == "unset" {
			t.Errorf("entry %v: q %s", w.all[i].ID, q)
		}
		dated = dated || q == "holdover"
	}
}

// setDate sets the board's clock to this machine's.
func (w *world) setDate(t *testing.T) {
	t.Helper()
	w.run(t, "date -s @"+strconv.FormatInt(time.Now().Unix(), 10))
}
