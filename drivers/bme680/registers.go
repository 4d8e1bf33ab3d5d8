package bme680

// Registers, section 5.2 (memory map).
const (
	regHeater      = 0x00 // res_heat_val, …, res_heat_range, …, range_switching_error
	regData        = 0x1D // meas_status_0, then what is in data
	regResHeat0    = 0x5A // section 5.3.3.1
	regGasWait0    = 0x64 // section 5.3.3.3
	regCtrlGas0    = 0x70 // the settings: ctrl_gas_0 to config
	regCtrlGas1    = 0x71
	regCtrlHum     = 0x72
	regCtrlMeas    = 0x74
	regConfig      = 0x75
	regCalibration = 0x8A // par_t2 … par_p10
	regID          = 0xD0
	regReset       = 0xE0
	regCalibrateHi = 0xE1 // par_h2 … par_g3
	regVariant     = 0xF0 // 0 BME680, 1 BME688
)

// Lengths of the burst reads.
const (
	lenHeater      = 5
	lenData        = 15 // meas_status_0 … gas_r_lsb, 0x1D to 0x2B
	lenSettings    = 6  // 0x70 to 0x75
	lenCalibration = 23 // 0x8A to 0xA0
	lenCalibrateHi = 14 // 0xE1 to 0xEE
)

const (
	idBME680      = 0x61
	variantBME688 = 0x01
	cmdReset      = 0xB6 // section 5.3.1.1
)

// Where the results stand behind meas_status_0, sections 5.3.4 and 5.3.5.
const (
	dataPress = 0x1F - regData
	dataTemp  = 0x22 - regData
	dataHum   = 0x25 - regData
	dataGas   = 0x2A - regData
)

// Bits of meas_status_0, section 5.3.5.1.
const (
	statusNewData   = 1 << 7
	statusMeasuring = 1<<6 | 1<<5 // gas, or the other quantities
)

// Bits of gas_r_lsb, sections 5.3.4.5 and 5.3.5.5 to 5.3.5.6.
const (
	gasValid   = 1 << 5
	heatStable = 1 << 4
	gasRange   = 0x0F
)

// Bits of the settings, sections 5.3.1 to 5.3.3.
const (
	heatOff    = 1 << 3 // ctrl_gas_0
	runGas     = 1 << 4 // ctrl_gas_1; the step nb_conv is 0
	modeForced = 0b01   // ctrl_meas
	modeMask   = 0b11
	humMask    = 0b111
	filterMask = 0b111 << 2
	gas1Mask   = runGas | 0x0F
)

// notMeasured is what pressure and temperature hold before the first result.
const notMeasured = 0x80000
