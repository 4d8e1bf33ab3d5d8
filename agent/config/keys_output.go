package config

import (
	"github.com/telhub/telhub/agent/process"
	"github.com/telhub/telhub/agent/process/alarm"
)

// outputKeys are the keys of a sensor's output, [sensor.NAME]. Those with a
// dot stand in a table within it. The reader takes the parsed values, because
// the order of the steps is the file's.
var outputKeys = []Key{
	{
		Path: "offset", Type: Float, Example: "-0.4",
		Doc: "Step: is added to the value.",
	},
	{
		Path: "scale", Type: Float, Example: "1.02",
		Doc: "Step: the value is multiplied by it.",
	},
	{
		Path: "calibrate", Type: Curve, Example: `[[10.9, 11.3], [77.0, 75.3]]`,
		Doc: "Step: two or more points [measured, true], in any order. Between two points the straight line through them holds, " +
			"beyond the outermost the last one goes on. Or a polynomial in the measured value, constant term first: " +
			"calibrate = { polynomial = [0.2, 1.01, -0.0003] }.",
	},
	{
		Path: "unit", Type: Text, Example: `"degF"`, check: checkOutputUnit,
		Doc: "Step: conversion into this unit. Where an output has no unit, and for a derived one, it says which unit the values have.",
	},
	{
		Path: "valid", Type: Pair, Example: "[-40, 85]",
		Doc: "Step: smallest and largest value that can be true. What lies outside is not sent, and the channel's status is bad.",
	},
	{
		Path: "max_rate", Type: Float, Unit: "per second", Example: "0.5",
		Doc: "Step: fastest change that can be true, a second. A value that has changed faster is not sent, and the channel's status is bad.",
	},
	{
		Path: "filter", Type: Words, Example: `["median 5", "mean 1m"]`,
		Doc: "Steps: one filter or several, one after the other; below is the list of them. " +
			"A window is a number of values, or a time.",
	},
	{
		Path: "send", Type: Inner, Example: `{ change = 0.1, every = "5m" }`,
		Doc: "What is sent of the values. Without it every one is. false sends none: the output serves as input of others, for its alarm and for its aggregates.",
	},
	{
		Path: "send.change", Type: Float, Min: "0", Example: "0.1",
		Doc: "A value is sent when it differs from the last one sent by at least so much. 0, or without it, is any difference.",
	},
	{
		Path: "send.every", Type: Duration, Min: "1ms", Max: "7d", Example: `"5m"`,
		Doc: "And at least so often, although it has not changed: the heartbeat. It makes nothing rarer; for that there are change, filter = \"throttle 1m\" and aggregate.",
	},
	{
		Path: "alarm", Type: Inner, Example: `{ high = 35, clear = 33, for = "2m" }`,
		Doc: "Alarm of the output; at least one of high, low and stale. It is raised and cleared exactly once, in lane alarm. " +
			"An output has one; a second one, such as a higher limit of another level, stands at a derived output: value = \"temperature\", send = false.",
	},
	{
		Path: "alarm.high", Type: Float, Example: "35",
		Doc: "Raised at this value and above.",
	},
	{
		Path: "alarm.low", Type: Float, Example: "5",
		Doc: "Raised at this value and below.",
	},
	{
		Path: "alarm.clear", Type: Numbers, Example: "33",
		Doc: "Where a raised alarm is cleared: a number below high or above low; with both limits a list, low's first: [7, 33]. " +
			"Without it as soon as the limit is not reached any more.",
	},
	{
		Path: "alarm.for", Type: Duration, Min: "1ms", Max: "7d", Example: `"2m"`,
		Doc: "How long the limit must be exceeded before the alarm is raised.",
	},
	{
		Path: "alarm.stale", Type: Silence, Min: "1ms", Max: "31d", Example: `"10m"`,
		Doc: "Raised when there is no valid value: true as soon as the channel's status says so, or after a time.",
	},
	{
		Path: "alarm.level", Type: Choice, Default: "warn", Allowed: alarm.Levels(), Example: `"critical"`,
		Doc: "Severity, for people and metrics.",
	},
	{
		Path: "alarm.drive", Type: Words, Example: `["siren"]`,
		Doc: "Names of the [indicator.NAME] that are on while it is raised.",
	},
	{
		Path: "aggregate", Type: Inner, Example: `{ window = "1m", of = ["mean", "max"] }`,
		Doc: "Statistics over windows that do not overlap, each an output of its own: temperature_mean_1m. A list of such tables for several windows. " +
			"Without send = false the values themselves are sent, too.",
	},
	{
		Path: "aggregate.window", Type: Duration, Min: "10ms", Max: "7d", Example: `"1m"`,
		Doc: "Length of a window; at least two periods of the values.",
	},
	{
		Path: "aggregate.of", Type: Words, Allowed: statistics(), Example: `["mean", "max"]`,
		Doc: "Statistics, one or several. stddev is that of a sample and needs two values.",
	},
	{
		Path: "value", Type: Text, Example: `"dewpoint(temperature, humidity)"`, check: checkPrintable,
		Doc: "Makes a new output of this name, derived from others: an expression over outputs of the same sensor, " +
			"and over those of others as {sensor/output}. Inputs are measured and derived outputs as their steps leave them, not aggregates.",
	},
	{
		Path: "resolution", Type: Float, Min: "0", Example: "0.1",
		Doc: "Derived outputs: step between neighbouring values that matters, in its unit; a hint that makes the compact encoding smaller.",
	},
}

// statistics lists the words for what an aggregate computes.
func statistics() []string {
	var words []string
	for _, s := range process.Statistics() {
		words = append(words, s.String())
	}
	return words
}

// indicatorKeys are the keys of [indicator.NAME].
var indicatorKeys = []Key{
	{
		Path: "led", Type: Text, Example: `"ACT"`, check: checkLED,
		Doc:   "An LED of the kernel's, by its name under /sys/class/leds.",
		field: func(t target) any { return &t.indicator.LED },
	},
	{
		Path: "gpio", Type: Text, Example: `"gpiochip0/17"`, check: checkGPIO,
		Doc:   "A GPIO line, by chip and number, instead of led.",
		field: func(t target) any { return &t.indicator.gpio },
	},
	{
		Path: "active_low", Type: Bool, Default: "false", Example: "true",
		Doc:   "The indicator is on when its line is low.",
		field: func(t target) any { return &t.indicator.ActiveLow },
	},
}
