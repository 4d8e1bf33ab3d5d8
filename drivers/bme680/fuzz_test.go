package bme680_test

import (
	"bytes"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/physic"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/bme680"
)

// memory is a chip that holds whatever it is given: settings stick, and a
// measurement gives data, meas_status_0 first.
type memory struct {
	regs [256]byte
	data []byte
}

func (*memory) String() string                  { return "memory" }
func (*memory) SetSpeed(physic.Frequency) error { return nil }

func (m *memory) Tx(_ uint16, w, r []byte) error {
	for i, v := range w[1:] {
		m.regs[int(w[0])+i] = v
	}
	if len(w) == 2 && w[0] == 0x74 && w[1]&3 == 1 { // a forced measurement
		m.regs[0x74] &^= 3
		copy(m.regs[0x1D:0x2C], m.data)
	}
	copy(r, m.regs[w[0]:])
	return nil
}

// Any calibration and any result give finite values, bad ones or an error, and
// the humidity is one.
func FuzzRead(f *testing.F) {
	some := bytes.Repeat([]byte{0x5A, 0x65, 3}, 14)
	f.Add(some, []byte("\x80\x00\x4f\x80\x00\x7a\x00\x00\x55\x00\x00\x00\x00\x80\x34"), uint8(0))
	f.Add(bytes.Repeat([]byte{0xff, 0x7f}, 21), bytes.Repeat([]byte{0x80}, 15), uint8(1))
	f.Add(bytes.Repeat([]byte{0, 0x80}, 21), bytes.Repeat([]byte{0xff}, 15), uint8(2))
	f.Fuzz(func(t *testing.T, cal, data []byte, plain uint8) {
		m := &memory{data: data}
		m.regs[0xD0] = 0x61
		rest := cal
		for _, at := range [][]byte{m.regs[0x8A:0xA1], m.regs[0xE1:0xEF], m.regs[:5]} {
			rest = rest[copy(at, rest):]
		}
		o := bme680.DefaultOpts()
		if plain&1 != 0 {
			o.Heater = 0
		}
		if plain&2 != 0 {
			o.Pressure = 0
		}
		d, err := bme680.New(m, o)
		if err != nil {
			t.Fatal(err)
		}
		var bad error
		synctest.Test(t, func(*testing.T) { bad = d.Init() }) // it sleeps while the chip restarts
		if bad != nil {
			return
		}
		var r drivers.Reading
		for range 2 { // the second with a heater set for the first's air
			if read(t, d, &r) != nil {
				return
			}
			for i, out := range d.Outputs() {
				v := r.Values[i]
				if r.Has(i) == r.IsBad(i) || r.Has(i) && (math.IsNaN(v) || math.IsInf(v, 0)) {
					t.Errorf("%s: %v, good %v, bad %v", out.Name, v, r.Has(i), r.IsBad(i))
				}
				if out.Name == "humidity" && (v < 0 || v > 100) {
					t.Errorf("humidity %v %%", v)
				}
			}
		}
	})
}

// read measures without waiting; a measurement ends within ten questions.
func read(t *testing.T, d *bme680.Dev, dst *drivers.Reading) error {
	t.Helper()
	dst.Reset()
	var wait time.Duration
	var err error
	for range 10 {
		if wait, err = d.Read(dst); err != nil || wait == 0 {
			return err
		}
	}
	t.Errorf("the measurement does not end: it asks for another %v", wait)
	return nil
}
