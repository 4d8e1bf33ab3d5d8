package bmp180

import "time"

// Addr is the only address that the chip has (section 5.2: 0xEE and 0xEF).
const Addr = 0x77

// Registers, section 4 (memory map) and 3.4.
const (
	regCalibration = 0xAA // 22 bytes: AC1 … MD, table 5
	regID          = 0xD0
	regCtrlMeas    = 0xF4 // then a reserved byte, then the result
)

const (
	lenCalibration = 22
	lenResult      = 5 // ctrl_meas, a reserved byte, out_msb, out_lsb, out_xlsb
)

const idBMP180 = 0x55

// What is written to ctrl_meas, table 8.
const (
	cmdTemperature = 0x2E
	cmdPressure    = 0x34 // with oss in the upper two bits
)

const ctrlConverting = 1 << 5 // Sco: stands while the conversion runs

// notMeasured is what out_msb and out_lsb hold after power-on (memory map).
const notMeasured = 0x8000

// waitTemperature is the longest conversion of a temperature, table 8.
const waitTemperature = 4500 * time.Microsecond

// waitPressure is the longest conversion of a pressure by oss, table 8.
func waitPressure(oss uint) time.Duration {
	return [4]time.Duration{4500 * time.Microsecond, 7500 * time.Microsecond, 13500 * time.Microsecond, 25500 * time.Microsecond}[oss]
}
