package sim

import (
	"fmt"
	"math"
	"sync"
	"time"
)

// LM75 is a simulated LM75 (9 bits) or one of its finer relatives: LM75A and
// LM75B with 11 bits, for example.
type LM75 struct {
	bits int

	mu     sync.Mutex // guards what follows
	cel    float64
	now    time.Time
	edge   time.Time // next end of a conversion; zero: shut down
	ptr    pointer
	temp   int // in units of the chip's resolution
	config byte
	hyst   uint16
	os     uint16
}

const lm75Conversion = 100 * time.Millisecond // one each 100 ms

// NewLM75 makes a chip of the given resolution at 20 Cel; bits is 9 to 12.
func NewLM75(bits int) *LM75 {
	if bits < 9 || bits > 12 {
		panic(fmt.Sprintf("sim: an LM75 has 9 to 12 bits, not %d", bits))
	}
	return &LM75{bits: bits, cel: 20}
}

// Set says how warm the chip is from now on.
func (c *LM75) Set(cel float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cel = cel
}

// PowerOn implements Chip.
func (c *LM75) PowerOn(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ptr, c.temp, c.config, c.hyst, c.os = 0, 0, 0, 0x4B00, 0x5000
	c.edge = now.Add(lm75Conversion)
}

// Tx implements Chip.
func (c *LM75) Tx(now time.Time, w, r []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
	c.advance()
	c.ptr.tx(c, w, r)
	return true
}

func (c *LM75) advance() {
	if c.edge.IsZero() || c.now.Before(c.edge) {
		return
	}
	steps := math.Round(c.cel * float64(int(1)<<(c.bits-8)))
	top := float64(int(1) << (c.bits - 1))
	c.temp = int(min(max(steps, -top), top-1))
	c.edge = c.edge.Add((c.now.Sub(c.edge)/lm75Conversion + 1) * lm75Conversion)
}

func (c *LM75) reg(i byte) uint16 {
	switch i & 3 {
	case 1:
		return uint16(c.config)<<8 | uint16(c.config) // one byte long: it repeats
	case 2:
		return c.hyst
	case 3:
		return c.os
	}
	return uint16(c.temp << (16 - c.bits))
}

func (c *LM75) setReg(i byte, v uint16) {
	switch i & 3 {
	case 1:
		c.setConfig(byte(v >> 8))
	case 2:
		c.hyst = v & 0xFF80
	case 3:
		c.os = v & 0xFF80
	}
}

// setConfig follows the shutdown bit: 1 stops conversions.
func (c *LM75) setConfig(v byte) {
	was := c.config
	c.config = v & 0x1F
	switch {
	case v&1 != 0:
		c.edge = time.Time{}
	case was&1 != 0:
		c.edge = c.now.Add(lm75Conversion)
	}
}
