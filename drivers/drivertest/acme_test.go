package drivertest

import (
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"periph.io/x/conn/v3/i2c"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/sim"
)

// The driver of docs/drivers.md.

// Dev is one T2. It is owned by its bus's goroutine.
type Dev struct {
	bus  i2c.Bus
	addr uint16
	w, r [2]byte // here, so that they do not escape with each call
	err  fault
}

var outputs = []drivers.Output{{Name: "temperature", Unit: "Cel", Resolution: 0.01}}

func New(bus i2c.Bus, addr uint16) *Dev { return &Dev{bus: bus, addr: addr} }

func (d *Dev) Outputs() []drivers.Output { return outputs }

func (d *Dev) Init() error {
	if err := d.read(0x0F); err != nil { // section 7.3, identification
		return err
	}
	if d.r[0] != 0xA2 {
		return d.fail(drivers.ErrIdentity)
	}
	return nil
}

func (d *Dev) Read(dst *drivers.Reading) (time.Duration, error) {
	if err := d.read(0x00); err != nil { // section 7.1, result
		return 0, err
	}
	x := float64(binary.BigEndian.Uint16(d.r[:])) / 65536
	dst.Set(0, -40+210*x-35*x*x) // section 6.2
	return 0, nil
}

func (d *Dev) read(reg byte) error {
	d.w[0] = reg
	if err := d.bus.Tx(d.addr, d.w[:1], d.r[:]); err != nil {
		return d.fail(err)
	}
	return nil
}

// fault is the one error that the device returns, so that failing allocates nothing.
type fault struct {
	addr uint16
	err  error
}

func (f *fault) Error() string { return fmt.Sprintf("acme-t2 0x%02x: %v", f.addr, f.err) }
func (f *fault) Unwrap() error { return f.err }

func (d *Dev) fail(err error) error {
	d.err = fault{d.addr, err}
	return &d.err
}

func TestT2(t *testing.T) {
	Run(t, Device{
		Addr: 0x4E,
		Chip: func() sim.Chip {
			c := sim.NewRegisters(2, map[byte]uint16{0x0F: 0xA201})
			c.Set(0x00, 0x8000)
			return c
		},
		Open: func(bus i2c.Bus) (drivers.Sensor, error) { return New(bus, 0x4E), nil },
		Want: map[string]Near{"temperature": {56.25, 0.01}}, // data sheet, table 4
	})
}

// The driver in the document is this file's.
func TestTheDocumentsDriver(t *testing.T) {
	doc, err := os.ReadFile("../../docs/drivers.md")
	if err != nil {
		t.Fatal(err)
	}
	here, err := os.ReadFile("acme_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(doc), "package acmet2\n\n")
	code, _, _ := strings.Cut(rest, "```")
	if len(code) < 500 || !strings.Contains(string(here), strings.TrimSpace(code)) {
		t.Error("docs/drivers.md has another driver than acme_test.go")
	}
}
