package sim

// words is a chip with a pointer register and 16-bit registers, high byte
// first, as TI's sensors have.
type words interface {
	reg(i byte) uint16

	// setReg takes what was written to register i; bits that are read-only are
	// the chip's to ignore. A single byte arrives as the high half.
	setReg(i byte, v uint16)
}

// pointer is the pointer register. It keeps its value between transactions and
// does not advance.
type pointer byte

// tx serves one transaction. Bytes beyond a register's two read as ones,
// because nobody pulls the line.
func (p *pointer) tx(c words, w, r []byte) {
	if len(w) > 0 {
		*p = pointer(w[0])
	}
	switch {
	case len(w) == 2:
		c.setReg(byte(*p), uint16(w[1])<<8)
	case len(w) > 2:
		c.setReg(byte(*p), uint16(w[1])<<8|uint16(w[2]))
	}
	if len(r) == 0 {
		return
	}
	v := c.reg(byte(*p))
	for i := range r {
		switch i {
		case 0:
			r[i] = byte(v >> 8)
		case 1:
			r[i] = byte(v)
		default:
			r[i] = 0xFF
		}
	}
}
