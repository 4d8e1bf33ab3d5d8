package iio

import (
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/telhub/telhub/drivers"
)

var axes = []string{"accel_x", "accel_y", "accel_z"}

func reopened(t testing.TB, o Options) *Buffered {
	t.Helper()
	b, err := NewBuffered(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Reopen(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// feeder writes into the pipe that stands for /dev/iio:device0.
func feeder(t testing.TB, root string) *os.File {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(root, "dev/iio:device0"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// scan is one of accel's: x and y little-endian of 13 bits, z big-endian and
// left-justified, then six bytes that mean nothing, and the time.
func scan(dst []byte, x, y, z int16, stamp int64) []byte {
	dst = binary.LittleEndian.AppendUint16(dst, uint16(x)&0x1fff|0xe000) // what is above the bits is noise
	dst = binary.LittleEndian.AppendUint16(dst, uint16(y)&0x1fff)
	dst = binary.BigEndian.AppendUint16(dst, uint16(z)<<4|0xa)
	dst = append(dst, 0xde, 0xad)
	return binary.LittleEndian.AppendUint64(dst, uint64(stamp))
}

func TestSetUp(t *testing.T) {
	root := tree(t, accel)
	b := reopened(t, Options{Root: root, Chip: "adxl345", Channels: axes, Only: []string{"accel_x", "accel_z"}, Buffer: Buffer{Frequency: 1600}})
	const dir = "sys/bus/iio/devices/iio:device0/"
	for file, want := range map[string]string{
		"buffer/enable": "1", "buffer/length": "3200", "buffer/watermark": "80", "sampling_frequency": "1600",
		"current_timestamp_clock": "boottime", "trigger/current_trigger": "adxl345-dev0",
		"scan_elements/in_accel_x_en": "1", "scan_elements/in_accel_y_en": "0", "scan_elements/in_accel_z_en": "1",
		"scan_elements/in_temp_en": "0", "scan_elements/in_timestamp_en": "1",
	} {
		if got := content(t, root, dir+file); got != want {
			t.Errorf("%s is %s, want %s", file, got, want)
		}
	}
	if b.layout.size != 16 || b.layout.stamp != 8 || len(b.layout.elements) != 2 || b.layout.elements[1].at != 2 {
		t.Errorf("layout %+v", b.layout)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		"buffer/enable": "0", "buffer/length": "2", "buffer/watermark": "1", "sampling_frequency": "100.000000",
		"current_timestamp_clock": "realtime", "scan_elements/in_accel_x_en": "0", "scan_elements/in_temp_en": "1",
	} {
		if got := content(t, root, dir+file); got != want {
			t.Errorf("after Close %s is %s, want %s", file, got, want)
		}
	}
}

// Every scan becomes a reading with the kernel's stamp, in whatever pieces the
// pipe gives them, and holes are counted.
func TestScans(t *testing.T) {
	root := tree(t, accel)
	b := reopened(t, Options{Root: root, Chip: "adxl345", Channels: axes, Buffer: Buffer{Frequency: 1600}})
	f := feeder(t, root)
	start := now(unix.CLOCK_BOOTTIME)
	var data []byte
	var stamps []int64
	for i := range 1000 {
		at := start + int64(i)*625_000
		if i >= 500 && i < 507 {
			continue // the kernel had no room
		}
		stamps = append(stamps, at)
		data = scan(data, int16(i), int16(-i), int16(i-500), at)
	}
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	var r drivers.Reading
	buf, got := make([]byte, 1000), 0 // no multiple of a scan
	for got < len(stamps) {
		n, err := b.Read(buf)
		if err != nil {
			t.Fatalf("after %d of %d: %v", got, len(stamps), err)
		}
		for p := buf[:n]; len(p) > 0; {
			k, ok := b.Feed(p, start, &r)
			if p = p[k:]; !ok {
				continue
			}
			i := int((stamps[got] - start) / 625_000)
			want := [3]float64{(float64(i) + 10) * 0.0383, float64(-i) * 0.0383, float64(i-500) * 0.0383}
			if r.Stamp != stamps[got] || [3]float64(r.Values[:3]) != want {
				t.Fatalf("scan %d: %v at %d, want %v at %d", i, r.Values[:3], r.Stamp, want, stamps[got])
			}
			got++
		}
	}
	if good, lost := b.Counts(); good != 993 || lost != 7 || b.Strays() != 0 {
		t.Errorf("%d good, %d lost, %d strays; want 993, 7, 0", good, lost, b.Strays())
	}
	if _, err := b.Read(buf); err != drivers.ErrTimeout {
		t.Errorf("an empty buffer gives %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Read(buf); !errors.Is(err, drivers.ErrUnplugged) {
		t.Errorf("a buffer that has gone gives %v", err)
	}
	if err := b.Reopen(); err != nil {
		t.Fatal(err)
	}
	if got := content(t, root, "sys/bus/iio/devices/iio:device0/buffer/enable"); got != "1" {
		t.Errorf("after Reopen enable is %s", got)
	}
}

// Stamps of other clocks are converted; what is no time of theirs gives way to
// the arrival.
func TestClocks(t *testing.T) {
	for clock, id := range map[string]int32{"realtime": unix.CLOCK_REALTIME, "monotonic": unix.CLOCK_MONOTONIC, "tai": unix.CLOCK_TAI} {
		root := tree(t, accel)
		file := "sys/bus/iio/devices/iio:device0/current_timestamp_clock"
		if err := os.Remove(filepath.Join(root, file)); err != nil {
			t.Fatal(err)
		}
		if clock != "realtime" { // an old kernel has no file, and stamps with the wall clock
			// A file that takes no other value, as a kernel without that clock.
			link(t, root, "clock", file)
			plant(t, root, filepath.Dir(file)+"/clock: "+clock)
		}
		b := reopened(t, Options{Root: root, Chip: "adxl345", Channels: axes})
		if clock != "realtime" {
			b.clock, _ = newSource(clock)
		}
		f := feeder(t, root)
		there, here := now(id), now(unix.CLOCK_BOOTTIME)
		if _, err := f.Write(scan(scan(nil, 1, 2, 3, there), 1, 2, 3, 77)); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 64)
		n, err := b.Read(buf)
		if err != nil || n != 32 {
			t.Fatal(n, err)
		}
		var r drivers.Reading
		if b.Feed(buf[:n], here, &r); max(r.Stamp-here, here-r.Stamp) > int64(50*time.Millisecond) {
			t.Errorf("%s: stamp is off by %v", clock, time.Duration(r.Stamp-here))
		}
		if b.Feed(buf[16:n], here, &r); r.Stamp != here || b.Strays() != 1 {
			t.Errorf("%s: a stamp of 77 ns became %d (now %d), %d strays", clock, r.Stamp, here, b.Strays())
		}
	}
	if _, ok := newSource("sundial"); ok {
		t.Error("a clock that is not known was taken")
	}
}

// A quaternion is one element with four parts.
func TestParts(t *testing.T) {
	root := tree(t, `
		sys/bus/iio/devices/iio:device3/name: dev_rotation
		sys/bus/iio/devices/iio:device3/in_rot_quaternion_scale: 0.25
		sys/bus/iio/devices/iio:device3/buffer/enable: 0
		sys/bus/iio/devices/iio:device3/buffer/length: 2
		sys/bus/iio/devices/iio:device3/scan_elements/in_rot_quaternion_en: 0
		sys/bus/iio/devices/iio:device3/scan_elements/in_rot_quaternion_index: 0
		sys/bus/iio/devices/iio:device3/scan_elements/in_rot_quaternion_type: le:s16/32X4>>0
		sys/bus/iio/devices/iio:device3/scan_elements/in_timestamp_en: 0
		sys/bus/iio/devices/iio:device3/scan_elements/in_timestamp_index: 1
		sys/bus/iio/devices/iio:device3/scan_elements/in_timestamp_type: le:s64/64>>0
		dev/iio:device3|
	`)
	o := Options{Root: root, Chip: "dev_rotation", Outputs: []Output{{Name: "q0", Key: "rot_quaternion[0]"}, {Name: "q3", Key: "rot_quaternion[3]"}}}
	b := reopened(t, o)
	data := make([]byte, 32)
	data[0], data[12], data[13] = 4, 0xfc, 0xff
	var r drivers.Reading
	if n, ok := b.Feed(data, 0, &r); n != 32 || !ok || r.Values[0] != 1 || r.Values[1] != -1 {
		t.Errorf("%d, %v: %v", n, ok, r.Values[:2])
	}
	o.Outputs[1].Key = "rot_quaternion[4]"
	b, err := NewBuffered(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Reopen(); err == nil || !strings.Contains(err.Error(), "it has no part [4], only 4 parts from [0] on") {
		t.Errorf("got %v", err)
	}
}

func TestTrigger(t *testing.T) {
	timer := "sys/bus/iio/devices/trigger1/name: fast\nsys/bus/iio/devices/trigger1/sampling_frequency: 100\n"
	root := tree(t, accel+timer)
	reopened(t, Options{Root: root, Chip: "adxl345", Channels: axes, Buffer: Buffer{Trigger: "fast", Frequency: 200}})
	for file, want := range map[string]string{
		"trigger1/sampling_frequency": "200", "iio:device0/sampling_frequency": "100.000000",
		"iio:device0/trigger/current_trigger": "fast", "iio:device0/buffer/length": "400",
	} {
		if got := content(t, root, "sys/bus/iio/devices/"+file); got != want {
			t.Errorf("%s is %s, want %s", file, got, want)
		}
	}
}

func TestSetUpErrors(t *testing.T) {
	const dir = "sys/bus/iio/devices/iio:device0/"
	for name, test := range map[string]struct {
		drop   []string
		add    string
		change func(*Options)
		is     error
		want   string
	}{
		"no node":      {drop: []string{"dev/iio:device0"}, is: drivers.ErrUnplugged, want: "the device's driver has no buffer: read it without buffered = true"},
		"no elements":  {drop: []string{dir + "scan_elements"}, is: drivers.ErrIdentity, want: "read it without buffered = true"},
		"no time":      {drop: []string{dir + "scan_elements/in_timestamp_en"}, is: drivers.ErrIdentity, want: "has no time stamps"},
		"no channel":   {change: func(o *Options) { o.Channels = []string{"accel_w"} }, is: drivers.ErrIdentity, want: "find channel accel_w: wrong device: the buffer has accel_x, accel_y, accel_z, temp"},
		"no trigger":   {change: func(o *Options) { o.Buffer.Trigger = "fast" }, is: drivers.ErrUnplugged, want: "there is adxl345-dev0; one by a timer is made by modprobe iio-trig-hrtimer and mkdir /sys/kernel/config/iio/triggers/hrtimer/fast"},
		"takes none":   {drop: []string{dir + "trigger"}, change: func(o *Options) { o.Buffer.Trigger = "fast" }, is: drivers.ErrIdentity, want: "remove trigger"},
		"no frequency": {drop: []string{dir + "sampling_frequency"}, change: func(o *Options) { o.Buffer.Frequency = 5 }, is: drivers.ErrIdentity, want: "neither the device nor its trigger has one"},
		"odd type":     {add: dir + "scan_elements/in_accel_y_type: le:s13/24>>0", want: `read in_accel_y_type: type "le:s13/24>>0": only storage`},
		"odd clock":    {drop: []string{dir + "current_timestamp_clock"}, add: dir + "current_timestamp_clock/x: y", want: "read current_timestamp_clock"},
		"two elements": {add: dir + "scan_elements/in_accel_y_index: 0", want: "have the same index 0"},
		"odd scale":    {add: dir + "in_accel_scale: wide", is: drivers.ErrInvalid, want: "in_accel_scale: not measured: it holds no number"},
		"setting":      {change: func(o *Options) { o.Set = []string{"in_accel_range = 3"} }, is: drivers.ErrIdentity, want: "set in_accel_range: wrong device: the device has no such attribute"},
	} {
		root := tree(t, accel)
		for _, path := range test.drop {
			if err := os.RemoveAll(filepath.Join(root, path)); err != nil {
				t.Fatal(err)
			}
		}
		plant(t, root, test.add)
		o := Options{Root: root, Chip: "adxl345", Channels: axes}
		if test.change != nil {
			test.change(&o)
		}
		b, err := NewBuffered(o)
		if err != nil {
			t.Fatal(err)
		}
		err = b.Reopen()
		if err == nil || !strings.HasPrefix(err.Error(), "iio adxl345: ") || !strings.Contains(err.Error(), test.want) || test.is != nil && !errors.Is(err, test.is) {
			t.Errorf("%s: got %v, want %v with %q", name, err, test.is, test.want)
		}
		if b.fd != -1 {
			t.Errorf("%s: the device is still open", name)
		}
		if _, err := b.Read(make([]byte, 16)); !errors.Is(err, drivers.ErrUnplugged) {
			t.Errorf("%s: Read gives %v", name, err)
		}
	}
	for want, buffer := range map[string]Buffer{
		"sampling_frequency NaN: want": {Frequency: math.NaN()}, "length 70000: want": {Length: 70000},
		"watermark 9: want at most the length of the buffer, 8 scans": {Length: 8, Watermark: 9},
	} {
		if _, err := NewBuffered(Options{Chip: "x", Channels: axes, Buffer: buffer}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestBufferedAllocatesNothing(t *testing.T) {
	root := tree(t, accel)
	b := reopened(t, Options{Root: root, Chip: "adxl345", Channels: axes, Buffer: Buffer{Frequency: 1600}})
	f := feeder(t, root)
	at := now(unix.CLOCK_BOOTTIME)
	var data []byte
	for i := range 100 {
		data = scan(data, 1, 2, 3, at+int64(i)*625_000)
	}
	var r drivers.Reading
	buf := make([]byte, 1000)
	if n := testing.AllocsPerRun(50, func() {
		if _, err := f.Write(data); err != nil {
			t.Fatal(err)
		}
		for done := 0; done < len(data); {
			n, err := b.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			done += n
			for p := buf[:n]; len(p) > 0; {
				k, _ := b.Feed(p, at, &r)
				p = p[k:]
			}
		}
	}); n != 0 {
		t.Errorf("scans: %v allocations", n)
	}
	b.poll[0].Fd = -1
	if n := testing.AllocsPerRun(2, func() {
		if _, err := b.Read(buf); err != drivers.ErrTimeout {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("nothing to read: %v allocations", n)
	}
	f.Close()
	if n := testing.AllocsPerRun(50, func() {
		if _, err := b.Read(buf); !errors.Is(err, drivers.ErrUnplugged) {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("gone: %v allocations", n)
	}
}

func TestOutputsAreDeclared(t *testing.T) {
	b, err := NewBuffered(Options{Chip: "x", Channels: axes, Outputs: []Output{{Name: "gyro", Key: "anglvel_x", Unit: "deg", Resolution: 0.5}}})
	if err != nil {
		t.Fatal(err)
	}
	want := []drivers.Output{{Name: "accel_x", Unit: "m/s2"}, {Name: "accel_y", Unit: "m/s2"}, {Name: "accel_z", Unit: "m/s2"}, {Name: "gyro", Unit: "deg", Resolution: 0.5}}
	if got := b.Outputs(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func BenchmarkFeed(bench *testing.B) {
	b := decoder()
	data := make([]byte, 1024)
	var r drivers.Reading
	bench.ReportAllocs()
	for bench.Loop() {
		for p := data; len(p) > 0; {
			k, _ := b.Feed(p, 0, &r)
			p = p[k:]
		}
	}
	bench.ReportMetric(float64(bench.Elapsed().Nanoseconds())/float64(bench.N)/64, "ns/scan")
}
