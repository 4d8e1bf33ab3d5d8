package sim

import (
	"math"
	"sync"
	"time"
)

// SHT4x is a simulated Sensirion SHT40, SHT41 or SHT45. Sections are those of
// the SHT4x data sheet. It acknowledges a command byte, then refuses to be
// read until it has an answer.
type SHT4x struct {
	serial uint32

	mu     sync.Mutex // guards what follows
	cel    float64
	rh     float64
	badCRC bool
	ready  time.Time // the answer is there from then on
	answer [6]byte
	full   bool // an answer waits, or will
}

// NewSHT4x makes a chip in air of 20 Cel and 50 %RH.
func NewSHT4x(serial uint32) *SHT4x { return &SHT4x{serial: serial, cel: 20, rh: 50} }

// Set says what the air is like from now on.
func (c *SHT4x) Set(cel, rh float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cel, c.rh = cel, rh
}

// BadCRC makes every checksum wrong, while the words stay right.
func (c *SHT4x) BadCRC(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.badCRC = on
}

// PowerOn implements Chip; it is idle within 1 ms (section 3).
func (c *SHT4x) PowerOn(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ready, c.full = now.Add(time.Millisecond), false
}

// Tx implements Chip. While the chip measures it acknowledges nothing
// (section 4), and an answer can be read once.
func (c *SHT4x) Tx(now time.Time, w, r []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Before(c.ready) {
		return false
	}
	if len(w) > 0 && !c.command(now, w[0]) {
		return false
	}
	if len(r) == 0 {
		return true
	}
	if !c.full || now.Before(c.ready) {
		return false
	}
	for i := range r {
		r[i] = 0xFF
	}
	copy(r, c.answer[:])
	c.full = false
	return true
}

// command takes a command byte, section 4; times are the typical ones of section 3.
func (c *SHT4x) command(now time.Time, cmd byte) bool {
	const us = time.Microsecond
	switch cmd {
	case 0xFD: // high repeatability
		c.measure(now, 6900*us)
	case 0xF6: // medium
		c.measure(now, 3700*us)
	case 0xE0: // low
		c.measure(now, 1300*us)
	case 0x39, 0x2F, 0x1E: // heater for 1 s, then a measurement
		c.measure(now, 1000*time.Millisecond)
	case 0x32, 0x24, 0x15: // heater for 0.1 s
		c.measure(now, 100*time.Millisecond)
	case 0x89: // serial number
		c.ready, c.full = now, true
		c.put(uint16(c.serial>>16), uint16(c.serial))
	case 0x94: // soft reset
		c.ready, c.full = now.Add(time.Millisecond), false
	default:
		return false
	}
	return true
}

// measure encodes the air, section 4: T = -45 + 175 S/65535, RH = -6 + 125 S/65535.
func (c *SHT4x) measure(now time.Time, d time.Duration) {
	c.ready, c.full = now.Add(d), true
	c.put(ticks((c.cel+45)/175), ticks((c.rh+6)/125))
}

func ticks(share float64) uint16 {
	return uint16(math.Round(min(max(share, 0), 1) * 65535))
}

func (c *SHT4x) put(a, b uint16) {
	for i, v := range [2]uint16{a, b} {
		word := c.answer[3*i : 3*i+3]
		word[0], word[1] = byte(v>>8), byte(v)
		word[2] = sensirionCRC(word[:2])
		if c.badCRC {
			word[2] ^= 0xFF
		}
	}
}

// sensirionCRC is CRC-8 with polynomial 0x31 and start 0xFF, section 4.
func sensirionCRC(p []byte) byte {
	crc := byte(0xFF)
	for _, b := range p {
		crc ^= b
		for range 8 {
			carry := crc & 0x80
			crc <<= 1
			if carry != 0 {
				crc ^= 0x31
			}
		}
	}
	return crc
}
