package bmx280

// Registers, section 5.3 (table 18); BMP280: section 4.2 (table 18 there).
const (
	regCalibration   = 0x88 // 26 bytes: dig_T1 … dig_P9, a hole at 0xA0, dig_H1 (table 16)
	regID            = 0xD0 // section 5.4.1
	regReset         = 0xE0 // section 5.4.2
	regCalibrationHi = 0xE1 // 7 bytes: dig_H2 … dig_H6 (table 16)
	regCtrlHum       = 0xF2 // section 5.4.3; the BMP280 has none
	regStatus        = 0xF3 // section 5.4.4
	regCtrlMeas      = 0xF4 // section 5.4.5
	regConfig        = 0xF5 // section 5.4.6
	regData          = 0xF7 // press, temp, hum: sections 5.4.7 to 5.4.9
)

// Lengths of the burst reads.
const (
	lenCalibration   = 26
	lenCalibrationHi = 7
	lenStatus        = 3 // status, ctrl_meas, config
	lenDataBMP       = 6
	lenDataBME       = 8
)

// Chip identities, section 5.4.1; BMP280: section 4.3.1. 0x56 and 0x57 are
// samples that reached the market.
const (
	idBMP280Sample1 = 0x56
	idBMP280Sample2 = 0x57
	idBMP280        = 0x58
	idBME280        = 0x60
)

const cmdReset = 0xB6 // the only value regReset reacts to, section 5.4.2

// Bits of status, section 5.4.4.
const (
	statusMeasuring = 1 << 3
	statusImUpdate  = 1 << 0 // calibration is being copied from non-volatile memory
)

// Modes in ctrl_meas, section 5.4.5 (table 25).
const (
	modeSleep  = 0b00
	modeForced = 0b01
	modeNormal = 0b11
	modeMask   = 0b11
)

// Masks of what can be read back; the other bits are reserved.
const (
	ctrlHumMask = 0b0000_0111
	configMask  = 0b1111_1101
)

// Reset values of the data registers and results of a skipped measurement,
// sections 5.4.7 to 5.4.9 and 3.4.
const (
	notMeasured20 = 0x80000
	notMeasured16 = 0x8000
)

// u16 and s16 read the little-endian calibration words of table 16.
func u16(b []byte) int64 { return int64(uint16(b[0]) | uint16(b[1])<<8) }
func s16(b []byte) int64 { return int64(int16(uint16(b[0]) | uint16(b[1])<<8)) }

// adc20 reads a 20-bit result: msb, lsb, xlsb[7:4].
func adc20(b []byte) int64 {
	return int64(b[0])<<12 | int64(b[1])<<4 | int64(b[2])>>4
}

// adc16 reads a 16-bit result: msb, lsb.
func adc16(b []byte) int64 { return int64(b[0])<<8 | int64(b[1]) }

// parseTP takes the 26 bytes at regCalibration.
func (c *calibration) parseTP(b []byte) {
	c.t1, c.t2, c.t3 = u16(b[0:]), s16(b[2:]), s16(b[4:])
	c.p1 = u16(b[6:])
	for i := range c.p {
		c.p[i] = s16(b[8+2*i:])
	}
	c.h1 = int64(b[25]) // 0xA1
}

// parseH takes the 7 bytes at regCalibrationHi. dig_H4 and dig_H5 are signed
// 12-bit words that share register 0xE5: the sign is in the byte that holds the
// upper 8 bits (0xE4, 0xE6), so that byte is extended before the nibble joins.
func (c *calibration) parseH(b []byte) {
	c.h2 = s16(b[0:])
	c.h3 = int64(b[2])
	c.h4 = int64(int8(b[3]))<<4 | int64(b[4]&0x0F)
	c.h5 = int64(int8(b[5]))<<4 | int64(b[4]>>4)
	c.h6 = int64(int8(b[6]))
}
