package iio

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/sysfs"
)

// arrange reads how scans are stored, offsets and scales.
func (b *Buffered) arrange(dir string) error {
	var list []enabled
	for _, name := range append([]string{stamped}, b.wanted()...) {
		e := enabled{name: name}
		stem := filepath.Join(dir, "scan_elements/in_"+name)
		index, err := os.ReadFile(stem + "_index")
		if err == nil {
			e.index, err = strconv.Atoi(string(sysfs.Line(index)))
		}
		if err != nil {
			return b.fail("read in_"+name+"_index", err, "")
		}
		text, err := os.ReadFile(stem + "_type")
		if err == nil {
			e.typ, err = parseType(sysfs.Line(text))
		}
		if err != nil {
			return b.fail("read in_"+name+"_type", err, "")
		}
		at := 0 // in the order of their index
		for at < len(list) && list[at].index < e.index {
			at++
		}
		list = slices.Insert(list, at, e)
	}
	size, err := place(list)
	if err != nil {
		return b.fail("lay out the scan", err, "")
	}
	l := layout{size: size}
	for i := range b.channels {
		if err := b.element(&l, i, list); err != nil {
			return err
		}
	}
	t := list[slices.IndexFunc(list, func(e enabled) bool { return e.name == stamped })]
	l.stamp, l.typ = t.at, t.typ
	b.layout, b.rest, b.nRest = l, make([]byte, size), 0
	b.buf = make([]byte, max(chunk/size, 1)*size)
	b.at, b.n = 0, 0
	return nil
}

// wanted are the channels that are scanned, each once.
func (b *Buffered) wanted() (list []string) {
	for _, c := range b.channels {
		if c.wanted && !slices.Contains(list, c.name) {
			list = append(list, c.name)
		}
	}
	return list
}

// element says where in the scan output i is.
func (b *Buffered) element(l *layout, i int, list []enabled) (err error) {
	c := &b.channels[i]
	if !c.wanted {
		return nil
	}
	in := list[slices.IndexFunc(list, func(e enabled) bool { return e.name == c.name })]
	if c.part >= int(in.typ.repeat) {
		return b.fail("channel "+c.name, drivers.ErrIdentity, fmt.Sprintf("it has no part [%d], only %d parts from [0] on", c.part, in.typ.repeat))
	}
	e := element{output: i, at: in.at + c.part*int(in.typ.storage)/8, typ: in.typ, kind: c.kind}
	if e.offset, err = b.number(c.offset, 0); err != nil {
		return err
	}
	if e.scale, err = b.number(c.scale, 1); err != nil {
		return err
	}
	l.elements = append(l.elements, e)
	return nil
}
