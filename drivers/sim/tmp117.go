package sim

import (
	"math"
	"sync"
	"time"
)

// TMP117 is a simulated TI TMP117; sections are those of SNOSD82D.
type TMP117 struct {
	mu      sync.Mutex // guards what follows
	cel     float64
	now     time.Time
	edge    time.Time // next end of a conversion; zero: none is coming
	ptr     pointer
	temp    uint16
	config  uint16
	limits  [2]uint16 // high, low
	offset  uint16
	scratch [3]uint16 // general-purpose EEPROM words 1 to 3; not lost with the supply
}

// Bits of the configuration register, section 7.6.
const (
	tmp117Ready    = 1 << 13
	tmp117ModeMask = 3 << 10
	tmp117Shutdown = 1 << 10
	tmp117OneShot  = 3 << 10
	tmp117Reset    = 1 << 1
	tmp117Writable = 0x0FFC // MOD, CONV, AVG, T/nA, POL, DR/Alert
)

const tmp117PowerUp = 1500 * time.Microsecond // section 6.5

// NewTMP117 makes a TMP117 at 20 Cel.
func NewTMP117() *TMP117 { return &TMP117{cel: 20} }

// Set says how warm the chip is from now on.
func (c *TMP117) Set(cel float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cel = cel
}

// PowerOn implements Chip. The temperature reads 0x8000, -256 Cel, until the
// first conversion ends (section 7.3.1).
func (c *TMP117) PowerOn(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
	c.powerOnLocked()
}

func (c *TMP117) powerOnLocked() {
	c.ptr, c.temp, c.config, c.offset = 0, 0x8000, 0x0220, 0
	c.limits = [2]uint16{0x6000, 0x8000}
	c.edge = c.now.Add(tmp117PowerUp + c.active())
}

// Tx implements Chip.
func (c *TMP117) Tx(now time.Time, w, r []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
	c.advance()
	c.ptr.tx(c, w, r)
	if len(r) > 0 && c.ptr <= 1 {
		c.config &^= tmp117Ready // reading temperature or configuration clears it
	}
	return true
}

// active is the conversion time for AVG, cycle the period for CONV: section 7.6.
func (c *TMP117) active() time.Duration {
	us := [4]int{15500, 125000, 500000, 1000000}
	return time.Duration(us[c.config>>5&3]) * time.Microsecond
}

func (c *TMP117) cycle() time.Duration {
	ms := [8]float64{15.5, 125, 250, 500, 1000, 4000, 8000, 16000}
	return max(time.Duration(ms[c.config>>7&7]*float64(time.Millisecond)), c.active())
}

func (c *TMP117) advance() {
	if c.edge.IsZero() || c.now.Before(c.edge) {
		return
	}
	steps := math.Round(c.cel*128) + float64(int16(c.offset))
	c.temp = uint16(int16(min(max(steps, math.MinInt16), math.MaxInt16)))
	c.config |= tmp117Ready
	if c.config&tmp117ModeMask == tmp117OneShot {
		c.config = c.config&^tmp117ModeMask | tmp117Shutdown
		c.edge = time.Time{}
		return
	}
	period := c.cycle()
	c.edge = c.edge.Add((c.now.Sub(c.edge)/period + 1) * period)
}

func (c *TMP117) reg(i byte) uint16 {
	switch i {
	case 0x00:
		return c.temp
	case 0x01:
		return c.config
	case 0x02, 0x03:
		return c.limits[i-2]
	case 0x05, 0x06, 0x08:
		return c.scratch[min(i-5, 2)]
	case 0x07:
		return c.offset
	case 0x0F:
		return 0x0117 // revision 0
	}
	return 0
}

func (c *TMP117) setReg(i byte, v uint16) {
	switch i {
	case 0x01:
		c.setConfig(v)
	case 0x02, 0x03:
		c.limits[i-2] = v
	case 0x05, 0x06, 0x08:
		c.scratch[min(i-5, 2)] = v
	case 0x07:
		c.offset = v
	}
}

func (c *TMP117) setConfig(v uint16) {
	if v&tmp117Reset != 0 {
		c.powerOnLocked()
		return
	}
	c.config = c.config&^tmp117Writable | v&tmp117Writable
	if v&tmp117ModeMask == tmp117Shutdown {
		c.edge = time.Time{}
		return
	}
	c.edge = c.now.Add(c.active())
}
