package sim

import "math"

// BME680Calibration is the factory trimming of a BME680: the memory map of its
// data sheet, from par_t1 on.
type BME680Calibration struct {
	T [3]int
	P [10]int
	H [7]int
	G [3]int

	HeatRange, HeatVal, SwitchErr int
}

// BME680Typical gives the trimming of a real chip, as the tests of the Elixir
// library bmp280 print it.
func BME680Typical() BME680Calibration {
	return BME680Calibration{
		T: [3]int{26195, 26290, 3},
		P: [10]int{35395, -10405, 88, 4836, -118, 30, 26, -765, -3367, 30},
		H: [7]int{717, 1021, 0, 45, 20, 120, -100},
		G: [3]int{-30, -5969, 18}, HeatRange: 1, HeatVal: 50, SwitchErr: 1,
	}
}

// store lays the trimming out as the chip's memory does.
func (c *BME680Calibration) store(m *[256]byte) {
	word := func(at, v int) { m[at], m[at+1] = byte(v), byte(v>>8) }
	word(0xE9, c.T[0])
	word(0x8A, c.T[1])
	m[0x8C] = byte(c.T[2])
	for i, at := range []int{0x8E, 0x90, 0, 0x94, 0x96, 0, 0, 0x9C, 0x9E} {
		if at != 0 {
			word(at, c.P[i])
		}
	}
	m[0x92], m[0x99], m[0x98], m[0xA0] = byte(c.P[2]), byte(c.P[5]), byte(c.P[6]), byte(c.P[9])
	m[0xE1], m[0xE3] = byte(c.H[1]>>4), byte(c.H[0]>>4)
	m[0xE2] = byte(c.H[1]<<4) | byte(c.H[0]&0x0F)
	for i, v := range c.H[2:] {
		m[0xE4+i] = byte(v)
	}
	word(0xEB, c.G[1])
	m[0xED], m[0xEE] = byte(c.G[0]), byte(c.G[2])
	m[0x00], m[0x02], m[0x04] = byte(c.HeatVal), byte(c.HeatRange<<4), byte(c.SwitchErr<<4)
}

// celsius is section 3.3.1.
func (c *BME680Calibration) celsius(adc int) float64 {
	x := float64(adc)/16384 - float64(c.T[0])/1024
	return (x*float64(c.T[1]) + x*x/64*float64(c.T[2])*16) / 5120
}

// pascal is section 3.3.2.
func (c *BME680Calibration) pascal(adc int, cel float64) float64 {
	p := func(n int) float64 { return float64(c.P[n-1]) }
	u := cel*2560 - 64000
	zero := p(4)*16 + u*p(5)/8192 + u*u*p(6)/131072/16384
	gain := p(1) * (1 + (p(2)*u+p(3)*u*u/16384)/524288/32768)
	x := (1048576 - float64(adc) - zero) * 6250 / gain
	return x + (p(7)*128+x*p(8)/32768+x*x*p(9)/2147483648+math.Pow(x/256, 3)*p(10)/131072)/16
}

// relative is section 3.3.3, not held to 0 … 100.
func (c *BME680Calibration) relative(adc int, cel float64) float64 {
	h := func(n int) float64 { return float64(c.H[n-1]) }
	x := float64(adc) - 16*h(1) - h(3)*cel/2
	x *= h(2) / 262144 * (1 + h(4)*cel/16384 + h(5)*cel*cel/1048576)
	return x + x*x*(h(6)/16384+h(7)*cel/2097152)
}

// resistance is section 3.4.1 with the two tables of constants.
func (c *BME680Calibration) resistance(adc, rng int) float64 {
	one := [16]float64{1, 1, 1, 1, 1, 0.99, 1, 0.992, 1, 1, 0.998, 0.995, 1, 0.99, 1, 1}
	two := [16]float64{8000000, 4000000, 2000000, 1000000, 499500.4995, 248262.1648, 125000, 63004.03226,
		31281.28128, 15625, 7812.5, 3906.25, 1953.125, 976.5625, 488.28125, 244.140625}
	base := (1340 + 5*float64(c.SwitchErr)) * one[rng]
	return base * two[rng] / (float64(adc) - 512 + base)
}

// adcGas finds the range in which the result is nearest to the middle, and
// the result.
func (c *BME680Calibration) adcGas(ohm float64) (rng, adc int) {
	best := 1 << 20
	for r := range 16 {
		a := invert(1<<10, -ohm, func(a int) float64 { return -c.resistance(a, r) })
		if d := max(a-512, 512-a); d < best {
			rng, adc, best = r, a, d
		}
	}
	return rng, adc
}
