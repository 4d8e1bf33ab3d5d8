package bmx280

import (
	"fmt"

	"github.com/telhub/telhub/drivers"
)

// Basis tells what the last results and the calibration were. It is for people
// and allocates.
func (d *Dev) Basis() []string {
	r := d.r[:lenDataBMP]
	if d.opts.Chip == BME280 {
		r = d.r[:lenDataBME]
	}
	c := &d.cal
	lines := []string{
		fmt.Sprintf("registers 0x%02X on: % X", regData, r),
		fmt.Sprintf("calibration dig_T1 … T3: %d %d %d", c.t1, c.t2, c.t3),
		fmt.Sprintf("calibration dig_P1 … P9: %d %v", c.p1, c.p),
	}
	if d.opts.Chip == BME280 {
		lines = append(lines, fmt.Sprintf("calibration dig_H1 … H6: %d %d %d %d %d %d", c.h1, c.h2, c.h3, c.h4, c.h5, c.h6))
	}
	return lines
}

// Explain tells how output i of the last reading came about (section 4.2.3).
func (d *Dev) Explain(i int, dst *drivers.Reading) []string {
	t := adc20(d.r[3:])
	centi, fine := d.cal.temperature(t)
	lines := []string{fmt.Sprintf("adc_T = 0x%05X = %d, t_fine = %d", t, t, fine)}
	switch i {
	case d.iT:
		lines = append(lines, fmt.Sprintf("temperature %d hundredths", centi))
	case d.iP:
		p := adc20(d.r[:])
		q8, _ := d.cal.pressure(p, fine)
		lines = append(lines, fmt.Sprintf("adc_P = 0x%05X = %d, pressure %d / 256", p, p, q8))
	case d.iH:
		h := adc16(d.r[6:])
		lines = append(lines, fmt.Sprintf("adc_H = 0x%04X = %d, humidity %d / 1024", h, h, d.cal.humidity(h, fine)))
	}
	if !dst.Has(i) {
		return append(lines, "bad")
	}
	return append(lines, fmt.Sprintf("= %v %s", dst.Values[i], d.outputs[i].Unit))
}
