package sim

import (
	"sync"
	"time"
)

// Registers is a chip of plain registers: for the tests of a driver whose chip
// has no model of its own here. What is Set is what the chip measures, and
// cannot be written over the bus; the other registers hold their reset values
// until they are written, and again after the supply was away.
type Registers struct {
	width int
	reset map[byte]uint16

	mu       sync.Mutex // guards what follows
	measured map[byte]uint16
	written  map[byte]uint16
	ptr      byte
}

var _ Chip = (*Registers)(nil)

// NewRegisters makes a chip whose registers have one byte, over which reads and
// writes advance, or two, high byte first, at which the pointer stays. Any
// other width is a mistake in the program and panics.
func NewRegisters(width int, reset map[byte]uint16) *Registers {
	if width != 1 && width != 2 {
		panic("sim: registers have one byte or two")
	}
	return &Registers{width: width, reset: reset, measured: map[byte]uint16{}, written: map[byte]uint16{}}
}

// Set says what a register shows from now on.
func (c *Registers) Set(reg byte, v uint16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.measured[reg] = v
}

// Get tells what a register shows: to see what a driver has written.
func (c *Registers) Get(reg byte) uint16 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reg(reg)
}

// PowerOn implements Chip.
func (c *Registers) PowerOn(time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.written)
	c.ptr = 0
}

// Tx implements Chip.
func (c *Registers) Tx(_ time.Time, w, r []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.width == 2 {
		p := pointer(c.ptr)
		p.tx(c, w, r)
		c.ptr = byte(p)
		return true
	}
	if len(w) > 0 {
		c.ptr = w[0]
		for _, b := range w[1:] {
			c.setReg(c.ptr, uint16(b))
			c.ptr++
		}
	}
	for i := range r {
		r[i] = byte(c.reg(c.ptr))
		c.ptr++
	}
	return true
}

func (c *Registers) reg(i byte) uint16 {
	for _, m := range []map[byte]uint16{c.measured, c.written, c.reset} {
		if v, ok := m[i]; ok {
			return v
		}
	}
	return 0
}

func (c *Registers) setReg(i byte, v uint16) {
	if _, ok := c.measured[i]; !ok {
		c.written[i] = v
	}
}
