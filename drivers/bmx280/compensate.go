package bmx280

// calibration holds the factory trimming of one chip, table 16, widened to
// int64: the formulas below follow the data sheet's steps, but in 64 bits, so
// that no word that the registers can hold overflows one of them.
type calibration struct {
	t1, t2, t3 int64
	p1         int64
	p          [8]int64 // dig_P2 … dig_P9
	h1, h2, h3 int64
	h4, h5, h6 int64
}

// plausible reports whether the words can be a calibration. Blank memory gives
// 0 or 0xFFFF, and 0 in dig_T1 or dig_P1 leaves nothing to compute with.
func (c *calibration) plausible() bool {
	return c.t1 != 0 && c.t1 != 0xFFFF && c.p1 != 0 && c.p1 != 0xFFFF
}

// temperature gives hundredths of a degree Celsius and the fine temperature
// that the other two need; section 4.2.3, BMP280: section 3.11.3.
func (c *calibration) temperature(adc int64) (centi, fine int64) {
	v1 := ((adc>>3 - c.t1<<1) * c.t2) >> 11
	d := adc>>4 - c.t1
	v2 := (((d * d) >> 12) * c.t3) >> 14
	fine = v1 + v2
	return (fine*5 + 128) >> 8, fine
}

// pressure gives Pa in Q24.8: 1/256 Pa per step; section 4.2.3, BMP280:
// section 3.11.3. ok is false where the formula would divide by zero.
func (c *calibration) pressure(adc, fine int64) (q8 int64, ok bool) {
	p2, p3, p4, p5 := c.p[0], c.p[1], c.p[2], c.p[3]
	p6, p7, p8, p9 := c.p[4], c.p[5], c.p[6], c.p[7]
	v1 := fine - 128000
	v2 := v1*v1*p6 + (v1*p5)<<17 + p4<<35
	v1 = (v1*v1*p3)>>8 + (v1*p2)<<12
	v1 = ((1<<47 + v1) * c.p1) >> 33
	if v1 == 0 {
		return 0, false
	}
	p := (((1048576-adc)<<31 - v2) * 3125) / v1
	v1 = (p9 * (p >> 13) * (p >> 13)) >> 25
	v2 = (p8 * p) >> 19
	return (p+v1+v2)>>8 + p7<<4, true
}

// humidity gives %RH in Q22.10: 1/1024 %RH per step, held to 0 … 100;
// section 4.2.3.
func (c *calibration) humidity(adc, fine int64) (q10 int64) {
	v := fine - 76800
	x := (adc<<14 - c.h4<<20 - c.h5*v + 16384) >> 15
	y := (v * c.h6) >> 10 * ((v*c.h3)>>11 + 32768) >> 10
	v = x * (((y+2097152)*c.h2 + 8192) >> 14)
	v -= ((((v >> 15) * (v >> 15)) >> 7) * c.h1) >> 4
	return min(max(v, 0), 100<<22) >> 12
}

// The double formulas of section 8.1 (BMP280: section 8.1) check the integer
// ones in the tests; doc.go says why readings do not come from them.

// temperatureDouble gives Cel and the fine temperature, not rounded.
func (c *calibration) temperatureDouble(adc float64) (cel, fine float64) {
	t1, t2, t3 := float64(c.t1), float64(c.t2), float64(c.t3)
	d := adc/131072 - t1/8192
	fine = (adc/16384-t1/1024)*t2 + d*d*t3
	return fine / 5120, fine
}

// pressureDouble gives Pa; ok is false where it would divide by zero.
func (c *calibration) pressureDouble(adc, fine float64) (pa float64, ok bool) {
	var p [8]float64
	for i, w := range c.p {
		p[i] = float64(w)
	}
	v1 := fine/2 - 64000
	v2 := v1*v1*p[4]/32768 + v1*p[3]*2
	v2 = v2/4 + p[2]*65536
	v1 = (p[1]*v1*v1/524288 + p[0]*v1) / 524288
	v1 = (1 + v1/32768) * float64(c.p1)
	if v1 == 0 {
		return 0, false
	}
	pa = (1048576 - adc - v2/4096) * 6250 / v1
	v1 = p[7] * pa * pa / 2147483648
	v2 = pa * p[6] / 32768
	return pa + (v1+v2+p[5])/16, true
}

// humidityDouble gives %RH, held to 0 … 100.
func (c *calibration) humidityDouble(adc, fine float64) float64 {
	h1, h2, h3 := float64(c.h1), float64(c.h2), float64(c.h3)
	h4, h5, h6 := float64(c.h4), float64(c.h5), float64(c.h6)
	v := fine - 76800
	h := adc - (h4*64 + h5/16384*v)
	h *= h2 / 65536 * (1 + h6/67108864*v*(1+h3/67108864*v))
	h *= 1 - h1*h/524288
	return min(max(h, 0), 100)
}
