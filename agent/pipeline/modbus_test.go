package pipeline

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/link"
	"github.com/telhub/telhub/drivers/modbus"
	"github.com/telhub/telhub/drivers/profile"
	"github.com/telhub/telhub/drivers/sim"
	"github.com/telhub/telhub/internal/toml"
)

// modbusTimeout is long beside a period of a second, so that a device which
// costs more than one of them shows.
const modbusTimeout = 300 * time.Millisecond

// modbusRig is a simulated Modbus line and sensors on it, each of two
// neighbouring registers that hold unit<<12 | address.
type modbusRig struct {
	*rig
	line  *sim.ModbusLine
	link  *link.Link
	plans []Polled
	wants []float64 // by channel
}

func newModbusRig(t *testing.T, sensors int) *modbusRig {
	r := &modbusRig{rig: newRig(t, sensors), line: sim.NewModbusLine(20 * time.Millisecond)}
	l, err := link.New(r.line, link.Options{Name: "bus rs485", Timeout: modbusTimeout, Gap: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	r.link = l
	return r
}

// slave puts a unit on the line.
func (r *modbusRig) slave(unit byte) *sim.ModbusSlave {
	s := sim.NewModbusSlave()
	for a := range uint16(100) {
		s.Set(sim.ModbusHolding, a, uint16(unit)<<12|a)
	}
	r.line.Attach(unit, s)
	return s
}

// meter plans a sensor that reads registers addr and addr+1 of unit.
func (r *modbusRig) meter(unit byte, addr int, every time.Duration) {
	r.t.Helper()
	root, mistakes, ok := toml.Read(fmt.Appendf(nil, "kind = \"modbus\"\nout.x = { holding = %d, type = \"u32\" }", addr))
	if !ok || len(mistakes) > 0 {
		r.t.Fatal(mistakes)
	}
	prog, problems := profile.Compile("meter", root.Plain().(map[string]any))
	if len(problems) > 0 {
		r.t.Fatal(problems)
	}
	d, err := modbus.New(r.link, prog, modbus.Opts{Unit: unit})
	if err != nil {
		r.t.Fatal(err)
	}
	r.plans = append(r.plans, Polled{Name: d.String(), Use: "meter", Sensor: d, Every: every})
	word := float64(int(unit)<<12 | addr)
	r.wants = append(r.wants, word*65536+word+1)
}

func (r *modbusRig) run() { r.bus(func() error { return nil }, r.plans...); r.start() }

// judge sees that no value was wrong, and counts those that were sent.
func (r *modbusRig) judge() (counts []int) {
	r.t.Helper()
	for c, want := range r.wants {
		values := r.out.values(uint16(c))
		for _, v := range values {
			if v != want {
				r.t.Fatalf("%s sent %#x, want %#x", r.plans[c].Name, int64(v), int64(want))
			}
		}
		counts = append(counts, len(values))
	}
	return counts
}

// A device that is dead for an hour, with two sensors: its neighbours' samples
// are all there, and each of their measurements begins at most one timeout
// late, however long the device stays away.
func TestADeadSlaveCostsItsNeighboursAtMostATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newModbusRig(t, 5)
		for unit := byte(1); unit <= 3; unit++ {
			r.slave(unit)
			r.meter(unit, 10, time.Second)
		}
		r.meter(9, 10, time.Second)
		r.meter(9, 40, time.Second)
		r.run()
		wait(time.Hour - 100*time.Millisecond)
		r.stopAll()
		counts := r.judge()
		attempts := r.sensor(3).Errors[Timeout] + r.sensor(4).Errors[Timeout]
		for i, n := range counts[:3] {
			s := r.sensor(i)
			if n < 3600 || n > 3605 || // a few more: asked early once, to tell the device from the line
				s.Skipped != 0 || s.LateMax > modbusTimeout+10*time.Millisecond {
				t.Errorf("%s: %d samples of 3600, %d slots skipped, late %v", s.Name, n, s.Skipped, s.LateMax)
			}
			if others := s.Errors; others != ([ErrorKinds]uint64{}) {
				t.Errorf("%s: errors %v", s.Name, others)
			}
		}
		// Sixteen times as long as an attempt lasts nobody asks again, and the
		// back-off grows to eight periods: at most 450 attempts a sensor.
		if attempts < 100 || attempts > 900 || counts[3]+counts[4] != 0 {
			t.Errorf("the dead device was asked %d times, and sent %v", attempts, counts[3:])
		}
		if s := r.sensor(3); s.Up || s.Errors[NACK]+s.Errors[CRC]+s.Errors[Short] != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// A storm of faults on two sensors of one unit and a neighbour: no value of one
// is ever sent for the other, all come back, and errors are counted by kind.
func TestNoAnswerIsTakenForAnothers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newModbusRig(t, 4)
		r.slave(1)
		busy := r.slave(2)
		r.meter(1, 10, 500*time.Millisecond)
		r.meter(1, 40, 500*time.Millisecond)
		r.meter(1, 70, 700*time.Millisecond)
		r.meter(2, 10, time.Second)
		r.run()
		rng := rand.New(rand.NewPCG(7, 8))
		for range 2000 {
			wait(time.Duration(rng.IntN(3000)) * time.Millisecond)
			r.line.Inject(1, sim.AnswerFault{
				Kind: sim.AnswerEchoed + sim.AnswerFaultKind(rng.IntN(int(sim.AnswerNone))), Times: 1 + rng.IntN(4),
				Delay: time.Duration(rng.Int64N(int64(modbusTimeout * 29 / 10))),
			})
		}
		r.line.Inject(1, sim.AnswerFault{})
		busy.Refuse(2)
		wait(30 * time.Second)
		busy.Refuse(11)
		wait(30 * time.Second)
		busy.Refuse(0)
		wait(time.Minute)
		before := r.judge()
		wait(10 * time.Second)
		r.stopAll()
		counts := r.judge()
		for i := range counts {
			if n := counts[i] - before[i]; n < 9 || !r.sensor(i).Up {
				t.Errorf("%s: %d values in the last 10 s, up %v", r.plans[i].Name, n, r.sensor(i).Up)
			}
		}
		var kinds [ErrorKinds]uint64
		for i := range 3 {
			for k, n := range r.sensor(i).Errors {
				kinds[k] += n
			}
		}
		for _, k := range []ErrorKind{Timeout, CRC, Short} {
			if kinds[k] < 20 {
				t.Errorf("%d errors of kind %v: %v", kinds[k], k, kinds)
			}
		}
		if other := r.sensor(3).Errors; other[Invalid] < 10 || other[NACK] < 3 || other[Timeout]+other[CRC]+other[Short] != 0 {
			t.Errorf("the neighbour's errors: %v, want invalid and nack only", other)
		}
		if slices.Contains(kinds[Identity:Identity+1], 1) || kinds[Other] != 0 {
			t.Errorf("errors of the wrong kind: %v", kinds)
		}
	})
}

