package scan

import (
	"math"
	"testing"

	"github.com/telhub/telhub/agent"
	"github.com/telhub/telhub/drivers/catalog"
)

// What drivers of the kernel read becomes sensors that read the same files.
func TestKernelsSensors(t *testing.T) {
	const slave = "72 01 4b 46 7f ff 0e 10 57 : crc=57 YES\n72 01 4b 46 7f ff 0e 10 57 t=23125\n"
	root := grow(t, map[string]string{
		"sys/class/thermal/thermal_zone0/type": "cpu-thermal\n", "sys/class/thermal/thermal_zone0/temp": "48312\n",
		"sys/class/thermal/thermal_zone1/type": "gpu-thermal\n", "sys/class/thermal/thermal_zone1/temp": "47000\n",
		"sys/class/hwmon/hwmon0/name": "cpu_thermal\n", "sys/class/hwmon/hwmon0/device": "->../../thermal/thermal_zone0",
		"sys/class/hwmon/hwmon0/temp1_input": "48312\n",
		"sys/class/hwmon/hwmon1/name":        "lm75\n", "sys/class/hwmon/hwmon1/device": "->../../../devices/1-0048",
		"sys/class/hwmon/hwmon1/temp1_input": "21500\n", "sys/devices/1-0048/name": "lm75\n",
		"sys/class/hwmon/hwmon2/name": "lm75\n", "sys/class/hwmon/hwmon2/device": "->../../../devices/1-0049",
		"sys/class/hwmon/hwmon2/temp1_input": "-3500\n", "sys/devices/1-0049/name": "lm75\n",
		"sys/class/hwmon/hwmon3/name": "weird\n", "sys/class/hwmon/hwmon3/in10_input": "3300\n", "sys/class/hwmon/hwmon3/in2_input": "5000\n",
		"sys/class/hwmon/hwmon4/name":                 "empty\n",
		"sys/bus/w1/devices/28-0316a2795dff/w1_slave": slave, "sys/bus/w1/devices/28-0316a2795dff/name": "28-0316a2795dff\n",
		"sys/bus/w1/devices/01-000000123456/id": "", "sys/bus/w1/devices/w1_bus_master1/name": "w1_bus_master1\n",
		"sys/devices/soc/adc/iio:device0/name": "ads1015\n", "sys/devices/soc/adc/iio:device0/in_voltage0_raw": "1000\n",
		"sys/devices/soc/adc/iio:device0/in_voltage0_scale": "2.0\n", "sys/devices/soc/adc/iio:device0/in_voltage0-voltage1_raw": "1\n",
		"sys/devices/soc/adc/iio:device0/in_nonsense_raw": "1\n",
		"sys/bus/iio/devices/iio:device0":                 "->../../../devices/soc/adc/iio:device0",
		"sys/bus/gpio/devices/gpiochip0/x":                "", "sys/class/gpio/gpiochip512/label": "pinctrl-bcm2711\n",
		"sys/class/gpio/gpiochip512/ngpio": "58\n", "sys/class/gpio/gpiochip512/device": "->../../../bus/gpio/devices/gpiochip0",
	})
	r := scan(t, Options{Root: root})
	cfg, open := parse(t, r), agent.Openers{Root: root}
	for _, test := range []struct {
		use, sensor, output string
		want                float64
	}{
		{"thermal", "thermal", "cpu_thermal", 48.312}, {"hwmon", "lm75", "temperature", 21.5}, {"hwmon", "lm75-2", "temperature", -3.5},
		{"hwmon", "weird", "in2", 5}, {"hwmon", "weird", "in10", 3.3}, {"w1", "w1", "temperature", 23.125}, {"iio", "ads1015", "voltage0", 2},
	} {
		if _, ok := catalog.Lookup(test.use, nil); !ok {
			wantNone(t, r, "\nuse = \""+test.use+"\"") // never what check refuses
			continue
		}
		if got := read(t, cfg, open, test.sensor, test.output); math.Abs(got-test.want) > 1e-9 {
			t.Errorf("%s %s = %v, want %v", test.sensor, test.output, got, test.want)
		}
	}
	want(t, r, `zones = ["cpu-thermal", "gpu-thermal"]`, `device = "1-0048"`, `inputs = ["in2", "in10"]`, "# hwmon: empty: it has nothing to read",
		"family 01 is no thermometer", "# gpio: gpiochip0 (pinctrl-bcm2711): 58 lines")
	wantNone(t, r, `chip = "cpu_thermal"`, "nonsense")
}
