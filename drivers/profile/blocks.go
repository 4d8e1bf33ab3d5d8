package profile

import (
	"cmp"
	"slices"
)

// Block is a run of registers or bits that one request reads.
type Block struct {
	Table Table
	Addr  uint16
	Count uint16 // registers or bits
	At    int    // where its data begins in the buffer that Decode takes
}

// Bytes is the length of the block's data in an answer.
func (b *Block) Bytes() int {
	if b.Table.bits() {
		return (int(b.Count) + 7) / 8
	}
	return 2 * int(b.Count)
}

// Plan chooses the fewest requests that read the outputs named in only, or all
// outputs if it is nil, and what they refer to. Decode then expects a buffer
// of size bytes with each block's data at its At.
//
// Values are never split over two requests, so that none is put together from
// two instants. Runs that are not further apart than the profile's max_gap
// become one.
func (d *Decoder) Plan(only []string) (blocks []Block, size int) {
	d.choose(only)
	var wanted []seat
	for i := range d.channels {
		if ch := &d.channels[i]; !ch.idle && ch.output.from < 0 {
			wanted = append(wanted, seat{ch.place, ch.output.field, &ch.field})
			if ch.output.tens.width > 0 {
				wanted = append(wanted, seat{ch.tensPlace, ch.output.tens, &ch.tens})
			}
		}
	}
	slices.SortFunc(wanted, func(a, b seat) int {
		return cmp.Or(cmp.Compare(a.table, b.table), cmp.Compare(a.addr, b.addr), cmp.Compare(a.n, b.n))
	})
	for _, s := range wanted {
		p := s.place
		if n := len(blocks); n > 0 && d.prog.modbus.joins(&blocks[n-1], p) {
			b := &blocks[n-1]
			b.Count = max(b.Count, p.addr+p.n-b.Addr)
			continue
		}
		blocks = append(blocks, Block{Table: p.table, Addr: p.addr, Count: p.n})
	}
	for i := range blocks {
		blocks[i].At = size
		size += blocks[i].Bytes()
	}
	for i := range wanted {
		wanted[i].settle(blocks)
	}
	return blocks, size
}

// seat is where a number stands in the device, and which one it is of a decoder.
type seat struct {
	place
	shape field  // its positions count from the number's own first byte
	field *field // in the buffer
}

// choose marks the outputs that nobody wants.
func (d *Decoder) choose(only []string) {
	for i := range d.channels {
		d.channels[i].idle = only != nil && !slices.Contains(only, d.channels[i].name)
	}
	for i := range d.channels {
		ch := &d.channels[i]
		for _, j := range []int{ch.from, ch.times} {
			if !ch.idle && j >= 0 {
				d.channels[j].idle = false
			}
		}
	}
}

// joins reports whether p fits into the same request as b, which begins at or
// before it.
func (m *modbus) joins(b *Block, p place) bool {
	if b.Table != p.table {
		return false
	}
	end, last := uint32(b.Addr)+uint32(b.Count), uint32(p.addr)+uint32(p.n)
	limit, gap := uint32(m.maxRegisters), uint32(m.gap)
	if p.table.bits() {
		limit, gap = MaxBits, 16*gap
	}
	return uint32(p.addr) <= end+gap && last-uint32(b.Addr) <= limit
}

// settle finds the number's bytes in the buffer.
func (s *seat) settle(blocks []Block) {
	p := &s.place
	i := slices.IndexFunc(blocks, func(b Block) bool {
		return b.Table == p.table && p.addr >= b.Addr && uint32(p.addr)+uint32(p.n) <= uint32(b.Addr)+uint32(b.Count)
	})
	b, f := &blocks[i], s.shape
	offset := p.addr - b.Addr
	if p.table.bits() { // section 6.1: the first is the lowest bit of the first byte
		f.pos[0] = uint16(b.At) + offset/8
		f.drop = uint8(offset % 8)
	} else {
		for k := range f.n {
			f.pos[k] += uint16(b.At) + 2*offset
		}
	}
	*s.field = f
}

// Narrow gives the registers or bits of the shortest value that begins where b
// does: the smallest request that the device is sure to answer there.
func (d *Decoder) Narrow(b *Block) uint16 {
	n := b.Count
	for i := range d.channels {
		ch := &d.channels[i]
		if p := &ch.place; !ch.idle && ch.from < 0 && p.table == b.Table && p.addr == b.Addr {
			n = min(n, p.n)
		}
	}
	return n
}
