package profiles

import "math"

const g0 = 9.80665 // m/s2, standard acceleration of free fall

// The examples of accelerometers, gyroscopes, magnetometers and angles.
var motionExamples = []example{
	{ // ADXL345 table 1: formula, 256 steps are 1 g.
		name: "adxl345", init: []exchange{{"00", "e5"}, {"2c0a", ""}, {"310b", ""}, {"2d08", ""}}, read: []exchange{{"32", "000100ff8000"}},
		want: map[string]float64{"acceleration_x": g0, "acceleration_y": -g0, "acceleration_z": g0 / 2}, within: 1e-9,
	},
	{ // LIS3DH table 4: formula, 1 mg a step in the upper twelve bits.
		name: "lis3dh", init: []exchange{{"0f", "33"}, {"2047", ""}, {"2388", ""}}, read: []exchange{{"a8", "803e80c10000"}},
		want: map[string]float64{"acceleration_x": g0, "acceleration_y": -g0, "acceleration_z": 0}, within: 1e-9,
	},
	{ // LSM303DLHC table 3: the same.
		name: "lsm303dlhc-accel", init: []exchange{{"2047", ""}, {"2388", ""}}, read: []exchange{{"a8", "803e80c10000"}},
		want: map[string]float64{"acceleration_x": g0, "acceleration_y": -g0, "acceleration_z": 0}, within: 1e-9,
	},
	{ // LSM303DLHC table 75: formula, 1100 steps a gauss, 980 for Z, which comes second.
		name: "lsm303dlhc-mag", init: []exchange{{"0a", "483433"}, {"0018", ""}, {"0120", ""}, {"0200", ""}}, read: []exchange{{"03", "044c03d4fbb4"}},
		want: map[string]float64{"field_x": 1e-4, "field_z": 1e-4, "field_y": -1e-4}, within: 1e-15,
	},
	{ // HMC5883L, configuration register B: formula, 1090 steps a gauss; -4096 is an overflow.
		name: "hmc5883l", init: []exchange{{"0a", "483433"}, {"0078", ""}, {"0120", ""}, {"0200", ""}}, read: []exchange{{"03", "0442f000fbbe"}},
		want: map[string]float64{"field_x": 1e-4, "field_y": -1e-4}, within: 1e-15,
	},
	{ // QMC5883L table 2: formula, 3000 steps a gauss at 8 gauss.
		name: "qmc5883l", init: []exchange{{"0d", "ff"}, {"0b01", ""}, {"091d", ""}}, read: []exchange{{"00", "b80b48f4000001"}},
		want: map[string]float64{"field_x": 1e-4, "field_y": -1e-4, "field_z": 0}, within: 1e-15,
	},
	{ // QMC5883L: the overflow bit takes all three away.
		name: "qmc5883l", init: []exchange{{"0d", "ff"}, {"0b01", ""}, {"091d", ""}}, read: []exchange{{"00", "b80b48f4000003"}},
		want: map[string]float64{},
	},
	{ // RM-MPU-6000A 4.17 to 4.19: formula, 16384 steps a g, -521 / 340 + 36.53, 131 steps a degree a second.
		name: "mpu6050", init: []exchange{{"75", "68"}, {"6b01", ""}, {"1a03", ""}, {"1b00", ""}, {"1c00", ""}},
		read: []exchange{{"3b", "4000c0000000fdf7051efae20000"}, {"75", "68"}},
		want: map[string]float64{"acceleration_x": g0, "acceleration_y": -g0, "acceleration_z": 0, "temperature": 35,
			"rotation_x": 10 * math.Pi / 180, "rotation_y": -10 * math.Pi / 180, "rotation_z": 0},
		within: 0.003,
	},
	{ // The same of an MPU-6500, whose temperature has another scale.
		name: "mpu6050", init: []exchange{{"75", "70"}, {"6b01", ""}, {"1a03", ""}, {"1b00", ""}, {"1c00", ""}},
		read: []exchange{{"3b", "4000c0000000fdf7051efae20000"}, {"75", "70"}},
		want: map[string]float64{"acceleration_x": g0, "acceleration_y": -g0, "acceleration_z": 0,
			"rotation_x": 10 * math.Pi / 180, "rotation_y": -10 * math.Pi / 180, "rotation_z": 0},
		within: 0.003,
	},
	{ // AS5600: formula, 4096 steps a turn; the magnet is there.
		name: "as5600", read: []exchange{{"0b", "20"}, {"0e", "0400"}}, want: map[string]float64{"angle": 90},
	},
	{ // AS5600: no magnet, no angle.
		name: "as5600", read: []exchange{{"0b", "00"}, {"0e", "0400"}}, want: map[string]float64{},
	},
}
