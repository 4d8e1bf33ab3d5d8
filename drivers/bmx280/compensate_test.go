package bmx280

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"testing"
)

// vectors are worked examples that Bosch and others published; testdata/README.md
// names the source of each.
type vectors struct {
	BMP280 struct {
		DigT     [3]int64 `json:"dig_T"`
		DigP     [9]int64 `json:"dig_P"`
		AdcT     int64    `json:"adc_T"`
		AdcP     int64    `json:"adc_P"`
		TFine    int64    `json:"t_fine"`
		Celsius  float64  `json:"temp_c"`
		Pressure float64  `json:"pressure_pa"`
	} `json:"bmp280_compensation"`
	BME280 struct {
		Cal struct {
			T [3]int64
			P [9]int64
			H [6]int64
		}
		Raw      struct{ T, P, H int64 }
		Celsius  float64 `json:"temp_c"`
		Pressure float64 `json:"pressure_pa"`
		Humidity float64 `json:"rh_pct"`
	} `json:"bme280_real_device"`
}

func loadVectors(t *testing.T) (v vectors) {
	t.Helper()
	raw, err := os.ReadFile("testdata/datasheet_vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func calibrationOf(t [3]int64, p [9]int64, h [6]int64) calibration {
	c := calibration{t1: t[0], t2: t[1], t3: t[2], p1: p[0]}
	copy(c.p[:], p[1:])
	c.h1, c.h2, c.h3, c.h4, c.h5, c.h6 = h[0], h[1], h[2], h[3], h[4], h[5]
	return c
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s: got %v, want %v ± %v", what, got, want, tolerance)
	}
}

// BMP280 data sheet, section 3.12.
func TestDatasheetExample(t *testing.T) {
	v := loadVectors(t).BMP280
	c := calibrationOf(v.DigT, v.DigP, [6]int64{})

	centi, fine := c.temperature(v.AdcT)
	near(t, "t_fine", float64(fine), float64(v.TFine), 1) // the example computes it in doubles
	near(t, "temperature", float64(centi)/100, v.Celsius, 1e-9)
	q8, ok := c.pressure(v.AdcP, fine)
	if !ok {
		t.Fatal("pressure: division by zero")
	}
	near(t, "pressure", float64(q8)/256, v.Pressure, 0.1)

	cel, f := c.temperatureDouble(float64(v.AdcT))
	near(t, "double t_fine", f, float64(v.TFine), 1)
	near(t, "double temperature", cel, v.Celsius, 0.005)
	pa, ok := c.pressureDouble(float64(v.AdcP), f)
	if !ok {
		t.Fatal("double pressure: division by zero")
	}
	near(t, "double pressure", pa, v.Pressure, 0.1)
}

func TestRealDevice(t *testing.T) {
	v := loadVectors(t).BME280
	c := calibrationOf(v.Cal.T, v.Cal.P, v.Cal.H)

	cel, f := c.temperatureDouble(float64(v.Raw.T))
	near(t, "double temperature", cel, v.Celsius, 1e-9)
	pa, _ := c.pressureDouble(float64(v.Raw.P), f)
	near(t, "double pressure", pa, v.Pressure, 1e-6)
	near(t, "double humidity", c.humidityDouble(float64(v.Raw.H), f), v.Humidity, 1e-9)

	centi, fine := c.temperature(v.Raw.T)
	near(t, "temperature", float64(centi)/100, v.Celsius, 0.006)
	q8, _ := c.pressure(v.Raw.P, fine)
	near(t, "pressure", float64(q8)/256, v.Pressure, 0.2)
	near(t, "humidity", float64(c.humidity(v.Raw.H, fine))/1024, v.Humidity, 0.01)
}

// Other drivers join the nibbles of dig_H4 and dig_H5 before the sign and read
// 0 %RH here.
func TestNegativeHumidityWords(t *testing.T) {
	v := loadVectors(t).BME280
	c := calibrationOf(v.Cal.T, v.Cal.P, [6]int64{75})
	c.parseH([]byte{0x6e, 0x01, 0x00, 0xfc, 0x2e, 0xfe, 0x1e})
	if c.h4 != -50 || c.h5 != -30 {
		t.Fatalf("dig_H4 %d, dig_H5 %d, want -50, -30", c.h4, c.h5)
	}
	_, fine := c.temperature(v.Raw.T)
	near(t, "humidity", float64(c.humidity(6000, fine))/1024, 52.3, 0.05)
	near(t, "double humidity", c.humidityDouble(6000, float64(fine)), 52.3, 0.05)
}

