package iio

import (
	"fmt"

	"github.com/telhub/telhub/drivers"
)

// maxScan bounds a scan: as many elements as a sensor can have outputs, of the
// largest size.
const maxScan = drivers.MaxOutputs * 8 * maxRepeat

// element is a part of a scan that is an output.
type element struct {
	output        int
	at            int // of the part in the scan, in bytes
	typ           scanType
	offset, scale float64
	kind          kind
}

// layout says where things are in a scan.
type layout struct {
	size     int // of a scan
	stamp    int // where its time stamp is
	typ      scanType
	elements []element
}

// enabled is an element that the kernel puts into the scan.
type enabled struct {
	name  string
	index int
	typ   scanType
	at    int
}

// place gives the elements, sorted by their index, their places in the scan
// and returns its size. Each is aligned to its own size, and the whole to the
// largest: iio_compute_scan_bytes in drivers/iio/industrialio-buffer.c, whose
// rounding is meant for powers of two and is done here for other sizes
// (a repeat of 3) in the same way.
func place(list []enabled) (size int, err error) {
	largest := 1
	for i := range list {
		if i > 0 && list[i].index == list[i-1].index {
			return 0, fmt.Errorf("%s and %s have the same index %d", list[i-1].name, list[i].name, list[i].index)
		}
		n := list[i].typ.size()
		list[i].at = align(size, n)
		size = list[i].at + n
		largest = max(largest, n)
	}
	if size = align(size, largest); size > maxScan {
		return 0, fmt.Errorf("a scan has %d bytes, the most are %d: read fewer channels", size, maxScan)
	}
	return size, nil
}

func align(n, to int) int { return (n + to - 1) &^ (to - 1) }

// decode takes a scan apart. It returns the stamp that the kernel gave it.
func (l *layout) decode(scan []byte, dst *drivers.Reading) (stamp int64) {
	for i := range l.elements {
		e := &l.elements[i]
		dst.Set(e.output, e.kind.value((e.typ.float(scan[e.at:])+e.offset)*e.scale))
	}
	return l.typ.int(scan[l.stamp:])
}
