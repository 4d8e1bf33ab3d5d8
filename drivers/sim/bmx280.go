package sim

import (
	"sync"
	"time"
)

// BMx280 is a simulated BME280 or BMP280. Sections are those of the BME280's
// data sheet, BST-BME280-DS002.
type BMx280 struct {
	id       byte
	humidity bool // a BME280
	cal      BMxCalibration
	calLo    [26]byte
	calHi    [7]byte

	mu        sync.Mutex // guards what follows
	cel       float64
	pa        float64
	rh        float64
	last      time.Time // of the last transaction
	ready     time.Time // when the copy of calibration ends (im_update)
	ptr       byte
	humNext   byte // written to ctrl_hum, not yet in effect
	hum       byte
	meas      byte
	config    byte
	data      [8]byte
	measuring bool
	edge      time.Time // end of the running conversion, or start of the next
	filterT   iir
	filterP   iir
}

const (
	bmxBoot      = 1500 * time.Microsecond // below t_startup's 2 ms, table 1
	bmxMaxCycles = 64                      // conversions of mode normal caught up with at once
)

// NewBME280 makes a BME280 in air of 20 Cel, 101325 Pa and 50 %RH.
func NewBME280(cal BMxCalibration) *BMx280 { return newBMx280(0x60, true, cal) }

// NewBMP280 makes a BMP280, whose humidity words of cal are unused.
func NewBMP280(cal BMxCalibration) *BMx280 { return newBMx280(0x58, false, cal) }

func newBMx280(id byte, humidity bool, cal BMxCalibration) *BMx280 {
	c := &BMx280{id: id, humidity: humidity, cal: cal, cel: 20, pa: 101325, rh: 50}
	c.calLo, c.calHi = cal.registers()
	return c
}

// Set says what the air is like from now on.
func (c *BMx280) Set(cel, pa, rh float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cel, c.pa, c.rh = cel, pa, rh
}

// BrownOut makes the supply dip: the chip answers as before, but its settings
// and results are gone.
func (c *BMx280) BrownOut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.powerOnLocked(c.last)
}

// PowerOn implements Chip.
func (c *BMx280) PowerOn(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.powerOnLocked(now)
}

func (c *BMx280) powerOnLocked(now time.Time) {
	c.last, c.ready = now, now.Add(bmxBoot)
	c.ptr, c.humNext, c.hum, c.meas, c.config = 0, 0, 0, 0, 0
	c.data = [8]byte{0x80, 0, 0, 0x80, 0, 0, 0x80, 0}
	c.measuring = false
	c.filterT, c.filterP = iir{}, iir{}
}

// Tx implements Chip. Writes are pairs of register and value; a single last
// byte sets the address from which reads advance (section 6.2).
func (c *BMx280) Tx(now time.Time, w, r []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = now
	c.advance(now)
	for len(w) >= 2 {
		c.write(now, w[0], w[1])
		w = w[2:]
	}
	if len(w) == 1 {
		c.ptr = w[0]
	}
	for i := range r {
		r[i] = c.register(now, c.ptr)
		c.ptr++
	}
	return true
}

func (c *BMx280) register(now time.Time, reg byte) byte {
	booted := !now.Before(c.ready)
	switch {
	case reg == 0xD0:
		return c.id
	case reg >= 0x88 && reg <= 0xA1 && booted:
		return c.calLo[reg-0x88]
	case reg >= 0xE1 && reg <= 0xE7 && booted && c.humidity:
		return c.calHi[reg-0xE1]
	case reg == 0xF2 && c.humidity:
		return c.humNext
	case reg == 0xF3:
		return c.status(booted)
	case reg == 0xF4:
		return c.meas
	case reg == 0xF5:
		return c.config
	case reg >= 0xF7 && reg <= 0xFC, reg >= 0xFD && reg <= 0xFE && c.humidity:
		return c.data[reg-0xF7]
	}
	return 0
}

func (c *BMx280) status(booted bool) (s byte) {
	if c.measuring {
		s |= 1 << 3
	}
	if !booted {
		s |= 1
	}
	return s
}

func (c *BMx280) write(now time.Time, reg, v byte) {
	switch {
	case reg == 0xE0 && v == 0xB6:
		c.powerOnLocked(now)
	case reg == 0xF2 && c.humidity:
		c.humNext = v & 7
	case reg == 0xF5 && c.meas&3 != 3: // ignored in mode normal, section 5.4.6
		c.config = v &^ 2
		c.filterT, c.filterP = iir{}, iir{}
	case reg == 0xF4:
		c.setMeas(now, v)
	}
}

