package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/telhub/telhub/agent/clock"
	"github.com/telhub/telhub/agent/pipeline"
	"github.com/telhub/telhub/drivers/catalog"
	"github.com/telhub/telhub/uplink/frame"
)

// shaker is an accelerometer at 1,600 Hz as the kernel shows it. A named pipe
// stands for /dev/iio:device0.
const shaker = `
	name: adxl345
	in_accel_scale: 0.038300
	sampling_frequency: 1600.000000
	current_timestamp_clock: realtime
	buffer/enable: 0
	buffer/length: 2
	buffer/watermark: 1
	scan_elements/in_accel_x_en: 0
	scan_elements/in_accel_x_index: 0
	scan_elements/in_accel_x_type: le:s16/16>>0
	scan_elements/in_accel_y_en: 0
	scan_elements/in_accel_y_index: 1
	scan_elements/in_accel_y_type: le:s16/16>>0
	scan_elements/in_accel_z_en: 0
	scan_elements/in_accel_z_index: 2
	scan_elements/in_accel_z_type: be:s12/16>>4
	scan_elements/in_timestamp_en: 0
	scan_elements/in_timestamp_index: 3
	scan_elements/in_timestamp_type: le:s64/64>>0
`

const (
	shakerHertz  = 1600
	shakerPeriod = int64(time.Second) / shakerHertz
	shakerScale  = 0.0383
)

