package sim_test

import (
	"io"
	"math"
	"math/rand/v2"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/p1"
	"github.com/telhub/telhub/drivers/sim"
	"github.com/telhub/telhub/drivers/sml"
	"github.com/telhub/telhub/drivers/vedirect"
)

// stream collects what a decoder makes of a talker's bytes.
type stream struct {
	t       *testing.T
	decoder drivers.Stream
	last    drivers.Reading
	n       int
}

func (s *stream) Write(p []byte) (int, error) {
	var r drivers.Reading
	for rest := p; len(rest) > 0; {
		n, ok := s.decoder.Feed(rest[:min(37, len(rest))], 1, &r)
		if ok {
			s.last = r
			s.n++
		}
		rest = rest[n:]
	}
	return len(p), nil
}

var _ io.Writer = (*stream)(nil)

// expect compares the last reading with the truth.
func (s *stream) expect(wants ...want) {
	s.t.Helper()
	for _, w := range wants {
		i := index(s.t, s.decoder.Outputs(), w.output)
		if !s.last.Has(i) || math.Abs(s.last.Values[i]-w.value) > w.within*1.0000001 {
			s.t.Errorf("%s: got %v (%v), want %v ± %v", w.output, s.last.Values[i], s.last.Has(i), w.value, w.within)
		}
	}
}

// anyMeter makes up a household.
func anyMeter(rng *rand.Rand, now time.Time) (v sim.MeterValues) {
	for i := range 2 {
		v.Import[i], v.Export[i] = rng.Float64()*3.6e11, rng.Float64()*3.6e10
	}
	for i := range 3 {
		v.Power[i] = rng.Float64()*12000 - 5000
		v.Voltage[i], v.Current[i] = 220+20*rng.Float64(), 25*rng.Float64()
	}
	v.Tariff, v.Gas, v.GasTime = 1+rng.IntN(2), rng.Float64()*9999, now.Add(-time.Duration(rng.IntN(3600))*time.Second)
	return v
}

// talker makes a talker of src that s hears, whose clock is *now.
func (s *stream) talker(src sim.Source, now *time.Time) *sim.Talker {
	return sim.NewTalker(s, src, time.Second, func() time.Time { return *now })
}

func TestP1MeterTellsTheTruth(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	meter := sim.NewP1Meter(zone)
	decoder, err := p1.New(p1.Options{Zone: time.Hour, Clock: true})
	if err != nil {
		t.Fatal(err)
	}
	s := &stream{t: t, decoder: decoder}
	now := time.Date(2025, 1, 1, 12, 0, 0, 0, time.UTC)
	talk := s.talker(meter, &now)
	for round := range 300 {
		now = now.Add(30 * time.Hour) // through summer and winter time
		v := anyMeter(rng, now)
		meter.Set(v)
		if err := talk.Say(); err != nil || s.n != round+1 {
			t.Fatalf("%v, %d readings", err, s.n)
		}
		total := v.Power[0] + v.Power[1] + v.Power[2]
		s.expect(want{"energy_import_t1", v.Import[0], 1800}, want{"energy_export_t2", v.Export[1], 1800},
			want{"power_import", max(total, 0), 0.5}, want{"power_export", max(-total, 0), 0.5},
			want{"power_import_l2", max(v.Power[1], 0), 0.5}, want{"power_export_l3", max(-v.Power[2], 0), 0.5},
			want{"voltage_l1", v.Voltage[0], 0.05}, want{"current_l3", v.Current[2], 0.005}, want{"tariff", float64(v.Tariff), 0},
			want{"gas_volume", v.Gas, 0.0005}, want{"gas_time", float64(v.GasTime.Unix()), 0}, want{"meter_time", float64(now.Unix()), 0})
		if s.last.UTC != now.UnixMilli() {
			t.Errorf("UTC = %d, want %d", s.last.UTC, now.UnixMilli())
		}
	}
	faults(t, s, talk)
}