// The 12-bit words, over all their values, through the registers' layout.
func TestSignOfTwelveBitWords(t *testing.T) {
	for want := int64(-2048); want < 2048; want++ {
		var c calibration
		u := uint16(want) & 0xFFF
		c.parseH([]byte{0, 0, 0, byte(u >> 4), byte(u & 0xF), 0, 0})
		if c.h4 != want || c.h5 != 0 {
			t.Fatalf("dig_H4 %d: got %d (dig_H5 %d)", want, c.h4, c.h5)
		}
		c.parseH([]byte{0, 0, 0, 0, byte(u & 0xF << 4), byte(u >> 4), 0})
		if c.h5 != want || c.h4 != 0 {
			t.Fatalf("dig_H5 %d: got %d (dig_H4 %d)", want, c.h5, c.h4)
		}
	}
}

// calibrations are what the range test runs over: both published sets, one with
// negative words, and random neighbours of them, as production spreads them.
func calibrations(t *testing.T) []calibration {
	v := loadVectors(t)
	a := calibrationOf(v.BMP280.DigT, v.BMP280.DigP, v.BME280.Cal.H)
	b := calibrationOf(v.BME280.Cal.T, v.BME280.Cal.P, v.BME280.Cal.H)
	c := b
	c.h4, c.h5 = -50, -30
	all := []calibration{a, b, c}
	rng := rand.New(rand.NewPCG(1, 2))
	spread := func(w int64) int64 { return w + int64(float64(w)*0.05*(2*rng.Float64()-1)) }
	for range 40 {
		n := all[rng.IntN(3)]
		n.t1, n.t2, n.t3, n.p1 = spread(n.t1), spread(n.t2), spread(n.t3), spread(n.p1)
		for i := range n.p {
			n.p[i] = spread(n.p[i])
		}
		n.h2, n.h4 = spread(n.h2), spread(n.h4)
		all = append(all, n)
	}
	return all
}

// The integers against the doubles, over the chip's whole operating range of
// -40 … 85 Cel, 300 … 1100 hPa and 0 … 100 %RH.
func TestIntegerAgreesWithDouble(t *testing.T) {
	var worstT, worstP, worstH float64
	var n int
	for _, c := range calibrations(t) {
		for adcT := int64(0); adcT < 1<<20; adcT += 1777 {
			cel, f := c.temperatureDouble(float64(adcT))
			if cel < -40 || cel > 85 {
				continue
			}
			centi, fine := c.temperature(adcT)
			worstT = max(worstT, math.Abs(float64(centi)/100-cel))
			for adcP := int64(0); adcP < 1<<20; adcP += 18911 {
				pa, ok := c.pressureDouble(float64(adcP), f)
				if !ok || pa < 30000 || pa > 110000 {
					continue
				}
				q8, ok := c.pressure(adcP, fine)
				if !ok {
					t.Fatalf("%+v: pressure of %d: division by zero", c, adcP)
				}
				worstP = max(worstP, math.Abs(float64(q8)/256-pa))
			}
			for adcH := int64(0); adcH < 1<<16; adcH += 991 {
				worstH = max(worstH, math.Abs(float64(c.humidity(adcH, fine))/1024-c.humidityDouble(float64(adcH), f)))
				n++
			}
		}
	}
	t.Logf("%d points: worst difference %.4f Cel, %.3f Pa, %.4f %%RH", n, worstT, worstP, worstH)
	if n < 100000 {
		t.Errorf("only %d points lie in the range", n)
	}
	if worstT > 0.008 { // half a step, and the 3 bits of adc_T that the integers drop
		t.Errorf("temperature differs by up to %v Cel", worstT)
	}
	if worstP > 1 { // a step of t_fine is worth 0.05 … 0.3 Pa
		t.Errorf("pressure differs by up to %v Pa", worstP)
	}
	if worstH > 0.05 {
		t.Errorf("humidity differs by up to %v %%RH", worstH)
	}
}

// Whatever the registers hold: no panic, no humidity outside 0 … 100.
func TestAnyCalibration(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	lo, hi := make([]byte, lenCalibration), make([]byte, lenCalibrationHi)
	fill := func(b []byte) {
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
	}
	for range 200000 {
		var c calibration
		fill(lo)
		fill(hi)
		c.parseTP(lo)
		c.parseH(hi)
		_, fine := c.temperature(rng.Int64N(1 << 20))
		c.pressure(rng.Int64N(1<<20), fine)
		if h := c.humidity(rng.Int64N(1<<16), fine); h < 0 || h > 100<<10 {
			t.Fatalf("%+v: humidity %d", c, h)
		}
	}
}

func TestPressureDivisionByZero(t *testing.T) {
	if _, ok := (&calibration{}).pressure(400000, 128000); ok {
		t.Error("pressure without dig_P1: got a value, want none")
	}
}

func BenchmarkCompensate(b *testing.B) {
	c := calibration{t1: 28176, t2: 26220, t3: 350, p1: 38237, h1: 75, h2: 366, h4: 309, h6: 30}
	c.p = [8]int64{-10824, 3024, 7799, -99, -7, 9900, -10230, 4285}
	for b.Loop() {
		_, fine := c.temperature(524112)
		c.pressure(309104, fine)
		c.humidity(30987, fine)
	}
}