// setMeas takes ctrl_meas: it brings ctrl_hum into effect (section 5.4.3) and
// starts what the mode says. A conversion that runs is not disturbed.
func (c *BMx280) setMeas(now time.Time, v byte) {
	if v&3 == 2 {
		v-- // 10 and 01 are both forced mode, table 25
	}
	running := c.measuring && c.meas&3 == 3 && v&3 == 3
	c.meas, c.hum = v, c.humNext
	if v&3 == 0 || running {
		return
	}
	if !c.measuring {
		c.measuring, c.edge = true, now.Add(c.conversion())
	}
}

// advance plays what happened since the last transaction.
func (c *BMx280) advance(now time.Time) {
	cycle := c.conversion() + c.standby()
	if c.meas&3 == 3 && now.Sub(c.edge) > bmxMaxCycles*cycle {
		c.edge = now.Add(-bmxMaxCycles * cycle)
	}
	for (c.measuring || c.meas&3 == 3) && !now.Before(c.edge) {
		if !c.measuring {
			c.measuring, c.edge = true, c.edge.Add(c.conversion())
			continue
		}
		c.convert()
		c.measuring = false
		if c.meas&3 != 3 {
			c.meas &^= 3 // forced: back to sleep, section 3.3.3
			return
		}
		c.edge = c.edge.Add(c.standby())
	}
}

// times decodes an oversampling code; 0 is skipped.
func times(osrs byte) int {
	if osrs == 0 {
		return 0
	}
	return 1 << min(osrs-1, 4)
}

// conversion is the typical measurement time of section 9.1.
func (c *BMx280) conversion() time.Duration {
	us := 1000 + 2000*times(c.meas>>5)
	if p := times(c.meas >> 2 & 7); p > 0 {
		us += 2000*p + 500
	}
	if h := times(c.hum); h > 0 {
		us += 2000*h + 500
	}
	return time.Duration(us) * time.Microsecond
}

// standby decodes t_sb, table 27; BMP280: table 11.
func (c *BMx280) standby() time.Duration {
	us := [8]int{500, 62500, 125000, 250000, 500000, 1000000, 10000, 20000}
	if !c.humidity {
		us[6], us[7] = 2000000, 4000000
	}
	return time.Duration(us[c.config>>5]) * time.Microsecond
}

// convert measures: it fills the data registers from the physical values.
// Skipped quantities give their reset values (section 3.4).
func (c *BMx280) convert() {
	osT, osP, osH := c.meas>>5, c.meas>>2&7, c.hum
	adcT := 0x80000
	if osT > 0 {
		adcT = c.filterT.step(c.config, osT, c.cal.adcTemperature(c.cel))
	}
	_, fine := c.cal.celsius(adcT)
	adcP, adcH := 0x80000, 0x8000
	if osP > 0 {
		adcP = c.filterP.step(c.config, osP, c.cal.adcPressure(c.pa, fine))
	}
	if osH > 0 && c.humidity {
		adcH = c.cal.adcHumidity(c.rh, fine)
	}
	c.data = [8]byte{
		byte(adcP >> 12), byte(adcP >> 4), byte(adcP << 4),
		byte(adcT >> 12), byte(adcT >> 4), byte(adcT << 4),
		byte(adcH >> 8), byte(adcH),
	}
}

// iir is the filter of section 3.4.4 over one quantity. It starts at the first
// value after a reset or a change of its coefficient.
type iir struct {
	value   float64
	started bool
}

// step takes one result and gives what the register shows: 20 bits with the
// filter on, else 16 to 20 by oversampling (sections 3.4.2 and 3.4.3).
func (f *iir) step(config, osrs byte, adc int) int {
	code := min(config>>2&7, 4)
	if code == 0 {
		drop := uint(4 - min(osrs-1, 4))
		return min((adc+1<<drop>>1)>>drop<<drop, 1<<20-1<<drop)
	}
	k := float64(int(1) << code)
	if !f.started {
		f.value, f.started = float64(adc), true
	} else {
		f.value = (f.value*(k-1) + float64(adc)) / k
	}
	return int(f.value + 0.5)
}
