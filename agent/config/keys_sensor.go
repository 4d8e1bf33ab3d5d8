package config

// busKeys are the keys of [bus.NAME]. path makes it an I2C bus, port a serial
// port, tcp a connection to a gateway.
var busKeys = []Key{
	{
		Path: "path", Type: Text, Example: `"/dev/i2c-1"`, check: checkDevice,
		Doc:   "Device node of an I2C bus.",
		field: func(t target) any { return &t.bus.Path },
	},
	{
		Path: "port", Type: Text, Example: `"/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A50285BI-if00-port0"`, check: checkDevice,
		Doc: "Device node of a serial port. Prefer the links under /dev/serial/by-id or by-path: " +
			"ttyUSB0 may be called ttyUSB1 after the next replug.",
		field: func(t target) any { return &t.bus.Port },
	},
	{
		Path: "tcp", Type: Text, Example: `"192.168.1.20:502"`, check: checkHostPort,
		Doc: "Host and port of a Modbus TCP device or gateway, or of a server that passes a serial line through. " +
			"Nothing on this connection is encrypted.",
		field: func(t target) any { return &t.bus.TCP },
	},
	{
		Path: "mode", Type: Text, Example: `"9600 8N1"`, check: checkMode,
		Doc:   "Serial: baud rate, data bits, parity (N, E, O) and stop bits. The default is what the sensor's engine usually meets.",
		field: func(t target) any { return &t.bus.Mode },
	},
	{
		Path: "timeout", Type: Duration, Min: "10ms", Max: "1m", Example: `"250ms"`,
		Doc: "Longest wait for the bus: one transaction of an I2C bus (default 100ms), one answer over a serial port or a " +
			"TCP connection (default 1s; inverters and gateways may need more).",
		field: func(t target) any { return &t.bus.Timeout },
	},
	{
		Path: "gap", Type: Duration, Min: "0s", Max: "1s", Example: `"20ms"`,
		Doc:   "Serial and TCP: least pause between two requests. Some meters miss a request that follows too soon.",
		field: func(t target) any { return &t.bus.Gap },
	},
	{
		Path: "framing", Type: Choice, Allowed: []string{framingRTU, framingTCP}, Example: `"rtu"`,
		Doc: "With tcp: how Modbus requests are wrapped. tcp (the default) is Modbus TCP; rtu is for servers that pass a " +
			"serial line through (ser2net, \"transparent\" mode).",
		field: func(t target) any { return &t.bus.Framing },
	},
	{
		Path: "echo", Type: Bool, Example: "true",
		Doc:   "Serial: the adapter hears what it sends. With true its own bytes are taken out, and a request that comes back changed counts as a bus error.",
		field: func(t target) any { return &t.bus.Echo },
	},
	{
		Path: "rs485", Type: Choice, Allowed: []string{"rts-high", "rts-low"}, Example: `"rts-high"`,
		Doc: "Serial: let the kernel switch the transceiver's direction by RTS, high or low while sending. " +
			"USB adapters switch by themselves and need none of it.",
		field: func(t target) any { return &t.bus.RS485 },
	},
	{
		Path: "rs485_before", Type: Duration, Min: "0s", Max: "100ms", Example: `"1ms"`,
		Doc:   "With rs485: how long RTS stands before the first bit, in whole milliseconds.",
		field: func(t target) any { return &t.bus.RS485Before },
	},
	{
		Path: "rs485_after", Type: Duration, Min: "0s", Max: "100ms", Example: `"1ms"`,
		Doc:   "With rs485: how long RTS stays after the last bit, in whole milliseconds.",
		field: func(t target) any { return &t.bus.RS485After },
	},
	{
		Path: "rebind", Type: Bool, Default: "true", Example: "false",
		Doc: "I2C: while reopening does not bring a stuck bus back, take the kernel's driver away from its controller and give it back. " +
			"That needs the right to write the driver's files bind and unbind (docs/buses.md); without it the step is left out.",
		field: func(t target) any { return &t.bus.Rebind },
	},
	{
		Path: "power", Type: Inner, Example: `{ chip = "gpiochip0", line = 17 }`,
		Doc: "GPIO line that switches the supply of all devices on this bus. It is on while the agent runs, and goes off for a moment " +
			"when nothing milder brings them back. chip and line: as gpioinfo shows them. active: the level at which they are supplied, " +
			"\"high\" (the default) or \"low\". off: for how long a cycle lasts, by default \"500ms\", at most \"10s\". settle: how long they " +
			"take from then until they can be asked, by default \"100ms\", at most \"10s\".",
	},
}

