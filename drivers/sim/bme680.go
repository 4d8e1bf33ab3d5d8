package sim

import (
	"sync"
	"time"
)

// BME680 is a simulated BME680. Sections are those of its data sheet,
// BST-BME680-DS001.
type BME680 struct {
	cal    BME680Calibration
	memory [256]byte // calibration

	mu    sync.Mutex // guards what follows
	cel   float64
	pa    float64
	rh    float64
	ohm   float64
	cold  bool
	last  time.Time
	ready time.Time // when the restart ends
	ptr   byte
	regs  [6]byte // 0x70 to 0x75
	heat  byte    // res_heat_0
	wait  byte    // gas_wait_0
	data  [15]byte
	end   time.Time // of the running measurement; zero: none
}

const bme680Boot = 2 * time.Millisecond // start-up time, table 1

// NewBME680 makes a chip in air of 20 Cel, 101325 Pa and 50 %RH, whose gas
// sensor has 50 kOhm.
func NewBME680(cal BME680Calibration) *BME680 {
	c := &BME680{cal: cal, cel: 20, pa: 101325, rh: 50, ohm: 50000}
	cal.store(&c.memory)
	return c
}

// Set says what the air is like from now on.
func (c *BME680) Set(cel, pa, rh, ohm float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cel, c.pa, c.rh, c.ohm = cel, pa, rh, ohm
}

// ColdHeater makes the heater miss its temperature, so that results of the
// gas sensor are marked.
func (c *BME680) ColdHeater(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cold = on
}

// Heater gives what res_heat_0 holds.
func (c *BME680) Heater() byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.heat
}

// BrownOut makes the supply dip: the chip answers as before, but its settings
// and results are gone.
func (c *BME680) BrownOut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.powerOnLocked(c.last.Add(-bme680Boot))
}

// PowerOn implements Chip.
func (c *BME680) PowerOn(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.powerOnLocked(now)
}

func (c *BME680) powerOnLocked(now time.Time) {
	c.last, c.ready = now, now.Add(bme680Boot)
	c.ptr, c.regs, c.heat, c.wait, c.end = 0, [6]byte{}, 0, 0, time.Time{}
	c.data = [15]byte{2: 0x80, 5: 0x80, 8: 0x80}
}

// Tx implements Chip. Writes are pairs of register and value; a single last
// byte sets the address from which reads advance (section 6.2). While it
// restarts the chip acknowledges nothing.
func (c *BME680) Tx(now time.Time, w, r []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = now
	if now.Before(c.ready) {
		return false
	}
	if !c.end.IsZero() && !now.Before(c.end) {
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

func (c *BME680) register(reg byte) byte {
	switch {
	case reg == 0xD0:
		return 0x61
	case reg == 0x1D && !c.end.IsZero():
		return c.data[0] | 1<<5 // measuring
	case reg >= 0x1D && reg <= 0x2B:
		return c.data[reg-0x1D]
	case reg == 0x5A:
		return c.heat
	case reg == 0x64:
		return c.wait
	case reg >= 0x70 && reg <= 0x75:
		return c.regs[reg-0x70]
	}
	return c.memory[reg]
}

func (c *BME680) write(now time.Time, reg, v byte) {
	switch {
	case reg == 0xE0 && v == 0xB6:
		c.powerOnLocked(now)
	case reg == 0x5A:
		c.heat = v
	case reg == 0x64:
		c.wait = v
	case reg >= 0x70 && reg <= 0x75:
		c.regs[reg-0x70] = v
		if reg == 0x74 && v&3 == 1 {
			c.data[0] &^= 1 << 7 // new data
			c.end = now.Add(c.duration())
		}
	}
}

// duration is how long the measurement takes: about 2 ms for each sample, and
// what the heater is set to (section 5.3.3.3).
func (c *BME680) duration() time.Duration {
	ms := 2 + 2*(times(c.regs[4]>>5)+times(c.regs[4]>>2&7)+times(c.regs[2]&7))
	if c.regs[1]&(1<<4) != 0 {
		ms += int(c.wait&0x3F) << (2 * (c.wait >> 6))
	}
	return time.Duration(ms) * time.Millisecond
}

// convert ends the measurement: it fills the data registers from the physical
// values. Skipped quantities keep their reset values.
func (c *BME680) convert() {
	c.end = time.Time{}
	c.regs[4] &^= 3 // back to sleep
	c.data = [15]byte{0: 1 << 7, 2: 0x80, 5: 0x80, 8: 0x80}
	put := func(at, adc int) {
		c.data[at], c.data[at+1], c.data[at+2] = byte(adc>>12), byte(adc>>4), byte(adc<<4)
	}
	adcT := invert(1<<20, c.cel, c.cal.celsius)
	put(5, adcT)
	cel := c.cal.celsius(adcT)
	if c.regs[4]>>2&7 != 0 {
		put(2, invert(1<<20, -c.pa, func(adc int) float64 { return -c.cal.pascal(adc, cel) }))
	}
	if c.regs[2]&7 != 0 {
		adc := invert(1<<16, c.rh, func(adc int) float64 { return c.cal.relative(adc, cel) })
		c.data[8], c.data[9] = byte(adc>>8), byte(adc)
	}
	if c.regs[1]&(1<<4) != 0 && c.regs[0]&(1<<3) == 0 {
		c.gas()
	}
}

// gas measures the gas sensor in the range that fits; it is stable when it was
// heated for 20 ms at least.
func (c *BME680) gas() {
	rng, adc := c.cal.adcGas(c.ohm)
	lsb := byte(adc<<6) | 1<<5 | byte(rng)
	if !c.cold && c.heat != 0 && int(c.wait&0x3F)<<(2*(c.wait>>6)) >= 20 {
		lsb |= 1 << 4
	}
	c.data[13], c.data[14] = byte(adc>>2), lsb
}
