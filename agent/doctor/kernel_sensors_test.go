package doctor

import (
	"fmt"
	"net"
	"testing"
)

// localSensor is the configuration of a sensor on no bus.
func localSensor(name, use, more string) string {
	return fmt.Sprintf("[[sensor]]\nname = %q\nuse = %q\n%s\n", name, use, more)
}

func TestKernelSensors(t *testing.T) {
	const dir = "sys/bus/iio/devices/iio:device0/"
	files := map[string]string{
		"sys/class/hwmon/hwmon3/name": "lm75\n", "sys/class/hwmon/hwmon3/temp1_input": "23500\n",
		"sys/class/thermal/thermal_zone0/type": "cpu-thermal\n", "sys/class/thermal/thermal_zone0/temp": "48312\n",
		"sys/bus/w1/devices/28-0316a2795dff/w1_slave": "6d 01 4b 46 7f ff 0c 10 1c : crc=1c YES\n6d 01 4b 46 7f ff 0c 10 1c t=22812\n",
		"sys/class/hwmon/hwmon4/name":                 "sht3x\n", "sys/class/hwmon/hwmon4/temp1_input": "21000\n",
		"proc/loadavg": "0.10 0.20 0.30 1/100 999\n",
		dir + "name":   "adxl345\n", dir + "buffer/enable": "0\n", dir + "scan_elements/in_accel_x_en": "0\n", dir + "scan_elements/in_timestamp_en": "0\n",
		"dev/iio:device0": "", "dev/gpiochip0": "",
	}
	root := grow(t, files)
	cfg := load(t, noRedis+localSensor("board", "hwmon", `chip = "lm75"`)+localSensor("other", "hwmon", `chip = "ina219"`)+
		localSensor("air", "hwmon", "chip = \"sht3x\"\nonly = [\"temperature\", \"humidity\"]")+localSensor("cpu", "thermal", "")+localSensor("zones", "thermal", `zones = ["gpu-thermal"]`)+
		localSensor("pipe", "w1", "")+localSensor("pipe2", "w1", `id = "28-0000000000ff"`)+
		localSensor("health", "system", `only = ["load1", "undervoltage"]`)+
		localSensor("shake", "iio", "chip = \"adxl345\"\nchannels = [\"accel_x\"]\nsampling_frequency = 100")+
		localSensor("shake2", "iio", "chip = \"adxl345\"\nchannels = [\"accel_q\"]\nbuffered = true")+
		localSensor("rain", "gpio", "chip = \"gpiochip0\"\nline = 17")+localSensor("wind", "gpio", "chip = \"gpiochip4\"\nline = 17"))
	r := examine(t, Options{Root: root, Config: cfg})
	want(t, r, "kernel", "board", OK, "hwmon gives temperature")
	want(t, r, "kernel", "other", Fail, "hwmon ina219: find: unplugged", "lm75")
	want(t, r, "kernel", "cpu", OK, "thermal gives temperature")
	want(t, r, "kernel", "zones", Fail, "unplugged", "the kernel has cpu-thermal")
	want(t, r, "kernel", "pipe", OK, "w1 gives temperature")
	want(t, r, "kernel", "pipe2", Fail, "unplugged", "it is not on the bus; there are 28-0316a2795dff")
	want(t, r, "kernel", "health", OK, "system gives load1")
	want(t, r, "kernel", "health", Warn, "no valid undervoltage", "telhub read health")
	want(t, r, "kernel", "air", OK, "hwmon gives temperature")
	want(t, r, "kernel", "air", Warn, "this machine has no humidity", "take it out of only")
	want(t, r, "kernel", "shake", OK, "iio is there")
	want(t, r, "kernel", "shake2", Fail, "find channel accel_q", "the buffer has accel_x")
	want(t, r, "kernel", "rain", Fail, "gpio gpiochip0/17: open: wrong device", "it is no GPIO chip")
	want(t, r, "kernel", "wind", Fail, "gpio gpiochip4/17: open: unplugged", "gpiodetect lists them")

	r = examine(t, Options{Root: root, Config: cfg, User: "telhub"})
	want(t, r, "kernel", "shake", Fail, "/dev/iio:device0: telhub may not open it", `KERNEL=="iio:device*", GROUP="telhub"`)
	want(t, r, "user", "group gpio", OK, "does not exist here")
	give(t, root, "dev/iio:device0", 990, 0o660)
	r = examine(t, Options{Root: root, Config: cfg, User: "telhub"})
	want(t, r, "kernel", "shake", Fail, "buffer/enable: telhub may not open it", "chgrp -R telhub", "60-telhub.rules")
	give(t, root, dir+"buffer/enable", 990, 0o664)
	r = examine(t, Options{Root: root, Config: cfg, User: "telhub"})
	want(t, r, "kernel", "shake", OK, "iio is there")
}

func TestGateways(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	see := func(addr string) *Report {
		return examine(t, Options{Root: grow(t, nil), Config: load(t, noRedis+fmt.Sprintf(
			"[bus.plc]\ntcp = %q\n[[sensor]]\nname = \"meter\"\nuse = \"eastron-sdm120\"\nbus = \"plc\"\nunit_id = 1\n", addr))})
	}
	open := l.Addr().String()
	want(t, see(open), "tcp", "plc", OK, open+" takes a connection")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	want(t, see(open), "tcp", "plc", Fail, "nobody listens", "switch Modbus TCP on")
	want(t, see("no-such-host.invalid:502"), "tcp", "plc", Fail, "the name no-such-host.invalid is not found", "getent hosts")
}
