package expr

import "math"

// The Magnus formula over water, from -45 to 60 °C: WMO-No. 8 (Guide to
// Instruments and Methods of Observation), volume I, chapter 4, annex 4.B,
// after Sonntag 1990. The enhancement factor of moist air (0.4 % at sea level)
// is left out: it drops out of a dew point.
const (
	magnusA = 6.112  // hPa: the saturation pressure at 0 °C
	magnusB = 17.62  //
	magnusC = 243.12 // °C

	kelvin = 273.15 // at 0 °C
)

// saturation returns the vapour pressure of saturated air at t °C in hPa.
// Below -200 °C, where the formula has its pole, there is none.
func saturation(t float64) float64 {
	if t < -200 {
		return math.NaN()
	}
	return magnusA * math.Exp(magnusB*t/(magnusC+t))
}

// vapour returns the vapour pressure in hPa of air of t °C and rh %. A little
// more than 100 % is what wet sensors report; less than 0 % there is not.
func vapour(t, rh float64) float64 {
	if rh < 0 {
		return math.NaN()
	}
	return saturation(t) * rh / 100
}

// dewpoint is the temperature at which the air's vapour saturates it: the
// inverse of the Magnus formula (annex 4.B), x being the logarithm of the vapour
// pressure over magnusA. Dry air has none.
func dewpoint(a []float64) float64 {
	t, rh := a[0], a[1]
	if t < -200 || !(rh > 0) {
		return math.NaN()
	}
	x := math.Log(rh/100) + magnusB*t/(magnusC+t)
	return magnusC * x / (magnusB - x)
}

// absHumidity is the vapour's density by the law of ideal gases, with the
// specific gas constant of water vapour of 461.5 J/(kg K): 216.679 g K/J for a
// pressure in hPa.
func absHumidity(a []float64) float64 {
	return 216.679 * vapour(a[0], a[1]) / (kelvin + a[0])
}

// vpd is what the air's vapour pressure lacks of saturation, in Pa.
func vpd(a []float64) float64 {
	if a[1] < 0 {
		return math.NaN()
	}
	return 100 * saturation(a[0]) * (1 - a[1]/100)
}

// heatIndex follows the US National Weather Service: Steadman's simple formula,
// which is averaged with the temperature, and Rothfusz's regression (Technical
// Attachment SR 90-23, 1990) with its two adjustments from 80 °F on.
// https://www.wpc.ncep.noaa.gov/html/heatindex_equation.shtml
func heatIndex(a []float64) float64 {
	if a[1] < 0 {
		return math.NaN()
	}
	t, rh := a[0]*1.8+32, a[1]
	hi := 0.5 * (t + 61 + (t-68)*1.2 + rh*0.094)
	if hi >= 80 {
		hi = rothfusz(t, rh)
	}
	return (hi - 32) / 1.8
}

// rothfusz is the regression for t °F and rh %.
func rothfusz(t, rh float64) float64 {
	hi := -42.379 + 2.04901523*t + 10.14333127*rh - 0.22475541*t*rh - 6.83783e-3*t*t - 5.481717e-2*rh*rh +
		1.22874e-3*t*t*rh + 8.5282e-4*t*rh*rh - 1.99e-6*t*t*rh*rh
	switch {
	case rh < 13 && t >= 80 && t <= 112:
		hi -= (13 - rh) / 4 * math.Sqrt((17-math.Abs(t-95))/17)
	case rh > 85 && t >= 80 && t <= 87:
		hi += (rh - 85) / 10 * (87 - t) / 5
	}
	return hi
}

// The standard atmosphere, ISO 2533:1975, table 1.
const (
	gravity   = 9.80665   // m/s²
	dryAir    = 287.05287 // J/(kg K)
	lapse     = 0.0065    // K/m
	standardT = 288.15    // K at sea level
)

// seaLevel reduces a station's pressure to sea level.
//
// Without a temperature it takes that of the standard atmosphere (ISO 2533:1975
// equation 12, solved for the pressure at sea level), as an altimeter's QNH
// does. With the station's air temperature it takes the mean temperature of the
// air column, T + 0.0065 K/m · altitude/2, in the barometric formula
// p·exp(g·h/(R·Tm)): the reduction for stations below 750 m in WMO-No. 8,
// volume I, chapter 3, without its term for humidity (up to 0.3 hPa in 500 m).
func seaLevel(a []float64) float64 {
	p, h := a[0], a[1]
	if len(a) == 2 {
		return p * math.Pow(1-lapse*h/standardT, -gravity/(dryAir*lapse))
	}
	mean := kelvin + a[2] + lapse*h/2
	if !(mean > 0) {
		return math.NaN()
	}
	return p * math.Exp(gravity*h/(dryAir*mean))
}
