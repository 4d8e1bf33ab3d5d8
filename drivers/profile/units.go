package profile

import (
	"slices"
	"strings"

	"github.com/telhub/telhub/internal/spell"
)

// senml lists the units of the SenML registry: the primary ones (RFC 8428
// section 12.1) and the secondary ones (RFC 8798 section 3, and later entries
// of the registry).
func senml() []string {
	return strings.Fields(`
		m kg g s A K cd mol Hz rad sr N Pa J W C V F Ohm S Wb T H Cel lm lx Bq Gy Sv kat
		m2 m3 l m/s m/s2 m3/s l/s W/m2 cd/m2 bit bit/s lat lon pH dB dBW Bspl count / %
		%RH %EL EL 1/s 1/min beat/min beats S/m B VA VAs var vars J/m kg/m3 deg NTU
		ms min h MHz kW kVA kvar Ah Wh kWh varh kvarh kVAh Wh/km KiB GB Mbit/s B/s MB/s
		mV mA dBm ug/m3 mm/h m/h ppm /100 /1000 hPa mm cm km km/h
		ppb ppt VAh mg/l ug/l g/l`)
}

// usual maps what people write to what SenML calls it.
func usual() map[string]string {
	return map[string]string{
		"°C": "Cel", "degC": "Cel", "celsius": "Cel", "Celsius": "Cel",
		"°": "deg", "rh": "%RH", "RH": "%RH", "%rh": "%RH", "lux": "lx", "Lux": "lx",
		"pa": "Pa", "hpa": "hPa", "mbar": "hPa", "volt": "V", "volts": "V", "v": "V",
		"a": "A", "amp": "A", "ampere": "A", "w": "W", "watt": "W", "hz": "Hz", "ohm": "Ohm", "Ω": "Ohm",
		"µg/m3": "ug/m3", "µg/m³": "ug/m3", "ug/m³": "ug/m3", "sec": "s", "kwh": "kWh", "wh": "Wh",
	}
}

// unit reads the unit under key.
func (t table) unit(key string) string {
	u := t.text(key)
	if u == "" || slices.Contains(senml(), u) {
		return u
	}
	if want, ok := usual()[u]; ok {
		t.problem(key, "not a SenML unit; want %q", want)
	} else {
		t.problem(key, `not a SenML unit (RFC 8428, RFC 8798)%s; scale the value to one, or want "" for a bare number`, nearUnit(u))
	}
	return ""
}

func nearUnit(u string) string {
	for _, s := range senml() {
		if strings.EqualFold(s, u) || len(s) > 2 && spell.Distance(s, u) == 1 {
			return "; did you mean \"" + s + "\"?"
		}
	}
	return ""
}