func TestSMLMeterTellsTheTruth(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	now := time.Date(2025, 1, 1, 12, 0, 0, 0, time.UTC)
	begun := now
	meter := sim.NewSMLMeter(12345678, begun)
	decoder, err := sml.New(sml.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := &stream{t: t, decoder: decoder}
	talk := s.talker(meter, &now)
	for round := range 300 {
		now = now.Add(7 * time.Hour)
		v := anyMeter(rng, now)
		meter.Set(v)
		if err := talk.Say(); err != nil || s.n != round+1 {
			t.Fatalf("%v, %d readings", err, s.n)
		}
		s.expect(want{"energy_import", v.Import[0] + v.Import[1], 180}, want{"energy_export", v.Export[0] + v.Export[1], 180},
			want{"power", v.Power[0] + v.Power[1] + v.Power[2], 0.05}, want{"power_l1", v.Power[0], 0.05}, want{"power_l3", v.Power[2], 0.05},
			want{"voltage_l2", v.Voltage[1], 0.05}, want{"current_l2", v.Current[1], 0.005},
			want{"meter_seconds", now.Sub(begun).Seconds(), 0})
	}
	faults(t, s, talk)
}

func TestMPPTTellsTheTruth(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	now := time.Date(2025, 1, 1, 12, 0, 0, 0, time.UTC)
	charger := sim.NewMPPT()
	decoder, err := vedirect.New(vedirect.Options{Device: vedirect.MPPT})
	if err != nil {
		t.Fatal(err)
	}
	s := &stream{t: t, decoder: decoder}
	talk := s.talker(charger, &now)
	for round := range 300 {
		v := sim.SolarValues{
			Battery: 11 + 4*rng.Float64(), BatteryCurrent: 30*rng.Float64() - 5, Panel: 70 * rng.Float64(), PanelPower: 400 * rng.Float64(),
			LoadCurrent: 10 * rng.Float64(), Load: rng.IntN(2) == 1, YieldTotal: 1e10 * rng.Float64(), YieldToday: 1e7 * rng.Float64(),
			State: rng.IntN(6), Error: rng.IntN(40),
		}
		charger.Set(v)
		charger.SetHex(round%2 == 1)
		if err := talk.Say(); err != nil || s.n != round+1 {
			t.Fatalf("round %d: %v, %d readings", round, err, s.n)
		}
		load := 0.0
		if v.Load {
			load = 1
		}
		s.expect(want{"battery_voltage", v.Battery, 0.0005}, want{"battery_current", v.BatteryCurrent, 0.0005},
			want{"pv_voltage", v.Panel, 0.0005}, want{"pv_power", v.PanelPower, 0.5}, want{"load_current", v.LoadCurrent, 0.0005},
			want{"load", load, 0}, want{"yield_total", v.YieldTotal, 18000}, want{"yield_today", v.YieldToday, 18000},
			want{"state", float64(v.State), 0}, want{"error", float64(v.Error), 0})
	}
	charger.SetHex(false)
	faults(t, s, talk)
}

// faults says damaged bursts, which must give nothing, and a sound one.
func faults(t *testing.T, s *stream, talk *sim.Talker) {
	t.Helper()
	for _, fault := range []sim.SerialFault{sim.Corrupt, sim.Truncate, sim.Silence} {
		before := s.n
		talk.SetFault(fault)
		if err := talk.Say(); err != nil || s.n != before {
			t.Errorf("fault %d: %v, %d readings", fault, err, s.n-before)
		}
		s.decoder.Idle(time.Minute, &s.last)
		talk.SetFault(sim.Clear)
		if err := talk.Say(); err != nil || s.n != before+1 {
			t.Errorf("after fault %d: %v, %d readings", fault, err, s.n-before)
		}
	}
	if _, corrupt := s.decoder.Counts(); corrupt == 0 {
		t.Error("nothing counted as corrupt")
	}
}
