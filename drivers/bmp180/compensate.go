package bmp180

// calibration is the factory trimming, table 5.
type calibration struct {
	ac1, ac2, ac3 int64 // signed
	ac4, ac5, ac6 int64 // unsigned
	b1, b2        int64 // signed
	mb, mc, md    int64 // signed; mb is in no formula
}

// parse takes the 22 bytes from 0xAA, high byte first.
func (c *calibration) parse(r []byte) {
	word := func(i int) uint16 { return uint16(r[2*i])<<8 | uint16(r[2*i+1]) }
	signed := func(i int) int64 { return int64(int16(word(i))) }
	c.ac1, c.ac2, c.ac3 = signed(0), signed(1), signed(2)
	c.ac4, c.ac5, c.ac6 = int64(word(3)), int64(word(4)), int64(word(5))
	c.b1, c.b2, c.mb, c.mc, c.md = signed(6), signed(7), signed(8), signed(9), signed(10)
}

// plausible reports whether no word is 0 or 0xFFFF, which section 3.4 gives as
// the sign of a communication that works.
func plausible(r []byte) bool {
	for i := 0; i < lenCalibration; i += 2 {
		if r[i] == r[i+1] && (r[i] == 0 || r[i] == 0xFF) {
			return false
		}
	}
	return true
}

// temperature is the first half of figure 4: tenths of a degree, and the fine
// temperature B5 that pressure needs. ok is false for a result that cannot be.
func (c *calibration) temperature(ut int64) (deci, b5 int64, ok bool) {
	x1 := (ut - c.ac6) * c.ac5 >> 15
	if x1+c.md == 0 {
		return 0, 0, false
	}
	x2 := (c.mc << 11) / (x1 + c.md)
	b5 = x1 + x2
	return (b5 + 8) >> 4, b5, true
}

// pressure is the second half of figure 4, in Pa.
func (c *calibration) pressure(up, b5 int64, oss uint) (pa int64, ok bool) {
	b6 := b5 - 4000
	square := b6 * b6 >> 12
	b3 := (((c.ac1*4 + (c.b2*square>>11 + c.ac2*b6>>11)) << oss) + 2) / 4
	x3 := (c.ac3*b6>>13 + c.b1*square>>16 + 2) / 4 // towards zero, as figure 4 divides: a shift gives up to 3 Pa more
	b4 := c.ac4 * (x3 + 32768) >> 15
	b7 := (up - b3) * (50000 >> oss)
	if b4 <= 0 || b7 < 0 {
		return 0, false
	}
	if b7 < 0x80000000 {
		pa = b7 * 2 / b4
	} else {
		pa = b7 / b4 * 2
	}
	x1 := (pa >> 8) * (pa >> 8) * 3038 >> 16
	x2 := -7357 * pa >> 16
	return pa + (x1+x2+3791)>>4, true
}
