package bme680

import "math"

// calibration is the factory trimming, section 3.3 and memory map. Doubles,
// because that is what it is computed with.
type calibration struct {
	t1, t2, t3                              float64
	p1, p2, p3, p4, p5, p6, p7, p8, p9, p10 float64
	h1, h2, h3, h4, h5, h6, h7              float64
	g1, g2, g3                              float64
	heatRange, heatVal, switchErr           float64
}

// parse takes what was read from regCalibration, regCalibrateHi and regHeater.
func (c *calibration) parse(lo, hi, heater []byte) {
	signed := func(r []byte, i int) float64 { return float64(int8(r[i])) }
	word := func(r []byte, i int) float64 { return float64(uint16(r[i]) | uint16(r[i+1])<<8) }
	int16at := func(r []byte, i int) float64 { return float64(int16(uint16(r[i]) | uint16(r[i+1])<<8)) }
	c.t2, c.t3 = int16at(lo, 0), signed(lo, 2)
	c.p1, c.p2, c.p3 = word(lo, 4), int16at(lo, 6), signed(lo, 8)
	c.p4, c.p5 = int16at(lo, 10), int16at(lo, 12)
	c.p7, c.p6 = signed(lo, 14), signed(lo, 15) // in this order
	c.p8, c.p9, c.p10 = int16at(lo, 18), int16at(lo, 20), float64(lo[22])
	c.h2 = float64(uint16(hi[0])<<4 | uint16(hi[1])>>4) // they share the byte at 0xE2
	c.h1 = float64(uint16(hi[2])<<4 | uint16(hi[1])&0x0F)
	c.h3, c.h4, c.h5 = signed(hi, 3), signed(hi, 4), signed(hi, 5)
	c.h6, c.h7 = float64(hi[6]), signed(hi, 7)
	c.t1 = word(hi, 8)
	c.g2, c.g1, c.g3 = int16at(hi, 10), signed(hi, 12), signed(hi, 13)
	c.heatVal = signed(heater, 0)
	c.heatRange = float64(heater[2] >> 4 & 3)
	c.switchErr = float64(int8(heater[4]) >> 4)
}

// plausible reports whether the memory was read and is not blank.
func (c *calibration) plausible() bool {
	return c.t1 != 0 && c.t1 != 0xFFFF && c.t2 != 0 && c.t2 != -1 && c.p1 != 0 && c.p1 != 0xFFFF
}

// temperature is section 3.3.1, in Cel, and the fine temperature that the
// other formulas need.
func (c *calibration) temperature(adc int) (cel, fine float64) {
	x := float64(adc)
	a := float64(float64(x/16384-c.t1/1024) * c.t2)
	b := x/131072 - c.t1/8192
	fine = a + float64(float64(b*b)*float64(c.t3*16))
	return fine / 5120, fine
}

// pressure is section 3.3.2, in Pa. ok is false for a calibration that cannot be.
func (c *calibration) pressure(adc int, fine float64) (pa float64, ok bool) {
	u := fine/2 - 64000
	square := float64(u * u)
	offset := float64(square*(c.p6/131072)) + float64(float64(u*c.p5)*2)
	offset = offset/4 + float64(c.p4*65536)
	span := (float64(c.p3*square)/16384 + float64(c.p2*u)) / 524288
	span = float64((1 + span/32768) * c.p1)
	if span == 0 {
		return 0, false
	}
	p := float64((1048576-float64(adc)-offset/4096)*6250) / span
	cube := float64(float64((p/256)*(p/256)) * (p / 256))
	sum := float64(float64(c.p9*p)*p)/2147483648 + float64(p*(c.p8/32768))
	sum = sum + float64(cube*(c.p10/131072)) + float64(c.p7*128)
	return p + sum/16, true
}

// humidity is section 3.3.3, in %RH.
func (c *calibration) humidity(adc int, cel float64) float64 {
	a := float64(adc) - (float64(c.h1*16) + float64(c.h3/2*cel))
	gain := 1 + float64(c.h4/16384*cel) + float64(float64(c.h5/1048576*cel)*cel)
	b := float64(a * float64(c.h2/262144*gain))
	bend := c.h6/16384 + float64(c.h7/2097152*cel)
	h := b + float64(float64(bend*b)*b)
	return min(max(h, 0), 100)
}

// gasErrors are the corrections of a range in percent: the constants of
// section 3.4.1, table 16, as differences from their ideal values.
func gasErrors(rng byte) (first, second float64) {
	first = [16]float64{5: -1, 7: -0.8, 10: -0.2, 11: -0.5, 13: -1}[rng&gasRange]
	second = [16]float64{4: 0.1, 5: 0.7, 7: -0.8, 8: -0.1}[rng&gasRange]
	return first, second
}

// gas is section 3.4.1, in Ohm. ok is false where the formula has no result.
func (c *calibration) gas(adc int, rng byte) (ohm float64, ok bool) {
	first, second := gasErrors(rng)
	base := float64((1340 + float64(5*c.switchErr)) * (1 + first/100))
	share := float64(adc-512)/base + 1
	if share <= 0 {
		return 0, false
	}
	unit := float64((1 + second/100) * 0.000000125)
	return 1 / float64(float64(unit*float64(int(1)<<(rng&gasRange)))*share), true
}

// heater is section 3.3.5: what to write to res_heat_0 for a temperature of
// the heater in air of cel.
func (c *calibration) heater(target, cel float64) byte {
	a := c.g1/16 + 49
	b := float64(c.g2/32768*0.0005) + 0.00235
	d := float64(a*(1+float64(b*target))) + float64(c.g3/1024*cel)
	r := float64(float64(d*(4/(4+c.heatRange)))*(1/(1+float64(c.heatVal*0.002)))) - 25
	return byte(math.Round(min(max(float64(3.4*r), 0), 255)))
}

// grid rounds v to a multiple of 1/perUnit.
func grid(v, perUnit float64) float64 { return math.Round(v*perUnit) / perUnit }
