package w1

import (
	"math"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/sysfs"
)

// measurement is what a read of the kernel's file gave.
type measurement struct {
	milli int64    // m°C
	pad   [9]uint8 // the scratchpad, where known
	known bool
}

// parse reads the two lines of w1_slave, or the number of temperature.
//
//	72 01 4b 46 7f ff 0e 10 57 : crc=57 YES
//	72 01 4b 46 7f ff 0e 10 57 t=23125
func parse(text []byte) (m measurement, err error) {
	if n, ok := sysfs.Int(text); ok {
		m.milli = n
		return m, nil
	}
	if len(text) == 0 {
		return m, drivers.ErrInvalid // a bulk conversion that somebody started has not ended
	}
	rest, ok := m.hex(text)
	if !ok {
		return m, drivers.ErrShort
	}
	colon, rest := sysfs.Word(rest)
	sum, rest := sysfs.Word(rest)
	verdict, rest := sysfs.Word(rest)
	if string(colon) != ":" || len(sum) < len("crc=0") || string(sum[:4]) != "crc=" {
		return m, drivers.ErrShort
	}
	if string(verdict) != "YES" {
		return m, drivers.ErrCRC
	}
	if len(rest) == 0 || rest[0] != '\n' {
		return m, drivers.ErrShort
	}
	retained := m
	if rest, ok = retained.hex(rest[1:]); !ok || retained.pad != m.pad {
		return m, drivers.ErrShort
	}
	t, rest := sysfs.Word(rest)
	if len(t) < len("t=0") || string(t[:2]) != "t=" || len(rest) > 0 {
		return m, drivers.ErrShort
	}
	if m.milli, ok = sysfs.Int(t[2:]); !ok {
		return m, drivers.ErrShort
	}
	m.known = true
	return m, nil
}

// hex reads the nine bytes of the scratchpad.
func (m *measurement) hex(text []byte) (rest []byte, ok bool) {
	for i := range m.pad {
		word, after := sysfs.Word(text)
		b, tail, ok := sysfs.Hex(word)
		if !ok || len(tail) > 0 {
			return nil, false
		}
		m.pad[i], text = b, after
	}
	return text, true
}

// celsius is the temperature: the sixty-fourth of a degree next to the
// kernel's truncated number.
func (m *measurement) celsius() float64 { return math.Round(float64(m.milli)*64/1000) / 64 }

// The families of 1-Wire ROM numbers that w1_therm reads.
const (
	ds18s20  = 0x10
	ds1822   = 0x22
	ds18b20  = 0x28
	ds1825   = 0x3B // and MAX31850
	ds28ea00 = 0x42
)

func thermometer(family uint8) bool {
	switch family {
	case ds18s20, ds1822, ds18b20, ds1825, ds28ea00:
		return true
	}
	return false
}

// The power-on value, how far from the reading before it is believed, and what
// others use for "no answer"; all in m°C.
const powerOn, near, noAnswer = 85000, 2000, -127000

// plausible reports whether the device measured that. last is the reading
// before; before reports whether there is one.
func (m *measurement) plausible(family uint8, last int64, before bool) bool {
	low, high := int64(-55000), int64(125000)
	if family == ds1825 && (!m.known || m.pad[4]&0x80 != 0) { // MAX31850: configuration bit 7 is 1
		low, high = -270000, 1820000
		if m.known && m.pad[0]&1 != 0 {
			return false
		}
	}
	switch {
	case m.milli < low || m.milli > high || m.milli == noAnswer:
		return false
	case m.milli != powerOn:
		return true
	case m.known && family == ds18b20 && m.pad[6] == 0x0C: // w1_therm.rst, feature bit 1
		return false
	}
	return before && last >= powerOn-near && last <= powerOn+near
}
