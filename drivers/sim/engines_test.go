package sim_test

import (
	"errors"
	"math"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/bmx280"
	"github.com/telhub/telhub/drivers/nmea"
	"github.com/telhub/telhub/drivers/profile"
	"github.com/telhub/telhub/drivers/profiles"
	"github.com/telhub/telhub/drivers/sim"
)

// Truth through the real engines: what a chip is told is what they read.

// open makes the shipped profile's device.
func open(t *testing.T, bus *sim.I2CBus, name string, addr uint16) drivers.Sensor {
	t.Helper()
	prog, ok, err := profiles.Lookup(name)
	if err != nil || !ok {
		t.Fatalf("profile %s: %v, %v", name, ok, err)
	}
	d, err := profile.New(bus, addr, prog, profile.Opts{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// measure reads as a bus's owner does, in the bubble's time.
func measure(s drivers.Sensor, dst *drivers.Reading) error {
	dst.Reset()
	for {
		wait, err := s.Read(dst)
		if err != nil || wait <= 0 {
			return err
		}
		time.Sleep(wait)
	}
}

// want compares outputs by name. The tolerance is half a step of the register.
type want struct {
	output string
	value  float64
	within float64
}

func check(t *testing.T, s drivers.Sensor, wants ...want) {
	t.Helper()
	var r drivers.Reading
	if err := measure(s, &r); err != nil {
		t.Error(err)
		return
	}
	for _, w := range wants {
		i := index(t, s.Outputs(), w.output)
		if !r.Has(i) || !(math.Abs(r.Values[i]-w.value) <= w.within) {
			t.Errorf("%v %s: got %v (%v), want %v ± %v", s, w.output, r.Values[i], r.Has(i), w.value, w.within)
		}
	}
}

func index(t *testing.T, outputs []drivers.Output, name string) int {
	t.Helper()
	for i, o := range outputs {
		if o.Name == name {
			return i
		}
	}
	t.Fatalf("no output %s in %v", name, outputs)
	return 0
}

func TestProfilesReadTheTruth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := sim.NewI2CBus("i2c1")
		tmp102, lm75, tmp117 := sim.NewTMP102(), sim.NewLM75(9), sim.NewTMP117()
		ina219, sht4x := sim.NewINA219(0.1), sim.NewSHT4x(42)
		bus.Attach(0x48, tmp102)
		bus.Attach(0x49, lm75)
		bus.Attach(0x4A, tmp117)
		bus.Attach(0x40, ina219)
		bus.Attach(0x44, sht4x)
		devices := map[string]drivers.Sensor{
			"tmp102": open(t, bus, "tmp102", 0x48), "lm75": open(t, bus, "lm75", 0x49), "tmp117": open(t, bus, "tmp117", 0x4A),
			"ina219": open(t, bus, "ina219", 0x40), "sht4x": open(t, bus, "sht4x", 0x44),
		}
		time.Sleep(2 * time.Second)
		for name, d := range devices {
			if err := d.Init(); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		for _, cel := range []float64{23.4, -17.31, 0, 84.9, -0.06} {
			rh, volts, amps := 50+cel/2, 12+cel/50, cel/40
			tmp102.Set(cel)
			lm75.Set(cel)
			tmp117.Set(cel)
			sht4x.Set(cel, rh)
			ina219.Set(volts, amps)
			time.Sleep(5 * time.Second)
			check(t, devices["tmp102"], want{"temperature", cel, 0.0625 / 2})
			check(t, devices["lm75"], want{"temperature", cel, 0.5 / 2})
			check(t, devices["tmp117"], want{"temperature", cel, 0.0078125 / 2})
			check(t, devices["sht4x"], want{"temperature", cel, 175.0/65535/2 + 0.0005}, want{"humidity", rh, 125.0/65535/2 + 0.0005})
			check(t, devices["ina219"], want{"voltage", volts, 0.002 + 1e-9}, want{"current", amps, 0.00005 + 1e-9})
		}
	})
}

// A damaged answer of a chip with a checksum is an error, never a value; a chip
// that is plugged in again works after Init.
func TestProfileMeetsFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := sim.NewI2CBus("i2c1")
		chip := sim.NewSHT4x(42)
		bus.Attach(0x44, chip)
		d := open(t, bus, "sht4x", 0x44)
		time.Sleep(time.Second)
		if err := d.Init(); err != nil {
			t.Fatal(err)
		}
		var r drivers.Reading
		for _, f := range []struct {
			fault sim.FaultKind
			want  error
		}{{sim.NACK, drivers.ErrNACK}, {sim.Stuck, drivers.ErrTimeout}, {sim.Damaged, drivers.ErrCRC},
			{sim.Arbitration, drivers.ErrBus}, {sim.Short, drivers.ErrShort}, {sim.Unplugged, drivers.ErrUnplugged}} {
			bus.Inject(sim.Fault{Kind: f.fault})
			if err := measure(d, &r); !errors.Is(err, f.want) || !r.Empty() {
				t.Errorf("fault %d: %v, empty %v, want %v", f.fault, err, r.Empty(), f.want)
			}
			bus.Inject(sim.Fault{})
			time.Sleep(2 * time.Second)
			if err := d.Init(); err != nil {
				t.Error(err)
			}
			check(t, d, want{"temperature", 20, 0.01})
		}
		chip.BadCRC(true)
		if err := measure(d, &r); !errors.Is(err, drivers.ErrCRC) {
			t.Errorf("got %v, want %v", err, drivers.ErrCRC)
		}
	})
}

