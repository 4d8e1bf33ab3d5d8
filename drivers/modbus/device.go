package modbus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/crc"
	"github.com/telhub/telhub/drivers/link"
	"github.com/telhub/telhub/drivers/profile"
)

// Opts say which device it is and what is wanted of it.
type Opts struct {
	Unit  uint8              // the device's number; 1 to 247 on a serial line, though some answer to 254, too
	TCP   bool               // requests have the header of Modbus TCP, instead of a checksum
	Only  []string           // outputs that are wanted; nil: all
	Const map[string]float64 // replaces constants of the profile
}

// Device is one Modbus device.
type Device struct {
	line   *link.Link
	prog   *profile.Program
	dec    *profile.Decoder
	unit   uint8
	tcp    bool
	blocks []profile.Block
	match  []profile.Match
	buf    []byte

	request [12]byte
	answer  answer
	known   bool  // the identity was verified since Init
	err     Error // the one error that the device returns
}

var _ drivers.Sensor = (*Device)(nil)

// New makes the device that prog describes on a line, which it does not own.
// It asks nothing before Init. line may be nil to check options only.
func New(line *link.Link, prog *profile.Program, o Opts) (*Device, error) {
	if prog.Kind() != profile.Modbus {
		return nil, fmt.Errorf("%s: a profile of kind %s is not for Modbus", prog.Name(), prog.Kind())
	}
	dec, err := prog.NewDecoder(o.Const)
	if err != nil {
		return nil, err
	}
	d := &Device{line: line, prog: prog, dec: dec, unit: o.Unit, tcp: o.TCP, match: prog.Matches()}
	var size int
	d.blocks, size = dec.Plan(o.Only)
	d.buf = make([]byte, size)
	return d, nil
}

// Outputs lists what the profile measures, wanted or not.
func (d *Device) Outputs() []drivers.Output { return d.dec.Outputs() }

// Blocks lists the requests of a reading.
func (d *Device) Blocks() []profile.Block { return d.blocks }

// String gives profile and number.
func (d *Device) String() string { return fmt.Sprintf("%s unit %d", d.prog.Name(), d.unit) }

// Conversion is how long a reading takes at least: the profile's own time.
func (d *Device) Conversion() time.Duration { return d.prog.Time() }

// Init verifies the device's identity, where the profile knows it. While a late
// answer may come nothing is asked, and Read does it first.
func (d *Device) Init() error {
	d.known = false
	if err := d.identify(); !errors.Is(err, drivers.ErrNotReady) || d.err.Exception != 0 {
		return err
	}
	return nil
}

// identify verifies the identity unless that was done since Init.
func (d *Device) identify() error {
	for i := range d.match {
		if d.known {
			break
		}
		m := &d.match[i]
		data, err := d.ask(&m.Block)
		if err != nil {
			return err
		}
		if seen, want, ok := m.Holds(data); !ok {
			_ = d.fail(&m.Block, drivers.ErrIdentity)
			d.err.compared, d.err.Seen, d.err.Want = true, seen, want
			return &d.err
		}
	}
	d.known = true
	return nil
}

// Read makes the requests of a reading. It returns no waits.
func (d *Device) Read(dst *drivers.Reading) (time.Duration, error) {
	if err := d.identify(); err != nil {
		return 0, err
	}
	for i := range d.blocks {
		b := &d.blocks[i]
		data, err := d.ask(b)
		if err != nil {
			return 0, err
		}
		copy(d.buf[b.At:], data)
	}
	d.dec.Decode(d.buf, dst)
	return 0, nil
}

// ask reads a block and gives the answer's data, valid until the next call.
func (d *Device) ask(b *profile.Block) ([]byte, error) {
	if err := d.align(b); err != nil {
		return nil, err
	}
	pdu, err := d.exchange(b)
	if err != nil {
		return nil, err
	}
	if pdu[0]&exceptionBit != 0 {
		_ = d.fail(b, exceptionError(pdu[1]))
		d.err.Exception = pdu[1]
		return nil, &d.err
	}
	return pdu[2:], nil
}

// exchange makes the request for b and gives the answer's function and data.
func (d *Device) exchange(b *profile.Block) ([]byte, error) {
	request := d.compose(b)
	d.answer.begin(request, b, d.tcp)
	got, err := d.line.Exchange(request, &d.answer)
	switch {
	case err == nil:
	case errors.Is(err, drivers.ErrTimeout), errors.Is(err, drivers.ErrShort):
		if !d.tcp && !d.answer.damaged { // a damaged answer did come
			d.line.Owe(d.unit, form(b), errors.Is(err, drivers.ErrTimeout))
		}
		return nil, d.fail(b, d.answer.why(err))
	default:
		return nil, d.fail(b, err)
	}
	if !d.tcp { // answers are in the order of requests, and this one was asked for last
		d.line.Settle(d.unit)
	}
	return d.answer.pdu(got), nil
}

// compose makes the request for a block.
func (d *Device) compose(b *profile.Block) []byte {
	w := d.request[:0]
	if d.tcp {
		w = binary.BigEndian.AppendUint16(w, d.line.Number())
		w = append(w, 0, 0, 0, 6) // protocol 0, six bytes follow (implementation guide, section 3.1.3)
	}
	w = append(w, d.unit, byte(b.Table))
	w = binary.BigEndian.AppendUint16(w, b.Addr)
	w = binary.BigEndian.AppendUint16(w, b.Count)
	if !d.tcp {
		w = binary.LittleEndian.AppendUint16(w, crc.Modbus(w))
	}
	return w
}
