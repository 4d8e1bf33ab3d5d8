package hwmon

import "strings"

// chips are the outputs of chips that boards often have, by the names that
// their drivers give them: "names: output=key …; …". It is never changed.
const chips = `
	lm75 lm75a lm75b lm75c ds75 ds1775 ds7505 adt75 tcn75 g751 at30ts74 stds75 max6625 max31725 mcp980x pct2075: temperature=temp1
	tmp75 tmp75b tmp75c tmp100 tmp101 tmp102 tmp105 tmp108 tmp112 tmp175 tmp1075 tmp275: temperature=temp1
	jc42 ds620 ds3231 lm73 lm92 mcp9808 max1619 sa56004 emc1403: temperature=temp1
	cpu_thermal soc_thermal cpu0_thermal gpu_thermal imx_thermal_zone iio_hwmon_temp: temperature=temp1
	k10temp: temperature=temp1
	coretemp: temperature=temp1
	nvme drivetemp: temperature=temp1
	sht3x sht4x sht21 shtc1 shtc3 sts3x hih6130 hs3001 chipcap2: temperature=temp1 humidity=humidity1
	ina219 ina220 ina226 ina230 ina231 ina233 ina237 ina238: shunt_voltage=in0 voltage=in1 current=curr1 power=power1
	ina260 ltc2945 ltc4151: voltage=in1 current=curr1 power=power1
	ina3221: voltage1=in1 voltage2=in2 voltage3=in3 current1=curr1 current2=curr2 current3=curr3
	rpi_volt: undervoltage=in0_lcrit_alarm
	pwmfan pwm_fan: speed=fan1 duty=pwm1
	gpio_fan: speed=fan1
	rp1_adc: voltage1=in1 voltage2=in2 voltage3=in3 voltage4=in4 temperature=temp1
`

// known gives the outputs of a chip of the table: pairs of name and key.
func known(chip string) (pairs [][2]string) {
	for line := range strings.Lines(chips) {
		names, outputs, _ := strings.Cut(strings.TrimSpace(line), ":")
		for name := range strings.FieldsSeq(names) {
			if name != chip {
				continue
			}
			for pair := range strings.FieldsSeq(outputs) {
				output, key, _ := strings.Cut(pair, "=")
				pairs = append(pairs, [2]string{output, key})
			}
			return pairs
		}
	}
	return nil
}
