package bme680

import (
	"fmt"
	"time"
)

// Opts says what to measure and how. Start from DefaultOpts: New rejects the
// zero value.
type Opts struct {
	Addr uint16 // 0x76, or 0x77 with SDO high (section 6.2)

	// Oversampling per quantity: 1, 2, 4, 8 or 16, and 0 to skip it, which
	// removes its output. The others are computed from the temperature, so
	// that one cannot be skipped.
	Temperature int
	Pressure    int
	Humidity    int

	// Filter is the coefficient of the IIR filter over temperature and
	// pressure: 0 (off), 1, 3, 7, 15, 31, 63 or 127. Section 5.3.2.4.
	Filter int

	// Heater is the gas sensor's temperature, 200 to 400 Cel; 0 leaves the gas
	// resistance out. HeaterTime is how long it is heated before the
	// measurement, 1 ms to 4032 ms: it needs about 30 ms to get hot.
	Heater     int
	HeaterTime time.Duration
}

// DefaultOpts gives one forced measurement of every quantity, the gas sensor
// heated to 320 Cel for 150 ms, at address 0x76.
func DefaultOpts() Opts {
	return Opts{Addr: 0x76, Temperature: 2, Pressure: 4, Humidity: 1, Heater: 320, HeaterTime: 150 * time.Millisecond}
}

// settings are Opts as the registers take them.
type settings struct {
	gas0, gas1, hum, meas, config byte
	gasWait                       byte
}

// encode checks o and translates it.
func (o *Opts) encode() (s settings, err error) {
	if err := o.check(); err != nil {
		return s, err
	}
	var t, p byte
	for _, q := range []struct {
		name  string
		times int
		code  *byte
	}{{"temperature", o.Temperature, &t}, {"pressure", o.Pressure, &p}, {"humidity", o.Humidity, &s.hum}} {
		if *q.code, err = oversampling(q.name, q.times); err != nil {
			return s, err
		}
	}
	s.meas = t<<5 | p<<2
	f, err := o.filterCode()
	if err != nil {
		return s, err
	}
	s.config = f << 2
	if o.Heater == 0 {
		s.gas0 = heatOff
	} else {
		s.gas1, s.gasWait = runGas, waitCode(int(o.HeaterTime/time.Millisecond))
	}
	return s, nil
}

// check rejects what is wrong regardless of the encoding.
func (o *Opts) check() error {
	const ms = time.Millisecond
	switch {
	case o.Addr != 0x76 && o.Addr != 0x77:
		return fmt.Errorf("addr 0x%02x: the chip answers at 0x76 or 0x77 only", o.Addr)
	case o.Temperature == 0:
		return fmt.Errorf("temperature 0: cannot be skipped, the other quantities are computed from it; use 1 and leave its output unused")
	case o.Heater != 0 && (o.Heater < 200 || o.Heater > 400):
		return fmt.Errorf("heater_temperature %d: want 200 to 400, or 0 for no gas resistance", o.Heater)
	case o.Heater != 0 && (o.HeaterTime < ms || o.HeaterTime > 4032*ms):
		return fmt.Errorf("heater_duration %v: want 1ms to 4032ms", o.HeaterTime)
	}
	return nil
}

// oversampling gives osrs_t, osrs_p and osrs_h, section 5.3.2.
func oversampling(field string, times int) (byte, error) {
	for c, n := range [...]int{0, 1, 2, 4, 8, 16} {
		if n == times {
			return byte(c), nil
		}
	}
	return 0, fmt.Errorf("%s %d: oversampling is 0 (skip), 1, 2, 4, 8 or 16", field, times)
}

// filterCode gives filter<2:0>, section 5.3.2.4.
func (o *Opts) filterCode() (byte, error) {
	for c := range 8 {
		if 1<<c-1 == o.Filter {
			return byte(c), nil
		}
	}
	return 0, fmt.Errorf("filter %d: want 0 (off), 1, 3, 7, 15, 31, 63 or 127", o.Filter)
}

// waitCode gives gas_wait_0, section 5.3.3.3: six bits of a number and two of
// a power of four, of which the nearest below is taken.
func waitCode(ms int) byte {
	factor := 0
	for ; ms > 63; factor++ {
		ms /= 4
	}
	return byte(factor<<6 | ms)
}

// conversion gives the time that a measurement takes. The data sheet has no
// formula; this is the one of Bosch's own driver (bme680_get_profile_dur):
// 1.963 ms a sample, 0.477 ms for each of nine changes between quantities,
// 1.5 ms to wake up, and the heater's.
func (o *Opts) conversion() time.Duration {
	us := 1963*(o.Temperature+o.Pressure+o.Humidity) + 9*477 + 1500
	d := time.Duration(us) * time.Microsecond
	if o.Heater != 0 {
		d += o.HeaterTime
	}
	return d
}
