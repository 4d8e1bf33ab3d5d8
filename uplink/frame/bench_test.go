package frame

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/telhub/telhub/drivers"
)

// board is a live frame of a usual board: 8 sensors, 20 channels, rows of one
// reading each.
func board(rows int) (*Schema, []drivers.Sample) {
	outputs := []Channel{
		{Name: "temperature", Unit: "Cel", Resolution: 0.01},
		{Name: "humidity", Unit: "%RH", Resolution: 0.01},
		{Name: "pressure", Unit: "Pa", Resolution: 1},
	}
	s := &Schema{}
	for i, sensor := range []string{"greenhouse", "attic", "cellar", "garage", "outside", "boiler"} {
		for _, c := range outputs {
			c.Name, c.Group = sensor+"/"+c.Name, uint16(i)
			s.Channels = append(s.Channels, c)
		}
	}
	s.Channels = append(s.Channels,
		Channel{Name: "meter/active_power", Unit: "W", Resolution: 0.1, Group: 6},
		Channel{Name: "meter/import_energy", Unit: "kWh", Resolution: 0.001, Group: 6})
	var samples []drivers.Sample
	for r := range rows {
		for c := range s.Channels {
			g := int64(s.Channels[c].Group)
			v := float64(2150+37*c+(r*7+c*3)%5-2) * s.Channels[c].Resolution
			v = float64(int64(v*1000+0.5)) / 1000
			samples = append(samples, drivers.Sample{Stamp: 3600e9 + int64(r)*1e9 + g*125e6 + int64(r*r%3)*1e6, Value: v, Channel: uint16(c)})
		}
	}
	return s, samples
}

func TestSmallFramesStaySmall(t *testing.T) {
	for rows, limit := range map[int]int{1: 190, 3: 290} {
		s, samples := board(rows)
		if got := len(checkRoundTrip(t, s, samples).Payload); got > limit {
			t.Errorf("%d samples of 20 channels: %d bytes, want at most %d", len(samples), got, limit)
		} else {
			t.Logf("%d samples of 20 channels: %d bytes", len(samples), got)
		}
	}
}

// benchFrames calls f with each data set and with the small frame.
func benchFrames(b *testing.B, f func(b *testing.B, s *Schema, samples []drivers.Sample, perRecord int)) {
	for _, d := range datasets() {
		b.Run(d.name, func(b *testing.B) { f(b, d.schema, d.block(0), len(d.schema.Channels)) })
	}
	for _, rows := range []int{1, 3} {
		s, samples := board(rows)
		b.Run(fmt.Sprintf("board %d", len(samples)), func(b *testing.B) { f(b, s, samples, 1) })
	}
}

// cpuTime returns the processor time of this process, which other load on the
// machine does not inflate.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func reportValues(b *testing.B, cpu time.Duration, payload, samples, perRecord int) {
	b.ReportMetric(float64((cpuTime(b)-cpu).Nanoseconds())/float64(b.N*samples), "cpu-ns/value")
	b.ReportMetric(float64(payload)*float64(perRecord)/float64(samples), "B/record")
	b.ReportMetric(0, "ns/op")
}

func BenchmarkEncode(b *testing.B) {
	benchFrames(b, func(b *testing.B, s *Schema, samples []drivers.Sample, perRecord int) {
		e, f := NewEncoder(s, len(samples)), newFrame(s, len(samples))
		b.ReportAllocs()
		cpu := cpuTime(b)
		for b.Loop() {
			if err := e.Encode(f, samples); err != nil {
				b.Fatal(err)
			}
		}
		reportValues(b, cpu, len(f.Payload), len(samples), perRecord)
	})
}

func BenchmarkDecode(b *testing.B) {
	benchFrames(b, func(b *testing.B, s *Schema, samples []drivers.Sample, perRecord int) {
		e, f := NewEncoder(s, len(samples)), newFrame(s, len(samples))
		if err := e.Encode(f, samples); err != nil {
			b.Fatal(err)
		}
		var d Decoder
		b.ReportAllocs()
		cpu := cpuTime(b)
		for b.Loop() {
			if err := d.Decode(f.Payload, f.N, f.T0); err != nil {
				b.Fatal(err)
			}
		}
		reportValues(b, cpu, len(f.Payload), len(samples), perRecord)
	})
}
