package bmx280

import (
	"fmt"
	"time"
)

// Chip says which of the two chips the configuration promises.
type Chip string

// The chips. They differ in humidity, identity and two standby times.
const (
	BME280 Chip = "bme280"
	BMP280 Chip = "bmp280"
)

// Mode says who starts a measurement.
type Mode string

const (
	// Forced measures when Read asks and sleeps in between: 0.1 µA.
	Forced Mode = "forced"
	// Normal measures for ever, with Standby in between: Read then takes the
	// newest result without a wait, and the filter runs at a steady pace.
	Normal Mode = "normal"
)

// Opts says what to measure and how. Start from DefaultOpts: New rejects the
// zero value.
type Opts struct {
	Chip Chip
	Addr uint16 // 0x76, or 0x77 with SDO high (section 6.2)

	// Oversampling per quantity: 1, 2, 4, 8 or 16, and 0 to skip it, which
	// removes its output. The others are computed from the temperature, so
	// that one cannot be skipped. Sections 3.4.1 to 3.4.3.
	Temperature int
	Pressure    int
	Humidity    int // BMP280: must be 0

	// Filter is the coefficient of the IIR filter over temperature and
	// pressure: 0 (off), 2, 4, 8 or 16. Section 3.4.4.
	Filter int

	Mode Mode

	// Standby is the pause between measurements in mode Normal: 0.5, 62.5,
	// 125, 250, 500 or 1000 ms; BME280 also 10 and 20 ms, BMP280 also 2000 and
	// 4000 ms. It must be 0 in mode Forced. Section 5.4.6 (table 27).
	Standby time.Duration
}

// DefaultOpts gives one forced measurement of every quantity, not oversampled
// and not filtered, at address 0x76: weather monitoring, section 3.5.1.
func DefaultOpts(chip Chip) Opts {
	o := Opts{Chip: chip, Addr: 0x76, Temperature: 1, Pressure: 1, Humidity: 1, Mode: Forced}
	if chip == BMP280 {
		o.Humidity = 0
	}
	return o
}

// settings are Opts as the registers take them.
type settings struct {
	ctrlHum  byte
	ctrlMeas byte // mode bits: sleep
	config   byte
}

// encode checks o and translates it.
func (o *Opts) encode() (settings, error) {
	var s settings
	if err := o.check(); err != nil {
		return s, err
	}
	t, err := code("temperature", o.Temperature)
	if err != nil {
		return s, err
	}
	p, err := code("pressure", o.Pressure)
	if err != nil {
		return s, err
	}
	h, err := code("humidity", o.Humidity)
	if err != nil {
		return s, err
	}
	f, err := o.filterCode()
	if err != nil {
		return s, err
	}
	sb, err := o.standbyCode()
	if err != nil {
		return s, err
	}
	return settings{ctrlHum: h, ctrlMeas: t<<5 | p<<2, config: sb<<5 | f<<2}, nil
}

// check rejects what is wrong regardless of the encoding.
func (o *Opts) check() error {
	switch {
	case o.Chip != BME280 && o.Chip != BMP280:
		return fmt.Errorf("chip %q: want %q or %q", o.Chip, BME280, BMP280)
	case o.Addr != 0x76 && o.Addr != 0x77:
		return fmt.Errorf("addr 0x%02x: the chip answers at 0x76 or 0x77 only", o.Addr)
	case o.Mode != Forced && o.Mode != Normal:
		return fmt.Errorf("mode %q: want %q or %q", o.Mode, Forced, Normal)
	case o.Temperature == 0:
		return fmt.Errorf("temperature 0: cannot be skipped, the other quantities are computed from it; use 1 and leave its output unused")
	case o.Chip == BMP280 && o.Humidity != 0:
		return fmt.Errorf("humidity %d: a bmp280 measures none; use 0, or chip %q", o.Humidity, BME280)
	}
	return nil
}

// code gives osrs_t, osrs_p, osrs_h: tables 20, 23 and 24.
func code(field string, times int) (byte, error) {
	for c, n := range [...]int{0, 1, 2, 4, 8, 16} {
		if n == times {
			return byte(c), nil
		}
	}
	return 0, fmt.Errorf("%s %d: oversampling is 0 (skip), 1, 2, 4, 8 or 16", field, times)
}

// filterCode gives filter[2:0], table 28.
func (o *Opts) filterCode() (byte, error) {
	for c, n := range [...]int{0, 2, 4, 8, 16} {
		if n == o.Filter {
			return byte(c), nil
		}
	}
	return 0, fmt.Errorf("filter %d: want 0 (off), 2, 4, 8 or 16", o.Filter)
}

// canary is what t_sb holds in mode Forced, where it has no effect: a value
// other than the reset value, so that a chip that lost its supply shows it.
const canary = 0b101

// standbyCode gives t_sb[2:0], table 27; BMP280: table 11.
func (o *Opts) standbyCode() (byte, error) {
	if o.Mode == Forced {
		if o.Standby != 0 {
			return 0, fmt.Errorf("standby %v: has no meaning in mode %q; use 0, or mode %q", o.Standby, Forced, Normal)
		}
		return canary, nil
	}
	const ms = time.Millisecond
	times := [8]time.Duration{ms / 2, 62*ms + ms/2, 125 * ms, 250 * ms, 500 * ms, 1000 * ms, 10 * ms, 20 * ms}
	if o.Chip == BMP280 {
		times[6], times[7] = 2000*ms, 4000*ms
	}
	for c, d := range times {
		if d == o.Standby {
			return byte(c), nil
		}
	}
	return 0, fmt.Errorf("standby %v: a %s has %v", o.Standby, o.Chip, times)
}

// conversion gives the longest time that one measurement takes, section 9.1;
// BMP280: table 13 is the same formula without humidity.
func (o *Opts) conversion() time.Duration {
	us := 1250 + 2300*o.Temperature
	if o.Pressure > 0 {
		us += 2300*o.Pressure + 575
	}
	if o.Humidity > 0 {
		us += 2300*o.Humidity + 575
	}
	return time.Duration(us) * time.Microsecond
}