// The same over Modbus TCP: transactions of all sensors are numbered in one row.
func TestTransactionsOfTwoSensorsAreToldApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newModbusRig(t, 2)
		r.line = sim.NewModbusTCP(20 * time.Millisecond)
		l, err := link.New(r.line, link.Options{Name: "bus gateway", Timeout: modbusTimeout})
		if err != nil {
			t.Fatal(err)
		}
		s := r.slave(1)
		root, _, _ := toml.Read([]byte("kind = \"modbus\"\nout.x = { holding = 10, type = \"u16\" }"))
		prog, _ := profile.Compile("meter", root.Plain().(map[string]any))
		other, _, _ := toml.Read([]byte("kind = \"modbus\"\nout.x = { holding = 40, type = \"u16\" }"))
		second, _ := profile.Compile("meter", other.Plain().(map[string]any))
		a, _ := modbus.New(l, prog, modbus.Opts{Unit: 1, TCP: true})
		b, _ := modbus.New(l, second, modbus.Opts{Unit: 1, TCP: true})
		r.line.Inject(1, sim.AnswerFault{Kind: sim.AnswerLate, Delay: modbusTimeout, Times: 1})
		var reading drivers.Reading
		if _, err := a.Read(&reading); err == nil {
			t.Fatal("an answer that is too late was taken")
		}
		if _, err := b.Read(&reading); err != nil || reading.Values[0] != 1<<12|40 || s.Asked() != 2 {
			t.Errorf("got %v, %v after %d requests, want register 40", reading.Values[0], err, s.Asked())
		}
	})
}
