package framed

import (
	"fmt"

	"github.com/telhub/telhub/drivers"
)

// Explain tells how output i of the last reading came about. It is for people
// and allocates.
func (d *Device) Explain(i int, dst *drivers.Reading) []string { return d.dec.Explain(i, d.found, dst) }

// Basis tells what the last telegram was, header included, stuffing removed.
func (d *Device) Basis() []string { return basis(d.found) }

// Explain tells how output i of the last reading came about, as Device's does.
// It has to be called before the next Feed.
func (s *Stream) Explain(i int, dst *drivers.Reading) []string { return s.dec.Explain(i, s.last, dst) }

// Basis tells what the last telegram was, header included, stuffing removed.
func (s *Stream) Basis() []string { return basis(s.last) }

func basis(telegram []byte) []string {
	return []string{fmt.Sprintf("telegram of %d bytes, checked: % X", len(telegram), telegram)}
}
