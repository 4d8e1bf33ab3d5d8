package sim

import "math"

// BMxCalibration is the factory trimming of a BME280 or BMP280: dig_T1…3,
// dig_P1…9 and dig_H1…6 of data sheet table 16.
type BMxCalibration struct {
	T [3]int
	P [9]int
	H [6]int
}

// BMxTypical gives the trimming of the worked example in the BMP280's data
// sheet, section 3.12, with the humidity words of a real BME280.
func BMxTypical() BMxCalibration {
	return BMxCalibration{
		T: [3]int{27504, 26435, -1000},
		P: [9]int{36477, -10685, 3024, 2855, 140, -7, 15500, -14600, 6000},
		H: [6]int{75, 366, 0, 309, 0, 30},
	}
}

// BMxNegative gives the trimming of a real BME280 with negative dig_H4 and
// dig_H5, as some chips have. Its humidity begins near 18 %RH.
func BMxNegative() BMxCalibration {
	return BMxCalibration{
		T: [3]int{28176, 26220, 350},
		P: [9]int{38237, -10824, 3024, 7799, -99, -7, 9900, -10230, 4285},
		H: [6]int{75, 366, 0, -50, -30, 30},
	}
}

// celsius is the double formula of section 8.1: temperature, and the fine
// temperature for the other two.
func (c *BMxCalibration) celsius(adc int) (cel, fine float64) {
	x := float64(adc)
	a := x/16384 - float64(c.T[0])/1024
	b := x/131072 - float64(c.T[0])/8192
	fine = a*float64(c.T[1]) + b*b*float64(c.T[2])
	return fine / 5120, fine
}

// pascal is the double formula of section 8.1.
func (c *BMxCalibration) pascal(adc int, fine float64) float64 {
	dig := func(n int) float64 { return float64(c.P[n-1]) }
	u := fine/2 - 64000
	offset := (u*u*dig(6)/32768+u*dig(5)*2)/4 + dig(4)*65536
	span := (dig(3)*u*u/524288 + dig(2)*u) / 524288
	span = (1 + span/32768) * dig(1)
	p := (1048576 - float64(adc) - offset/4096) * 6250 / span
	return p + (dig(9)*p*p/2147483648+p*dig(8)/32768+dig(7))/16
}

// relative is the double formula of section 8.1, not held to 0 … 100.
func (c *BMxCalibration) relative(adc int, fine float64) float64 {
	dig := func(n int) float64 { return float64(c.H[n-1]) }
	u := fine - 76800
	linear := float64(adc) - (dig(4)*64 + dig(5)/16384*u)
	gain := dig(2) / 65536 * (1 + dig(6)/67108864*u*(1+dig(3)/67108864*u))
	h := linear * gain
	return h * (1 - dig(1)*h/524288)
}

// adcTemperature, adcPressure and adcHumidity invert the formulas above.
func (c *BMxCalibration) adcTemperature(cel float64) int {
	return invert(1<<20, cel, func(adc int) float64 { v, _ := c.celsius(adc); return v })
}

func (c *BMxCalibration) adcPressure(pa, fine float64) int {
	return invert(1<<20, -pa, func(adc int) float64 { return -c.pascal(adc, fine) })
}

func (c *BMxCalibration) adcHumidity(rh, fine float64) int {
	return invert(1<<16, rh, func(adc int) float64 { return c.relative(adc, fine) })
}

// invert finds the integer in [0, n) at which the rising function f comes
// nearest to want.
func invert(n int, want float64, f func(int) float64) int {
	lo, hi := 0, n-1
	for lo < hi {
		if mid := (lo + hi) / 2; f(mid) < want {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo > 0 && math.Abs(f(lo-1)-want) < math.Abs(f(lo)-want) {
		lo--
	}
	return lo
}

// registers lays the words out as the chip's memory does (table 16), from
// 0x88 and from 0xE1. dig_H4 and dig_H5 are 12-bit two's complement and share
// the byte at 0xE5.
func (c *BMxCalibration) registers() (lo [26]byte, hi [7]byte) {
	put := func(at, v int) { lo[at], lo[at+1] = byte(v), byte(v>>8) }
	for i, v := range c.T {
		put(2*i, v)
	}
	for i, v := range c.P {
		put(6+2*i, v)
	}
	lo[25] = byte(c.H[0])
	h4, h5 := c.H[3]&0xFFF, c.H[4]&0xFFF
	hi = [7]byte{byte(c.H[1]), byte(c.H[1] >> 8), byte(c.H[2]),
		byte(h4 >> 4), byte(h4&0xF | h5&0xF<<4), byte(h5 >> 4), byte(c.H[5])}
	return lo, hi
}
