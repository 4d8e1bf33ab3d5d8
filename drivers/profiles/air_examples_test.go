package profiles

import (
	"math"
	"testing"
)

// The examples of sensors of temperature, humidity, pressure and gas.
var airExamples = []example{
	{ // SHT21, 6.1: the humidity word 0110 0011 0101 0010 is 42.5 %RH. Temperature and checksums: formula.
		name: "sht21", init: []exchange{{"fe", ""}},
		read: []exchange{{"f3", ""}, {"", "6a8cbc"}, {"f5", ""}, {"", "635264"}},
		want: map[string]float64{"temperature": -46.85 + 175.72*0x6a8c/65536, "humidity": 42.5}, within: 0.02,
	},
	{ // HTU21D, "CRC-8 checksum calculations" and "conversion of signal outputs": 0x683A7C is 24.7 degrees, 0x4E856B 32.3 %RH.
		name: "htu21d", init: []exchange{{"fe", ""}},
		read: []exchange{{"f3", ""}, {"", "683a7c"}, {"f5", ""}, {"", "4e856b"}},
		want: map[string]float64{"temperature": 24.7, "humidity": 32.3}, within: 0.05,
	},
	{ // Si7021-A20, 5.1.1 and 5.1.2: formula; the humidity word as in the SHT21's example.
		name: "si7021", init: []exchange{{"fcc9", "15"}, {"fe", ""}},
		read: []exchange{{"f5", ""}, {"", "635264"}, {"e0", "6838"}},
		want: map[string]float64{"temperature": -46.85 + 175.72*0x6838/65536, "humidity": 125*0x6352/65536.0 - 6}, within: 0.0006,
	},
	{ // SHTC3, 5.11: formula. The ID is that of a real chip, 0x0887.
		name: "shtc3", init: []exchange{{"3517", ""}, {"efc8", "08875b"}},
		read: []exchange{{"3517", ""}, {"7866", ""}, {"", "6472cda1331c"}, {"b098", ""}},
		want: map[string]float64{"temperature": -45 + 175*0x6472/65536.0, "humidity": 100 * 0xa133 / 65536.0}, within: 0.0006,
	},
	{ // A real chip, hdc302x_test.go of periph.io/x/devices (Apache-2.0): 26.621 degrees, 23.2 %RH.
		name: "hdc302x", init: []exchange{{"3781", "300033"}, {"3093", ""}},
		read: []exchange{{"2400", ""}, {"", "68c5513b8231"}},
		want: map[string]float64{"temperature": 26.6208896, "humidity": 23.24559}, within: 0.0006,
	},
	{ // The recording of an AHT20, whose words are the same, without its checksum.
		name: "aht10", init: []exchange{{"e10800", ""}}, read: []exchange{{"ac3300", ""}, {"", "98"}, {"", "18"}, {"", "187552058e40"}},
		want: map[string]float64{"temperature": 19.445800781, "humidity": 45.82824}, within: 0.0006,
	},
	{ // AM2320, 8.2.4: 50.0 %RH, 25.0 degrees. The first write wakes it and is refused.
		name: "am2320", init: []exchange{{"00", refused}, {"030004", ""}, {"", "030401f400fa31a5"}},
		read: []exchange{{"00", refused}, {"030004", ""}, {"", "030401f400fa31a5"}},
		want: map[string]float64{"temperature": 25, "humidity": 50},
	},
	{ // AM2320, 8.1: the highest bit is the sign: 0x8065 is -10.1 degrees.
		name: "am2320", init: []exchange{{"00", ""}, {"030004", ""}, {"", "030401f400fa31a5"}},
		read: []exchange{{"00", ""}, {"030004", ""}, {"", "030401f48065100d"}},
		want: map[string]float64{"temperature": -10.1, "humidity": 50}, within: 1e-9,
	},
	{ // SCD30, 1.4.5: 439 ppm, 27.2 degrees, 48.8 %RH.
		name: "scd30", init: []exchange{{"d100", ""}, {"", "0342f3"}, {"0010000081", ""}},
		read: []exchange{{"0202", ""}, {"", "000081"}, {"0202", ""}, {"", "0001b0"}, {"0300", ""}, {"", "43dbcb8c2e8f41d970e7fff54243bf3a1b74"}},
		want: map[string]float64{"co2": 439.1, "temperature": 27.24, "humidity": 48.81}, within: 0.006,
	},
	{ // SGP30, 6.3: formula, the words are the values. The feature set is that of a real chip, 0x0022.
		name: "sgp30", init: []exchange{{"202f", ""}, {"", "002265"}, {"2003", ""}},
		read: []exchange{{"2008", ""}, {"", "01f433000081"}}, want: map[string]float64{"eco2": 500, "tvoc": 0},
	},
	{ // SGP40 v1.0 table 7 for the command with its checksums; formula, the word is the value.
		name: "sgp40", init: []exchange{{"3682", ""}, {"", "000081017b675aa145"}},
		read: []exchange{{"260f8000a2666693", ""}, {"", "753008"}}, want: map[string]float64{"voc_raw_count": 30000},
	},
	{ // ENS160, 16.2.6 to 16.2.9: formula, the fields as they are laid out; status 0x82: running, new data, normal.
		name: "ens160", init: []exchange{{"00", "6001"}, {"1002", ""}}, read: []exchange{{"20", "820264001402"}},
		want: map[string]float64{"air_quality_index": 2, "tvoc": 100, "eco2": 532, "validity_code": 0},
	},
	{ // ENS160: formula; in the warm-up phase (0x86) nothing but the reason is given.
		name: "ens160", init: []exchange{{"00", "6001"}, {"1002", ""}}, read: []exchange{{"20", "860264001402"}},
		want: map[string]float64{"validity_code": 1},
	},
	{ // CCS811, ALG_RESULT_DATA: formula, the words are the values.
		name: "ccs811", init: []exchange{{"20", "81"}, {"ff11e5728a", ""}, {"f4", ""}, {"0110", ""}},
		read: []exchange{{"00", "90"}, {"00", "98"}, {"02", "01c2000898"}}, want: map[string]float64{"eco2": 450, "tvoc": 8},
	},
	{ // SPS30, table 4: formula, IEEE 754 floats; checksums by the data sheet's algorithm.
		name: "sps30", init: []exchange{{"d002", ""}, {"", "3030f6"}, {"0104", refused}, {"00100300ac", ""}},
		read: []exchange{{"0202", ""}, {"", "000081"}, {"0202", ""}, {"", "0001b0"}, {"0300", ""},
			{"", "3fc0ed00008140104b00008140488c000081409031000081412c0700008141a4c400008141aadb00008141b48700008141be5c0000813f1ef6b8523b"}},
		want: map[string]float64{"pm1_0": 1.5, "pm2_5": 2.25, "pm4_0": 3.13, "pm10": 4.5, "number_count_0_5": 10.75, "number_count_1_0": 20.5,
			"number_count_2_5": 21.25, "number_count_4_0": 22.5, "number_count_10": 23.75, "typical_size": 0.62e-6},
		within: 1e-12,
	},
	{ // SEN5x, table "measured values": formula, scale factors 10, 100, 200, 10; a SEN54 has no NOx and sends 0x7FFF.
		name: "sen5x", init: []exchange{{"d014", ""}, {"", "534583"}, {"0104", refused}, {"0021", ""}},
		read: []exchange{{"03c4", ""}, {"", "00322600418d004a6700550a11a85e14501203e8d47fff8f"}},
		want: map[string]float64{"pm1_0": 5, "pm2_5": 6.5, "pm4_0": 7.4, "pm10": 8.5, "humidity": 45.2, "temperature": 26, "voc_index": 100}, within: 1e-9,
	},
	{ // SFA3x, table "scaling factors": formula, 110 / 5, 4520 / 100, 5200 / 200.
		name: "sfa30", init: []exchange{{"d060", ""}, {"", "303650"}, {"0104", refused}, {"0006", ""}},
		read: []exchange{{"0327", ""}, {"", "006e2511a85e145012"}},
		want: map[string]float64{"formaldehyde": 22, "humidity": 45.2, "temperature": 26}, within: 1e-9,
	},
	{ // SDP3x, 6.3: formula, -120 steps / 60, 5200 / 200.
		name: "sdp3x", init: []exchange{{"3ff9", refused}, {"3615", ""}}, read: []exchange{{"", "ff88c3145012003c39"}},
		want: map[string]float64{"differential_pressure": -2, "step": 1 / 60.0, "temperature": 26}, within: 1e-9,
	},
	{ // SDP32: formula, -120 steps / 240, as its third word says.
		name: "sdp3x", init: []exchange{{"3ff9", refused}, {"3615", ""}}, read: []exchange{{"", "ff88c314501200f003"}},
		want: map[string]float64{"differential_pressure": -0.5, "step": 1 / 240.0, "temperature": 26}, within: 1e-9,
	},
	{ // SDP33: 20 steps a pascal are not known here, and no pressure is given.
		name: "sdp3x", init: []exchange{{"3ff9", refused}, {"3615", ""}}, read: []exchange{{"", "ff88c3145012001406"}},
		want: map[string]float64{"temperature": 26}, within: 1e-9,
	},
	{ // LPS22HB, 4.4: 0x3FF58D is 1023.3 hPa. Temperature: formula. The first look finds it still measuring.
		name: "lps22hb", init: []exchange{{"0f", "b1"}, {"1000", ""}}, read: []exchange{{"1111", ""}, {"11", "11"}, {"11", "10"}, {"28", "8df53fc409"}},
		want: map[string]float64{"pressure": 102330, "temperature": 25}, within: 5,
	},
	{ // LPS25HB: pressure as above; temperature: formula, 42.5 - 8400 / 480.
		name: "lps25hb", init: []exchange{{"0f", "bd"}, {"20b4", ""}}, read: []exchange{{"ab", "30df"}, {"a8", "8df53f"}},
		want: map[string]float64{"pressure": 102330, "temperature": 25}, within: 5,
	},
}

// An AHT10 has no checksum that could tell; its status and a humidity of 0 do.
func TestUnfitAHT10IsBad(t *testing.T) {
	for _, tt := range []struct {
		answer string
		want   int
	}{
		{"987552058e40", 0}, // busy again
		{"107552058e40", 0}, // without its calibration
		{"180000058e40", 1}, // only a temperature
	} {
		got, err := play(example{name: "aht10", init: []exchange{{"e10800", ""}}, read: []exchange{{"ac3300", ""}, {"", "18"}, {"", tt.answer}}})
		if _, ok := got["humidity"]; err != nil || ok || len(got) != tt.want {
			t.Errorf("%s: %v, %v; want %d values and no humidity", tt.answer, got, err, tt.want)
		}
	}
}

// The pressure examples to the last step, which the tables' tolerance does not show.
func TestPressureSteps(t *testing.T) {
	got, err := play(airExamples[len(airExamples)-1])
	if want := 4191629 / 4096.0 * 100; err != nil || math.Abs(got["pressure"]-want) > 1e-6 || math.Abs(got["temperature"]-25) > 1e-9 {
		t.Errorf("got %v, %v; want %v Pa, 25", got, err, want)
	}
}
