package profiles

// The examples of sensors of light and of infrared temperature.
var lightExamples = []example{
	{ // Vishay 84323: formula, counts × resolution, here 1480 × 0.5376.
		name: "veml7700", init: []exchange{{"030000", ""}, {"000110", ""}, {"000010", ""}}, read: []exchange{{"04", "c805"}, {"05", "e803"}},
		want: map[string]float64{"illuminance": 1480 * 0.5376, "white_count": 1000}, within: 1e-9,
	},
	{ // Formula, fields as they are laid out; status 0x01: data are there.
		name: "tsl2591", init: []exchange{{"b2", "50"}, {"a001", ""}, {"a111", ""}, {"a003", ""}}, read: []exchange{{"b3", "011027c409"}},
		want: map[string]float64{"full_count": 10000, "infrared_count": 2500},
	},
	{ // Formula. Saturated: nothing is known of either diode that shows it.
		name: "tsl2591", init: []exchange{{"b2", "50"}, {"a001", ""}, {"a111", ""}, {"a003", ""}}, read: []exchange{{"b3", "01ffffc409"}},
		want: map[string]float64{"infrared_count": 2500},
	},
	{ // SBOS681, "examples of decoding the result register": 0x3456 is 88.80 lx.
		name: "opt3001", init: []exchange{{"7e", "5449"}, {"7f", "3001"}, {"01ce10", ""}}, read: []exchange{{"00", "3456"}},
		want: map[string]float64{"illuminance": 88.8}, within: 1e-9,
	},
	{ // The same table: 0xB fills the range, 83865.60 lx.
		name: "opt3001", init: []exchange{{"7e", "5449"}, {"7f", "3001"}, {"01ce10", ""}}, read: []exchange{{"00", "bfff"}},
		want: map[string]float64{"illuminance": 83865.6}, within: 1e-9,
	},
	{ // DS86-2015-0004, 7.1: formula, 0.6 × 5000 / (3 × 1).
		name: "ltr390", init: []exchange{{"06", "b2"}, {"0422", ""}, {"0501", ""}, {"0002", ""}}, read: []exchange{{"0d", "881300"}},
		want: map[string]float64{"illuminance": 1000}, within: 1e-9,
	},
	{ // Formula, fields as they are laid out; status 0x11: data are there. The ID is a TCS34727's.
		name: "tcs34725", init: []exchange{{"92", "4d"}, {"8001", ""}, {"81c0", ""}, {"8f01", ""}, {"8003", ""}},
		read: []exchange{{"b3", "11e8032c01c8006400"}},
		want: map[string]float64{"clear_count": 1000, "red_count": 300, "green_count": 200, "blue_count": 100},
	},
	{ // Melexis, 8.4.3: figure of the read of 0x3AD2 with packet error code 0x30. Ambient: 0x39C4 × 0.02 - 273.15.
		name: "mlx90614", init: []exchange{{"07", "d23a30"}}, read: []exchange{{"06", "c43906"}, {"07", "d23a30"}},
		want: map[string]float64{"ambient_temperature": 22.61, "object_temperature": 28.01}, within: 1e-9,
	},
	{ // The highest bit marks an error of the object's value.
		name: "mlx90614", init: []exchange{{"07", "d23a30"}}, read: []exchange{{"06", "c43906"}, {"07", "d2bab9"}},
		want: map[string]float64{"ambient_temperature": 22.61}, within: 1e-9,
	},
}
