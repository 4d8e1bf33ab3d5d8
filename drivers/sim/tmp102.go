package sim

import (
	"math"
	"sync"
	"time"
)

// TMP102 is a simulated TI TMP102; sections are those of SBOS397.
type TMP102 struct {
	mu     sync.Mutex // guards what follows
	cel    float64
	now    time.Time
	edge   time.Time // next end of a conversion; zero: none is coming
	ptr    pointer
	temp   int // in 1/16 Cel
	config uint16
	low    uint16
	high   uint16
}

const tmp102Conversion = 26 * time.Millisecond // typical, section 6.5

// Bits of the configuration register, section 7.5.3.
const (
	tmp102OneShot  = 1 << 15
	tmp102Shutdown = 1 << 8
	tmp102Extended = 1 << 4
	tmp102ReadOnly = 1<<14 | 1<<13 | 1<<5 // R1 R0 (always 11) and AL
)

// NewTMP102 makes a TMP102 at 20 Cel.
func NewTMP102() *TMP102 { return &TMP102{cel: 20} }

// Set says how warm the chip is from now on.
func (c *TMP102) Set(cel float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cel = cel
}

// PowerOn implements Chip. The temperature reads 0 until the first conversion
// ends (section 7.5.2).
func (c *TMP102) PowerOn(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ptr, c.temp, c.config, c.low, c.high = 0, 0, 0x60A0, 0x4B00, 0x5000
	c.edge = now.Add(tmp102Conversion)
}

// Tx implements Chip.
func (c *TMP102) Tx(now time.Time, w, r []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
	c.advance()
	c.ptr.tx(c, w, r)
	return true
}

// advance ends the conversions that are due. Only the last one leaves a trace.
func (c *TMP102) advance() {
	if c.edge.IsZero() || c.now.Before(c.edge) {
		return
	}
	c.temp = min(max(int(math.Round(c.cel*16)), -128*16), 150*16)
	if c.config&tmp102Shutdown != 0 {
		c.edge, c.config = time.Time{}, c.config|tmp102OneShot
		return
	}
	period := [4]time.Duration{4000, 1000, 250, 125}[c.config>>6&3] * time.Millisecond // section 7.5.3.9
	c.edge = c.edge.Add((c.now.Sub(c.edge)/period + 1) * period)
}

func (c *TMP102) reg(i byte) uint16 {
	switch i & 3 {
	case 1:
		return c.config
	case 2:
		return c.low
	case 3:
		return c.high
	}
	if c.config&tmp102Extended != 0 { // 13 bits and a mark, section 7.5.2
		return uint16(c.temp<<3) | 1
	}
	return uint16(min(c.temp, 0x7FF) << 4)
}

func (c *TMP102) setReg(i byte, v uint16) {
	switch i & 3 {
	case 1:
		c.setConfig(v)
	case 2:
		c.low = v
	case 3:
		c.high = v
	}
}

// setConfig keeps the read-only bits and starts what the bits ask for:
// one-shot in shutdown, or conversions again when shutdown ends.
func (c *TMP102) setConfig(v uint16) {
	was := c.config
	c.config = v&^(tmp102ReadOnly|tmp102OneShot|0xF) | was&tmp102ReadOnly // the low nibble is always 0
	switch {
	case v&tmp102Shutdown == 0 && was&tmp102Shutdown != 0:
		c.edge = c.now.Add(tmp102Conversion)
	case v&tmp102Shutdown != 0 && v&tmp102OneShot != 0:
		c.edge = c.now.Add(tmp102Conversion)
	case v&tmp102Shutdown != 0 && was&tmp102Shutdown == 0:
		c.edge = c.now.Add(tmp102Conversion) // the running conversion still ends
	}
}
