package pipeline

import (
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/bmx280"
	"github.com/telhub/telhub/drivers/sim"
	"github.com/telhub/telhub/uplink/frame"
)

// decoding is an outlet that reads the compact frames back.
type decoding struct {
	mu      sync.Mutex // guards the rest
	decoder frame.Decoder
	by      map[string][]frame.Record
	framed  uint64
	gaps    int
}

func (o *decoding) Shape() (int, time.Duration) { return 64, time.Second }

func (o *decoding) Submit(f *frame.Frame) {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer f.Free()
	if f.Kind == frame.Gap {
		o.gaps++
		return
	}
	if err := o.decoder.Decode(f.Payload, f.N, f.T0); err != nil {
		panic(err)
	}
	for i := range o.decoder.Len() {
		x := o.decoder.At(i)
		o.by[string(x.Name)] = append(o.by[string(x.Name)], x)
	}
	o.framed += uint64(f.N)
}

// statuses lists the words of a channel in order.
func (o *decoding) statuses(name string) (words []string) {
	for _, x := range o.by[name] {
		if x.Kind == drivers.KindStatus {
			words = append(words, x.Quality.String())
		}
	}
	return words
}

// Two real drivers on a simulated bus, through the real codec, while the bus
// and the chips fail in every way that they have.
func TestChipsThroughFaultsToFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := sim.NewI2CBus("i2c1")
		chips := []*sim.BMx280{sim.NewBME280(sim.BMxTypical()), sim.NewBME280(sim.BMxNegative())}
		schema := &frame.Schema{}
		plan := BusPlan{Name: "i2c1", Reopen: func() error { return nil }}
		for i, name := range []string{"in", "out"} {
			bus.Attach(0x76+uint16(i), chips[i])
			opts := bmx280.DefaultOpts(bmx280.BME280)
			opts.Addr += uint16(i)
			dev, err := bmx280.New(bus, opts)
			if err != nil {
				t.Fatal(err)
			}
			s := Polled{Name: name, Use: "bme280", Sensor: dev, Every: time.Second}
			for _, o := range dev.Outputs() {
				s.Channels = append(s.Channels, len(schema.Channels))
				schema.Channels = append(schema.Channels, frame.Channel{
					Name: name + "/" + o.Name, Unit: o.Unit, Resolution: o.Resolution, Group: uint16(i),
				})
			}
			plan.Sensors = append(plan.Sensors, s)
		}
		out := &decoding{by: map[string][]frame.Record{}}
		begun := time.Now()
		p, err := New(Options{
			Buses: []BusPlan{plan}, Schema: schema, Outlet: out,
			Pool: frame.NewPool(frame.PoolSize{Small: 8, SmallBytes: frame.MaxPayload(schema, 64)}),
			Now:  func() int64 { return boot + int64(time.Since(begun)) },
		})
		if err != nil {
			t.Fatal(err)
		}
		chips[0].Set(23.4, 98765, 41)
		chips[1].Set(-7.25, 98700, 88)
		p.Start()
		wait(10 * time.Second)
		for _, step := range []struct {
			fault sim.Fault
			at    uint16 // 0: the whole bus
			lasts time.Duration
		}{
			{sim.Fault{Kind: sim.NACK}, 0x77, 10 * time.Second},
			{sim.Fault{Kind: sim.Stuck}, 0, 10 * time.Second},
			{sim.Fault{Kind: sim.Arbitration}, 0, 10 * time.Second},
			{sim.Fault{Kind: sim.Unplugged}, 0, 10 * time.Second},
		} {
			if step.at == 0 {
				bus.Inject(step.fault)
			} else {
				bus.InjectAt(step.at, step.fault)
			}
			wait(step.lasts)
			bus.Inject(sim.Fault{})
			bus.InjectAt(0x77, sim.Fault{})
			wait(time.Minute)
		}
		chips[0].BrownOut()
		chips[0].Set(30, 98765, 41)
		wait(10 * time.Second)
		if err := p.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}

		if a := p.Accounting(); a.Acquired != out.framed || a.Waiting != 0 || out.gaps != 0 {
			t.Errorf("accounting %+v, %d decoded, %d gaps", a, out.framed, out.gaps)
		}
		// The unplugged adapter, the stuck and the lost bus are 3 interruptions
		// for all, the fourth is one chip's NACK or the other's brown-out.
		for _, name := range []string{"in/temperature", "in/humidity", "out/pressure"} {
			got := out.statuses(name)
			want := []string{"lost", "ok", "lost", "ok", "lost", "ok", "lost", "ok"}
			if name[0] == 'i' {
				want[6] = "bad"
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: statuses %v, want %v", name, got, want)
			}
		}
		// One step of the converter without oversampling (BMP280-DS001, 3.3.1 and
		// 3.3.2: 16 bits, 2.62 Pa and 0.0050 Cel), rounded up; humidity 0.008 %RH.
		checkTruth(t, "in/temperature", out.by["in/temperature"], []float64{23.4, 30}, 0.01)
		checkTruth(t, "in/pressure", out.by["in/pressure"], []float64{98765}, 2.7)
		checkTruth(t, "in/humidity", out.by["in/humidity"], []float64{41}, 0.02)
		checkTruth(t, "out/temperature", out.by["out/temperature"], []float64{-7.25}, 0.01)
		checkTruth(t, "out/pressure", out.by["out/pressure"], []float64{98700}, 2.7)
	})
}

// checkTruth holds values against what the chip was told; each truth must have
// been seen.
func checkTruth(t *testing.T, name string, got []frame.Record, truths []float64, within float64) {
	t.Helper()
	seen := make([]int, len(truths))
	for _, x := range got {
		if x.Kind != drivers.KindValue {
			continue
		}
		i := slices.IndexFunc(truths, func(truth float64) bool { return math.Abs(x.Value-truth) <= within })
		if i < 0 {
			t.Errorf("%s is %v at %d ms, want one of %v", name, x.Value, x.Stamp, truths)
			return
		}
		seen[i]++
	}
	if slices.Contains(seen, 0) {
		t.Errorf("%s: seen %v times %v", name, seen, truths)
	}
}
