package config

// busKeys are the keys of [bus.NAME]. path makes it an I2C bus, port a serial
// port.
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
		Path: "mode", Type: Text, Example: `"9600 8N1"`, check: checkMode,
		Doc:   "Serial: baud rate, data bits, parity (N, E, O) and stop bits. The default is what the sensor's engine usually meets.",
		field: func(t target) any { return &t.bus.Mode },
	},
	{
		Path: "timeout", Type: Duration, Min: "10ms", Max: "1m", Example: `"250ms"`,
		Doc:   "Longest wait for the bus: one transaction of an I2C bus (default 100ms), one read of a serial port (default 1s).",
		field: func(t target) any { return &t.bus.Timeout },
	},
}

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