// The Board's chips answer the engines that its parts name.
func TestBoardThroughEngines(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b, err := sim.NewBoard(dir, 1)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		b.BME280.Set(31.5, 98000, 66)
		b.SHT4x.Set(12.25, 81)
		b.TMP102.Set(40.5)
		b.INA219.Set(12.1, 0.75)
		for _, p := range b.Parts() {
			var s drivers.Sensor
			switch {
			case p.Bus == "":
				continue
			case p.Use == "bme280":
				s, err = bmx280.New(b.I2C, bmx280.DefaultOpts(bmx280.BME280))
				if err != nil {
					t.Fatal(err)
				}
			default:
				s = open(t, b.I2C, p.Use, p.Addr)
			}
			time.Sleep(time.Second)
			if err := s.Init(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			switch p.Use {
			case "bme280":
				check(t, s, want{"temperature", 31.5, 0.01}, want{"pressure", 98000, 2}, want{"humidity", 66, 0.02})
			case "sht4x":
				check(t, s, want{"temperature", 12.25, 0.002}, want{"humidity", 81, 0.0015})
			case "tmp102":
				check(t, s, want{"temperature", 40.5, 0})
			case "ina219":
				check(t, s, want{"voltage", 12.1, 0.002 + 1e-9}, want{"current", 0.75, 1e-9})
			}
		}
	})
}

// A moving receiver through a PTY and the NMEA engine: each epoch once, where
// the receiver was.
func TestGNSSThroughPTYAndEngine(t *testing.T) {
	p, err := sim.NewPTY(t.TempDir(), "gnss")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	port, err := os.OpenFile(p.Path(), os.O_RDWR|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	if err := port.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	g, dec := sim.NewGNSS(sim.DefaultGNSSOpts()), nmea.New()
	at := time.Unix(1.75e9, 0)
	talk := sim.NewTalker(p, g, time.Second, func() time.Time { return at })
	lat, lon, alt := index(t, dec.Outputs(), "lat"), index(t, dec.Outputs(), "lon"), index(t, dec.Outputs(), "alt")
	speed, course := index(t, dec.Outputs(), "speed"), index(t, dec.Outputs(), "course")
	var r drivers.Reading
	buf := make([]byte, 4096)
	for range 20 {
		truth, before := g.At(at), p.Lost()
		said := len(g.Append(nil, at))
		if err := talk.Say(); err != nil {
			t.Fatal(err)
		}
		r.Reset()
		for got := 0; got < said; {
			n, err := port.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			got += n
			if used, ok := dec.Feed(buf[:n], at.UnixNano(), &r); ok || used != n {
				t.Fatalf("a reading inside the burst, after %d of %d bytes", used, n)
			}
		}
		if !dec.Idle(nmea.EpochGap, &r) || p.Lost() != before {
			t.Fatalf("no reading, %d bytes lost", p.Lost()-before)
		}
		for _, v := range []struct {
			what       string
			i          int
			want, step float64
		}{{"lat", lat, truth.Lat, 2e-7}, {"lon", lon, truth.Lon, 2e-7}, {"alt", alt, truth.Alt, 0.051},
			{"speed", speed, truth.Speed, 0.001}, {"course", course, truth.Course, 0.0051}} {
			if !r.Has(v.i) || math.Abs(r.Values[v.i]-v.want) > v.step {
				t.Errorf("%s: got %v (%v), want %v", v.what, r.Values[v.i], r.Has(v.i), v.want)
			}
		}
		at = at.Add(time.Second)
	}
	if good, corrupt := dec.Counts(); good != 20*8 || corrupt != 0 {
		t.Errorf("%d good, %d corrupt, want 160, 0", good, corrupt)
	}
	talk.SetFault(sim.Corrupt)
	if err := talk.Say(); err != nil {
		t.Fatal(err)
	}
	n, err := port.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	dec.Feed(buf[:n], at.UnixNano(), &r)
	if _, corrupt := dec.Counts(); corrupt == 0 {
		t.Error("no corrupt sentence counted")
	}
}
