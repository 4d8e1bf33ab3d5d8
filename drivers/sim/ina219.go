package sim

import (
	"math"
	"sync"
	"time"
)

// INA219 is a simulated TI INA219; sections are those of SBOS448G.
type INA219 struct {
	shuntOhm float64

	mu     sync.Mutex // guards what follows
	volts  float64
	amps   float64
	now    time.Time
	edge   time.Time // end of the running conversion; zero: none
	ptr    pointer
	config uint16
	shunt  int // 10 µV
	bus    int // 4 mV
	cal    uint16
	cnvr   bool
}

// NewINA219 makes a chip with 12 V on the bus and no current.
func NewINA219(shuntOhm float64) *INA219 { return &INA219{shuntOhm: shuntOhm, volts: 12} }

// Set says what voltage the bus has and what current runs through the shunt,
// negative when it runs from VIN- to VIN+.
func (c *INA219) Set(volts, amps float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.volts, c.amps = volts, amps
}

// PowerOn implements Chip.
func (c *INA219) PowerOn(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
	c.powerOnLocked()
}

func (c *INA219) powerOnLocked() {
	c.ptr, c.shunt, c.bus, c.cal, c.cnvr = 0, 0, 0, 0, false
	c.config = 0x399F // section 8.6.2.1
	c.edge = c.now.Add(c.conversion())
}

// Tx implements Chip. Reading the power register clears CNVR (section 8.6.3.2).
func (c *INA219) Tx(now time.Time, w, r []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
	c.advance()
	c.ptr.tx(c, w, r)
	if len(r) > 0 && c.ptr == 3 {
		c.cnvr = false
	}
	return true
}

// measures tells which inputs the mode converts, section 8.6.2.1.
func (c *INA219) measures() (shunt, bus bool) {
	mode := c.config & 7
	return mode&1 != 0, mode&2 != 0
}

// inaTime is the time of one input for SADC or BADC, section 8.6.2.1.
func inaTime(adc uint16) time.Duration {
	us := [16]int{84, 148, 276, 532, 84, 148, 276, 532, 532, 1060, 2130, 4260, 8510, 17020, 34050, 68100}
	return time.Duration(us[adc&15]) * time.Microsecond
}

func (c *INA219) conversion() (d time.Duration) {
	shunt, bus := c.measures()
	if shunt {
		d += inaTime(c.config >> 3)
	}
	if bus {
		d += inaTime(c.config >> 7)
	}
	return d
}

func (c *INA219) advance() {
	if c.edge.IsZero() || c.now.Before(c.edge) {
		return
	}
	c.convert()
	if c.config&7 < 4 { // triggered: once
		c.edge = time.Time{}
		return
	}
	period := c.conversion()
	c.edge = c.edge.Add((c.now.Sub(c.edge)/period + 1) * period)
}

// convert measures. The inputs saturate at what PG and BRNG allow, section 8.6.2.1.
func (c *INA219) convert() {
	shunt, bus := c.measures()
	if shunt {
		top := 4000 << (c.config >> 11 & 3) // ±40, 80, 160, 320 mV
		raw := math.Round(c.amps * c.shuntOhm / 10e-6)
		c.shunt = int(min(max(raw, float64(-top)), float64(top)))
	}
	if bus {
		top := 4000 // 16 V
		if c.config&(1<<13) != 0 {
			top = 8000 // 32 V
		}
		c.bus = int(min(max(math.Round(c.volts/4e-3), 0), float64(top)))
	}
	c.cnvr = true
}

// current and power are the chip's own arithmetic, section 8.5.2.
func (c *INA219) current() int64 { return int64(c.shunt) * int64(c.cal) / 4096 }

func (c *INA219) power() int64 { return max(c.current(), -c.current()) * int64(c.bus) / 5000 }

// overflow is OVF: a result that its register cannot hold.
func (c *INA219) overflow() bool {
	i := c.current()
	return i > math.MaxInt16 || i < math.MinInt16 || c.power() > math.MaxUint16
}

func (c *INA219) reg(i byte) uint16 {
	switch i {
	case 0:
		return c.config
	case 1:
		return uint16(int16(c.shunt))
	case 2:
		v := uint16(c.bus) << 3
		if c.cnvr {
			v |= 2
		}
		if c.overflow() {
			v |= 1
		}
		return v
	case 3:
		return uint16(c.power())
	case 4:
		return uint16(c.current())
	case 5:
		return c.cal
	}
	return 0
}

func (c *INA219) setReg(i byte, v uint16) {
	switch i {
	case 0:
		c.setConfig(v)
	case 5:
		c.cal = v &^ 1 // bit 0 is not there, section 8.6.4.1
	}
}

// setConfig starts a conversion, which clears CNVR, or none in the modes
// power-down and ADC off.
func (c *INA219) setConfig(v uint16) {
	if v&(1<<15) != 0 {
		c.powerOnLocked()
		return
	}
	c.config = v &^ (1 << 14) // bit 14 is not there
	c.edge = time.Time{}
	if shunt, bus := c.measures(); shunt || bus {
		c.edge, c.cnvr = c.now.Add(c.conversion()), false
	}
}
