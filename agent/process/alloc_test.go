package process

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/telhub/telhub/agent/process/alarm"
	"github.com/telhub/telhub/agent/process/chain"
	"github.com/telhub/telhub/drivers"
)

// full gives every channel all that there is.
func full(t testing.TB, sensors int) Plan {
	fiveSteps := func() *chain.Chain {
		specs := []chain.Spec{
			{Op: chain.Offset, Args: []float64{-0.4}},
			{Op: chain.Calibrate, Args: []float64{10.9, 11.3, 77, 75.3}},
			{Op: chain.Valid, Args: []float64{-40, 85}},
			{Op: chain.Median, Count: 5},
			{Op: chain.Mean, Window: time.Minute},
		}
		return steps(t, specs...)
	}
	var channels []Channel
	for s := range sensors {
		temperature, humidity := len(channels), len(channels)+1
		aggregates := len(channels) + 4
		channels = append(channels,
			Channel{Sensor: s, Chain: fiveSteps(), Send: Send{Change: 0.1, Every: 5 * time.Minute},
				Alarm:      &alarm.Options{High: ptr(35), ClearHigh: ptr(33), For: 2 * time.Minute, Stale: true, StaleAfter: time.Minute},
				Aggregates: statistics(10*time.Second, aggregates)},
			Channel{Sensor: s, Chain: fiveSteps(), Send: Send{Change: 0.5}, Alarm: &alarm.Options{Stale: true}},
			Channel{Sensor: s, Value: compile(t, "dewpoint(temperature, humidity)"), Inputs: []int{temperature, humidity},
				Chain: filter(t, "round 1"), Alarm: high(20)},
			Channel{Sensor: s, Value: compile(t, "integral(temperature)"), Inputs: []int{temperature}})
		for range Statistics() {
			channels = append(channels, Channel{Alarm: high(30)})
		}
	}
	for i := range channels {
		channels[i].Name = fmt.Sprintf("c%d", i)
	}
	return Plan{Channels: channels}
}

const perSensor = 10 // channels of full

// weather fills raw with readings of two outputs of each sensor.
func weather(raw []drivers.Sample, stamp int64, n int) []drivers.Sample {
	raw = raw[:0]
	for i := range n {
		v := 22 + 15*math.Sin(float64(stamp)/3e12+float64(i))
		raw = append(raw,
			drivers.Sample{Stamp: stamp, Value: v, Channel: uint16(i * perSensor)},
			drivers.Sample{Stamp: stamp, Value: 50 + v/2, Channel: uint16(i*perSensor + 1)})
	}
	return raw
}

func TestAllocatesNothing(t *testing.T) {
	const sensors = 20
	told, seen := 0, 0
	p := full(t, sensors)
	p.OnAlarm = func(int, drivers.Alarm, drivers.Alarm) { told++ }
	p.Observe = func(*drivers.Sample) { seen++ }
	e, err := New(p)
	if err != nil {
		t.Fatal(err)
	}
	raw := make([]drivers.Sample, 0, 3*sensors)
	dst := make([]drivers.Sample, 0, e.MaxOut(cap(raw)))
	alarms := make([]AlarmState, 0, len(p.Channels))
	stamp, rounds := sec, 0
	if n := testing.AllocsPerRun(3000, func() {
		rounds++
		stamp += 7 * sec
		raw = weather(raw, stamp, sensors)
		switch rounds % 50 {
		case 10: // invalid values, no numbers
			raw[0].Value, raw[2].Value, raw[3].Value = 1000, math.NaN(), math.Inf(1)
		case 20, 21:
			raw[4].Kind, raw[4].Quality = drivers.KindStatus, drivers.Lost
		case 30: // what is refused
			raw[6].Channel, raw[7].Kind = math.MaxUint16, drivers.KindAlarm
		case 40: // silence
			stamp += 3600 * sec
			dst = e.Advance(dst[:0], stamp)
		}
		dst = e.Process(dst[:0], raw)
		if e.Next() <= stamp {
			dst = e.Advance(dst[:0], stamp)
		}
		alarms = e.AppendAlarms(alarms[:0])
		e.Counts()
	}); n != 0 {
		t.Errorf("%v allocations a round, want none", n)
	}
	if n := testing.AllocsPerRun(10, func() {
		dst = e.Process(dst[:0], weather(raw, stamp+sec, sensors))
		dst = e.Finish(dst[:0], stamp+2*sec)
		stamp += 20 * sec
	}); n != 0 {
		t.Errorf("%v allocations in Finish, want none", n)
	}
	if told == 0 || seen == 0 || e.Late() != 0 {
		t.Errorf("%d alarms, %d samples observed, %d late values: the test has not tested what it says", told, seen, e.Late())
	}
}

// bench plays readings of 20 sensors, a second apart, in batches of 40 samples
// and reports the cost of one sample and the share of a core that 100,000 of
// them a second take.
func bench(b *testing.B, p Plan, stride int) {
	const sensors = 20
	e, err := New(p)
	if err != nil {
		b.Fatal(err)
	}
	// The sine would cost as much as the engine.
	var batches [64][]drivers.Sample
	for i := range batches {
		batches[i] = weather(nil, int64(i)*97*sec, sensors)
	}
	raw := make([]drivers.Sample, 2*sensors)
	dst := make([]drivers.Sample, 0, e.MaxOut(len(raw)))
	n, stamp := 0, int64(0)
	b.ReportAllocs()
	for b.Loop() {
		stamp += sec
		copy(raw, batches[n%len(batches)])
		for i := range raw {
			raw[i].Stamp, raw[i].Channel = stamp, uint16((i/2)*stride+i%2)
		}
		dst = e.Process(dst[:0], raw)
		if e.Next() <= stamp {
			dst = e.Advance(dst[:0], stamp)
		}
		n++
	}
	perSample := float64(b.Elapsed().Nanoseconds()) / float64(n*len(raw))
	b.ReportMetric(perSample, "ns/sample")
	b.ReportMetric(perSample*100_000/1e9*100, "%core@100k/s")
}

func BenchmarkPlain(b *testing.B) {
	p := Plan{}
	for i := range 40 {
		p.Channels = append(p.Channels, Channel{Sensor: i / 2})
	}
	bench(b, p, 2)
}

func BenchmarkFiveSteps(b *testing.B) {
	p := full(b, 20)
	q := Plan{}
	for i := range 40 {
		q.Channels = append(q.Channels, Channel{Sensor: i / 2, Chain: p.Channels[i/2*perSensor+i%2].Chain})
	}
	bench(b, q, 2)
}

func BenchmarkDeadbandAndAlarm(b *testing.B) {
	p := full(b, 20)
	q := Plan{}
	for i := range 40 {
		c := p.Channels[i/2*perSensor]
		q.Channels = append(q.Channels, Channel{Sensor: i / 2, Alarm: c.Alarm, Send: c.Send})
	}
	bench(b, q, 2)
}

func BenchmarkAll(b *testing.B) { bench(b, full(b, 20), perSensor) }