// shakerTree makes its files and returns the pipe's writing end.
func shakerTree(t testing.TB) (root string, pipe *os.File) {
	t.Helper()
	root = t.TempDir()
	for line := range strings.Lines(shaker) {
		file, text, found := strings.Cut(strings.TrimSpace(line), ": ")
		if !found {
			continue
		}
		path := filepath.Join(root, "sys/bus/iio/devices/iio:device0", file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	node := filepath.Join(root, "dev/iio:device0")
	if err := os.Mkdir(filepath.Dir(node), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(node, 0o600); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(node, unix.O_RDWR|unix.O_CLOEXEC, 0) // no os.File: the feeder's thread is to do all its work itself
	if err != nil {
		t.Fatal(err)
	}
	pipe = os.NewFile(uintptr(fd), node)
	t.Cleanup(func() { pipe.Close() })
	return root, pipe
}

// shakes are the raw values of scan i: all differ from their neighbours'.
func shakes(i int) (x, y, z int16) { return int16(i), int16(-i), int16(i%4096 - 2048) }

// feed plays the kernel: so many scans at their instants, handed over when a
// watermark of them is there. It returns the stamp of the first and the
// processor time that it took itself, on a thread of its own.
func feed(fd, scans, watermark int, first int64) (cpu time.Duration, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := threadCPU()
	if err != nil {
		return 0, err
	}
	buf := make([]byte, 0, 16*watermark)
	for i := range scans {
		x, y, z := shakes(i)
		buf = binary.LittleEndian.AppendUint16(buf, uint16(x))
		buf = binary.LittleEndian.AppendUint16(buf, uint16(y))
		buf = binary.BigEndian.AppendUint16(buf, uint16(z)<<4)
		buf = append(buf, 0, 0)
		at := first + int64(i)*shakerPeriod
		buf = binary.LittleEndian.AppendUint64(buf, uint64(at))
		if len(buf) < cap(buf) && i < scans-1 {
			continue
		}
		ts := unix.NsecToTimespec(at)
		for errors.Is(unix.ClockNanosleep(unix.CLOCK_BOOTTIME, unix.TIMER_ABSTIME, &ts, nil), unix.EINTR) {
		}
		if n, err := unix.Write(fd, buf); err != nil || n < len(buf) {
			return 0, fmt.Errorf("pipe took %d of %d bytes: %w", n, len(buf), err)
		}
		buf = buf[:0]
	}
	after, err := threadCPU()
	return after - before, err
}

func threadCPU() (time.Duration, error) {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		return 0, err
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}

// shake runs a pipeline with the device for so many scans and returns the
// processor time that everything but the feeder took.
func shake(t testing.TB, scans, watermark int, outlet pipeline.Outlet) (cpu time.Duration, first int64) {
	t.Helper()
	root, pipe := shakerTree(t)
	e, ok := catalog.Lookup("iio", nil)
	if !ok {
		t.Fatal("no engine iio")
	}
	d, err := catalog.OpenLocal(catalog.Spec{Name: "shaker", Engine: e, Root: root, Options: catalog.Options{
		"chip": "adxl345", "sampling_frequency": float64(shakerHertz), "watermark": int64(watermark),
		"out": []catalog.Channel{
			{Name: "x", Key: "accel_x", Resolution: shakerScale},
			{Name: "y", Key: "accel_y", Resolution: shakerScale},
			{Name: "z", Key: "accel_z", Resolution: shakerScale},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	p := &plan{}
	p.streams = []pipeline.StreamPlan{{
		Name: "shaker", Use: "iio", Port: d.Port, Stream: d.Stream, Channels: p.channels("shaker", 0, d.Stream.Outputs()),
	}}
	r, err := newRigWith(p, "bench", 4096, 250*time.Millisecond, nil, nil, func(o *pipeline.Options) {
		if outlet != nil {
			o.Outlet = outlet
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Port.Reopen(); err != nil {
		t.Fatal(err)
	}
	defer d.Port.Close()
	err = r.run(func() error {
		first = clock.Boottime() + int64(20*time.Millisecond)
		before, err := ownCPU()
		if err != nil {
			return err
		}
		own, err := feed(int(pipe.Fd()), scans, watermark, first)
		if err != nil {
			return err
		}
		deadline := clock.Boottime() + int64(10*time.Second)
		for r.pipeline.Accounting().Acquired < uint64(3*scans) {
			if clock.Boottime() > deadline {
				good, lost := d.Stream.Counts()
				return fmt.Errorf("of %d scans %d came, %d were counted as lost", scans, good, lost)
			}
			runtime.Gosched()
			ts := unix.NsecToTimespec(int64(5 * time.Millisecond))
			_ = unix.Nanosleep(&ts, nil)
		}
		after, err := ownCPU()
		cpu = after - before - own
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if good, lost := d.Stream.Counts(); good != uint64(scans) || lost != 0 {
		t.Errorf("%d scans of %d, %d counted as lost", good, scans, lost)
	}
	return cpu, first
}

// judge is an outlet that checks each sample of the shaker.
type judge struct {
	t       *testing.T
	decoder frame.Decoder
	records []frame.Record
}

// Shape implements pipeline.Outlet.
func (*judge) Shape() (int, time.Duration) { return 4096, 250 * time.Millisecond }

// Submit implements pipeline.Outlet.
func (j *judge) Submit(f *frame.Frame) {
	defer f.Free()
	if f.Kind != frame.Data {
		j.t.Error("a gap")
		return
	}
	if err := j.decoder.Decode(f.Payload, f.N, f.T0); err != nil {
		j.t.Error(err)
		return
	}
	for i := range j.decoder.Len() {
		r := j.decoder.At(i)
		r.Name = append([]byte(nil), r.Name...)
		j.records = append(j.records, r)
	}
}

// At 1,600 Hz and three axes no sample is lost, each has its value, and its
// stamp is the one that the kernel gave, to the millisecond of a frame.
func TestBufferedIIO(t *testing.T) {
	const scans = 2 * shakerHertz
	j := &judge{t: t}
	_, first := shake(t, scans, 80, j)
	next := map[string]int{}
	for _, r := range j.records {
		name := string(r.Name)
		i := next[name]
		next[name]++
		x, y, z := shakes(i)
		want := float64(map[string]int16{"shaker/x": x, "shaker/y": y, "shaker/z": z}[name]) * shakerScale
		if stamp := (first + int64(i)*shakerPeriod + 500_000) / int64(time.Millisecond); r.Stamp != stamp || math.Abs(r.Value-want) > 1e-9 {
			t.Fatalf("%s %d: %v at %d, want %v at %d", name, i, r.Value, r.Stamp, want, stamp)
		}
	}
	for _, axis := range []string{"x", "y", "z"} {
		if got := next["shaker/"+axis]; got != scans {
			t.Errorf("%d samples of %s, want %d", got, axis, scans)
		}
	}
}

// BenchmarkBufferedIIO says what the device costs, with everything up to an
// outlet that frees the frames. The time of an iteration is that of the scans.
func BenchmarkBufferedIIO(b *testing.B) {
	for _, watermark := range []int{80, 16, 1} {
		b.Run(fmt.Sprintf("watermark=%d", watermark), func(b *testing.B) {
			scans := max(b.N, shakerHertz)
			cpu, _ := shake(b, scans, watermark, nil)
			b.ReportMetric(cpu.Seconds()/(float64(scans)/shakerHertz)*100, "%core")
			b.ReportMetric(float64(cpu.Nanoseconds())/float64(scans), "cpu-ns/scan")
		})
	}
}