// powerKeys are the keys of a bus's power.
var powerKeys = []Key{
	{
		Path: "chip", Type: Text, Example: `"gpiochip0"`, check: checkChip,
		Doc:   "GPIO chip.",
		field: func(t target) any { return &t.bus.Power.Chip },
	},
	{
		Path: "line", Type: Int, Min: "0", Max: "65535", Example: "17",
		Doc:   "Number of the line on its chip.",
		field: func(t target) any { return &t.bus.Power.Line },
	},
	{
		Path: "active", Type: Choice, Default: "high", Allowed: []string{"high", "low"}, Example: `"low"`,
		Doc:   "Level at which the devices are supplied.",
		field: func(t target) any { return &t.bus.Power.Active },
	},
	{
		Path: "off", Type: Duration, Default: "500ms", Min: "10ms", Max: "10s", Example: `"2s"`,
		Doc:   "How long the supply is off in a power cycle.",
		field: func(t target) any { return &t.bus.Power.Off },
	},
	{
		Path: "settle", Type: Duration, Default: "100ms", Min: "0s", Max: "10s", Example: `"1s"`,
		Doc:   "How long the devices take to start.",
		field: func(t target) any { return &t.bus.Power.Settle },
	},
}

// The ways to wrap Modbus requests.
const framingRTU, framingTCP = "rtu", "tcp"

// priorityHigh is the priority that goes before.
const priorityHigh = "high"

// sensorKeys are the keys of [[sensor]] that every engine shares; an engine's
// own come from the catalog.
var sensorKeys = []Key{
	{
		Path: "name", Type: Text, Example: `"greenhouse"`, check: checkName,
		Doc:   "Name of the sensor, unique on this device. Its channels are called <name>/<output>.",
		field: func(t target) any { return &t.sensor.Name },
	},
	{
		Path: "use", Type: Text, Example: `"bme280"`,
		Doc:   "The engine or the profile that reads it.",
		field: func(t target) any { return &t.sensor.Use },
	},
	{
		Path: "bus", Type: Text, Example: `"i2c1"`,
		Doc:   "Name of a [bus.NAME] that it is connected to.",
		field: func(t target) any { return &t.sensor.Bus },
	},
	{
		Path: "port", Type: Text, Example: `"/dev/ttyAMA0"`, check: checkDevice,
		Doc:   "Serial sensors: the port itself, instead of bus, where nothing else is connected to it.",
		field: func(t target) any { return &t.sensor.port },
	},
	{
		Path: "mode", Type: Text, Example: `"4800 8N1"`, check: checkMode,
		Doc:   "With port: baud rate, data bits, parity and stop bits.",
		field: func(t target) any { return &t.sensor.mode },
	},
	{
		Path: "addr", Type: Int, Min: "0x08", Max: "0x77", Example: "0x76",
		Doc:   "I2C: 7-bit address. The default is the chip's usual one, where it has one.",
		field: func(t target) any { return &t.sensor.Addr },
	},
	{
		Path: "unit_id", Type: Int, Min: "0", Max: "255", Example: "1",
		Doc: "Modbus: the device's number on its bus: 1 to 247 on a serial line; some sensors answer to 254 whatever their number is. " +
			"Devices with a network port of their own mostly want 1, 0 or 255.",
		field: func(t target) any { return &t.sensor.Unit },
	},
	{
		Path: "every", Type: Duration, Default: "10s", Min: "1ms", Max: "1d", Example: `"1s"`,
		Doc: "Period of measurement. For a sensor that sends by itself, the period in which it is expected to: " +
			"after three without news its channels are stale.",
		field: func(t target) any { return &t.sensor.Every },
	},
	{
		Path: "only", Type: Texts, Example: `["temperature"]`,
		Doc: "Measured outputs to send. The default is all. The others can still be inputs of derived outputs; " +
			"derived outputs and aggregates are not concerned.",
		field: func(t target) any { return &t.sensor.Only },
	},
	{
		Path: "priority", Type: Choice, Default: "normal", Allowed: []string{priorityHigh, "normal"}, Example: `"high"`,
		Doc:   "high: its samples ride before others when the uplink is narrow, and are dropped last.",
		field: func(t target) any { return &t.sensor.Priority },
	},
	{
		Path: "group", Type: Text, Example: `"weather"`, check: checkName,
		Doc:   "Sensors of the same group are measured at the same instant. They are polled, and have the same every.",
		field: func(t target) any { return &t.sensor.Group },
	},
	{
		Path: "oversample", Type: Int, Default: "1", Unit: "measurements", Min: "1", Max: "64", Example: "8",
		Doc:   "Polled sensors: measurements in each period, evenly spaced; their mean is the value.",
		field: func(t target) any { return &t.sensor.Oversample },
	},
}
