package bme680

import (
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"testing"
	"time"
)

// elixir is the calibration of a real chip in the tests of elixir-sensors/bmp280.
func elixir() calibration {
	return calibration{t1: 26195, t2: 26290, t3: 3,
		p1: 35395, p2: -10405, p3: 88, p4: 4836, p5: -118, p6: 30, p7: 26, p8: -765, p9: -3367, p10: 30,
		h1: 717, h2: 1021, h3: 0, h4: 45, h5: 20, h6: 120, h7: -100,
		g1: -30, g2: -5969, g3: 18, heatRange: 1, heatVal: 50, switchErr: 1}
}

// pimoroni is the calibration of another, in the tests of pimoroni/bme680-python.
func pimoroni() calibration {
	return calibration{t1: 26041, t2: 26469, t3: 3,
		p1: 36673, p2: -10515, p3: 88, p4: 7310, p5: -129, p6: 30, p7: 46, p8: -3177, p9: -2379, p10: 30,
		h1: 676, h2: 1029, h3: 0, h4: 45, h5: 20, h6: 120, h7: -100,
		g1: -30, g2: -24754, g3: 18, heatRange: 1, heatVal: 48}
}

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if !(math.Abs(got-want) <= within) {
		t.Errorf("%s: got %v, want %v within %v", what, got, want, within)
	}
}

// What the Elixir library's test expects of the same formulas. Its gas
// resistance has a half added, as the integer formula needs to round.
func TestPublishedFloats(t *testing.T) {
	c := elixir()
	cel, fine := c.temperature(480732)
	near(t, "temperature", cel, 19.3113, 0.0001)
	pa, ok := c.pressure(393705, fine)
	near(t, "pressure", pa, 100977.52, 0.01)
	near(t, "humidity", c.humidity(16820, cel), 25.2, 0.1)
	ohm, okGas := c.gas(666, 11)
	near(t, "gas", ohm, 3503.6322-0.5, 0.0001)
	if !ok || !okGas {
		t.Errorf("pressure %v, gas %v; want both", ok, okGas)
	}
	if got := c.heater(300, 28); got != 112 {
		t.Errorf("res_heat_0 for 300 in air of 28: %d, want 112", got)
	}
	for ms, want := range map[int]byte{63: 63, 64: 80, 100: 89, 4032: 255} {
		if got := waitCode(ms); got != want {
			t.Errorf("gas_wait_0 of %d ms: %d, want %d", ms, got, want)
		}
	}
}

// What Pimoroni's test expects of the integer formulas.
func TestPublishedIntegers(t *testing.T) {
	c := pimoroni()
	cel, fine := c.temperature(501240)
	near(t, "temperature", cel, 26.69, 0.01)
	near(t, "fine temperature", fine, 136667, 8)
	pa, _ := c.pressure(353485, fine)
	near(t, "pressure", pa, 98712, 5)
	near(t, "humidity", c.humidity(19019, cel), 42.402, 0.02)
	ohm, _ := c.gas(0, 0)
	near(t, "gas", ohm, 12946860, 1)
}

// What another program computed exactly of whole register images.
func TestGolden(t *testing.T) {
	text, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Low, High, Heater, Data              string
		Temperature, Pressure, Humidity, Gas float64
		Target, Air                          float64
		ResHeat                              float64 `json:"res_heat"`
	}
	if err := json.Unmarshal(text, &cases); err != nil || len(cases) < 50 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	bytes := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, g := range cases {
		var c calibration
		c.parse(bytes(g.Low), bytes(g.High), bytes(g.Heater))
		r := bytes(g.Data)
		cel, fine := c.temperature(adc20(r[dataTemp:]))
		near(t, "temperature", cel, g.Temperature, 1e-9)
		pa, ok := c.pressure(adc20(r[dataPress:]), fine)
		near(t, "pressure", pa, g.Pressure, 1e-6)
		near(t, "humidity", c.humidity(int(r[dataHum])<<8|int(r[dataHum+1]), cel), g.Humidity, 1e-9)
		ohm, okGas := c.gas(int(r[dataGas])<<2|int(r[dataGas+1]>>6), r[dataGas+1])
		near(t, "gas", ohm, g.Gas, 1e-9*g.Gas)
		if !ok || !okGas {
			t.Errorf("%s: pressure %v, gas %v", g.Data, ok, okGas)
		}
		if got := float64(c.heater(g.Target, g.Air)); math.Abs(got-g.ResHeat) > 0.5+1e-9 {
			t.Errorf("res_heat_0 for %v in %v: %v, want %v rounded", g.Target, g.Air, got, g.ResHeat)
		}
	}
}

// The times of section 5.3.3.3 never come out longer than asked, and at most
// three quarters of a step shorter.
func TestWaitCodes(t *testing.T) {
	for ms := 1; ms <= 4032; ms++ {
		code := waitCode(ms)
		got := int(code&0x3F) << (2 * (code >> 6))
		if got > ms || ms-got > 63 {
			t.Fatalf("%d ms became %d ms", ms, got)
		}
	}
}

func TestConversionTime(t *testing.T) {
	o := DefaultOpts()
	if got, want := o.conversion(), 150*time.Millisecond+(7*1963+9*477+1500)*time.Microsecond; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}
