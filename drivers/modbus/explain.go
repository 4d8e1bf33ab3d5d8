package modbus

import (
	"fmt"

	"github.com/telhub/telhub/drivers"
)

// Explain tells how output i of the last reading came about. It is for people
// and allocates.
func (d *Device) Explain(i int, dst *drivers.Reading) []string { return d.dec.Explain(i, d.buf, dst) }

// Basis tells what the last reading's bytes are.
func (d *Device) Basis() (lines []string) {
	for i := range d.blocks {
		b := &d.blocks[i]
		lines = append(lines, fmt.Sprintf("bytes %d to %d: % X, %s %d and %d more", b.At, b.At+b.Bytes()-1, d.buf[b.At:b.At+b.Bytes()], tableName(b.Table), b.Addr, b.Count-1))
	}
	return lines
}
