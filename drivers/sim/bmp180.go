package sim

import (
	"math"
	"sync"
	"time"
)

// BMP180Calibration is the factory trimming of a BMP180: table 5 of its data
// sheet, BST-BMP180-DS000.
type BMP180Calibration struct {
	AC1, AC2, AC3, AC4, AC5, AC6 int
	B1, B2, MB, MC, MD           int
}

// BMP180Typical gives the trimming of the data sheet's worked example, figure 4.
func BMP180Typical() BMP180Calibration {
	return BMP180Calibration{AC1: 408, AC2: -72, AC3: -14383, AC4: 32741, AC5: 32757, AC6: 23153,
		B1: 6190, B2: 4, MB: -32768, MC: -8711, MD: 2868}
}

// BMP180 is a simulated BMP180. Sections are those of its data sheet.
type BMP180 struct {
	cal   BMP180Calibration
	words [22]byte

	mu     sync.Mutex // guards what follows
	cel    float64
	pa     float64
	last   time.Time
	ptr    byte
	ctrl   byte
	result [3]byte
	end    time.Time // of the running conversion
}

// NewBMP180 makes a chip in air of 20 Cel and 101325 Pa.
func NewBMP180(cal BMP180Calibration) *BMP180 {
	c := &BMP180{cal: cal, cel: 20, pa: 101325}
	for i, v := range []int{cal.AC1, cal.AC2, cal.AC3, cal.AC4, cal.AC5, cal.AC6, cal.B1, cal.B2, cal.MB, cal.MC, cal.MD} {
		c.words[2*i], c.words[2*i+1] = byte(v>>8), byte(v)
	}
	return c
}

// Set says what the air is like from now on.
func (c *BMP180) Set(cel, pa float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cel, c.pa = cel, pa
}

// BrownOut makes the supply dip: what was under way is gone.
func (c *BMP180) BrownOut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.powerOnLocked()
}

// PowerOn implements Chip.
func (c *BMP180) PowerOn(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = now
	c.powerOnLocked()
}

func (c *BMP180) powerOnLocked() {
	c.ptr, c.ctrl, c.result, c.end = 0, 0, [3]byte{0x80}, time.Time{}
}

// Tx implements Chip. Writes are pairs of register and value; a single last
// byte sets the address from which reads advance.
func (c *BMP180) Tx(now time.Time, w, r []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = now
	if c.ctrl&(1<<5) != 0 && !now.Before(c.end) {
		c.convert()
	}
	for ; len(w) >= 2; w = w[2:] {
		c.write(now, w[0], w[1])
	}
	if len(w) == 1 {
		c.ptr = w[0]
	}
	for i := range r {
		r[i] = c.register(c.ptr)
		c.ptr++
	}
	return true
}

func (c *BMP180) register(reg byte) byte {
	switch {
	case reg >= 0xAA && reg <= 0xBF:
		return c.words[reg-0xAA]
	case reg == 0xD0:
		return 0x55
	case reg == 0xF4:
		return c.ctrl
	case reg >= 0xF6 && reg <= 0xF8:
		return c.result[reg-0xF6]
	}
	return 0
}

// write takes ctrl_meas (times: the typical ones of table 3) and the reset.
func (c *BMP180) write(now time.Time, reg, v byte) {
	switch {
	case reg == 0xE0 && v == 0xB6:
		c.powerOnLocked()
	case reg == 0xF4 && v == 0x2E:
		c.ctrl, c.end = v, now.Add(3*time.Millisecond)
	case reg == 0xF4 && v&0x3F == 0x34:
		c.ctrl = v
		c.end = now.Add([4]time.Duration{3, 5, 9, 17}[v>>6] * time.Millisecond)
	}
}

// convert ends the running conversion: it fills the result.
func (c *BMP180) convert() {
	ut := invert(1<<16, c.cel, func(ut int) float64 { t, _ := c.cal.celsius(float64(ut)); return t })
	if c.ctrl&0x3F == 0x2E {
		c.result = [3]byte{byte(ut >> 8), byte(ut), 0}
	} else {
		oss := c.ctrl >> 6
		_, b5 := c.cal.celsius(float64(ut))
		up := invert(1<<(16+oss), c.pa, func(up int) float64 { return c.cal.pascal(float64(up)/math.Exp2(float64(oss)), b5) })
		up <<= 8 - oss
		c.result = [3]byte{byte(up >> 16), byte(up >> 8), byte(up)}
	}
	c.ctrl &^= 1 << 5
}

// celsius is figure 4 in real numbers: the temperature, and B5.
func (c *BMP180Calibration) celsius(ut float64) (cel, b5 float64) {
	x1 := (ut - float64(c.AC6)) * float64(c.AC5) / 32768
	b5 = x1 + float64(c.MC)*2048/(x1+float64(c.MD))
	return b5 / 160, b5
}

// pascal is the rest of figure 4 in real numbers, for a result of 16 bits
// with a fraction.
func (c *BMP180Calibration) pascal(up, b5 float64) float64 {
	b6 := b5 - 4000
	b3 := float64(c.AC1) + (float64(c.B2)*b6*b6/4096+float64(c.AC2)*b6)/2048/4
	x3 := (float64(c.AC3)*b6/8192 + float64(c.B1)*b6*b6/4096/65536) / 4
	p := (up - b3) * 50000 * 2 / (float64(c.AC4) * (x3 + 32768) / 32768)
	return p + (p*p/65536*3038/65536-7357*p/65536+3791)/16
}
