package config

import (
	"fmt"
	"io"
	"strings"

	"github.com/telhub/telhub/agent/process/chain"
	"github.com/telhub/telhub/agent/process/expr"
)

const referenceOutputs = `
## Outputs

What is done to an output of a sensor stands in a table ` + "`[sensor.NAME]`" + ` below its ` + "`[[sensor]]`" + `; NAME is one of the outputs
that the engine measures, or a new one with ` + "`value`" + `. Short ones fit on a line: ` + "`temperature.offset = -0.4`" + `. An output without
a table is sent as it comes.

` + "```toml" + `
[[sensor]]
name = "greenhouse"
use = "bme280"
bus = "i2c1"
every = "10s"
[sensor.temperature]
calibrate = [[10.9, 11.3], [77.0, 75.3]]
valid = [-40, 85]
filter = ["median 5", "mean 1m"]
send = { change = 0.1, every = "5m" }
alarm = { high = 35, clear = 33, for = "2m", level = "critical", drive = "siren" }
aggregate = { window = "10m", of = ["mean", "max"] }
[sensor.dewpoint]
value = "dewpoint(temperature, humidity)"
unit = "Cel"
resolution = 0.01
` + "```" + `

Steps (` + "`offset`, `scale`, `calibrate`, `unit`, `valid`, `max_rate`, `filter`" + `) are carried out in the order in which the table
writes them, so that ` + "`valid`" + ` before ` + "`scale`" + ` means the measured value and after it the scaled one. Everything else comes after
them, wherever it stands: derived outputs, aggregates and the alarm see each value that leaves the steps, and then ` + "`send`" + ` decides
which ones travel. Aggregates are outputs called ` + "`<output>_<statistic>_<window>`" + `, the window written short: ` + "`temperature_mean_1m`" + `,
` + "`_90s`, `_1h30m`" + `.

Windows are of time or of values. Time is the board's own, which nobody sets, so that a window is as wide as it says whatever
happens to the date. Aggregates' windows follow each other on that clock, so that they do not begin with the full minute of the
day; an aggregate's date is the end of its window, and a window without a value gives none. A window of time that could hold no more than one value is an error, because it would do nothing.
`

const referenceExpressions = `
### Expressions

Numbers, outputs and functions, with ` + "`+ - * / ^`" + `, comparisons (` + "`< <= > >= == !=`" + `, which give 1 or 0), ` + "`and or not`" + ` and brackets.
A bare name is an output of the same sensor, ` + "`{sensor/output}`" + ` any one; braces also serve for outputs that are called like a
function. ` + "`pi` and `e`" + ` are constants. An expression is computed for each reading that brings one of its inputs a value, once all
have one. ` + "`unit`" + ` says which unit the result has: expressions compute with numbers only, so mind the units of the inputs as their
steps leave them. Energy of a power in watts is:

` + "```toml" + `
[sensor.energy]
value = "integral(power) / 3.6e6"
unit = "kWh"
` + "```" + `

`

const referenceIndicators = `
## Indicators

Each indicator is a table ` + "`[indicator.NAME]`" + `: a light, a horn, a relay. It is on while one of the alarms that ` + "`drive`" + ` it is
raised. It has a led or a gpio.
`

// outputReference writes what an output's table can hold.
func outputReference(w io.Writer) {
	fmt.Fprint(w, referenceOutputs)
	for i := range outputKeys {
		outputKeys[i].reference(w, "")
	}
	fmt.Fprint(w, "\n### Filters\n\n| filter | meaning |\n| --- | --- |\n")
	for _, f := range chain.Filters() {
		fmt.Fprintf(w, "| `%s` | %s |\n", f.Example, cell(f.Doc))
	}
	fmt.Fprint(w, referenceExpressions)
	fmt.Fprint(w, "| function | value |\n| --- | --- |\n")
	for _, f := range expr.Functions() {
		fmt.Fprintf(w, "| `%s` | %s |\n", f.Signature, cell(f.Doc))
	}
	fmt.Fprintf(w, "\n### Units\n\nUnits that are known: SenML's primary (RFC 8428) and secondary ones (RFC 8798), and degF. "+
		"Those of one line convert into each other, those of the last one into none.\n\n")
	for _, group := range unitGroups() {
		fmt.Fprintf(w, "- `%s`\n", strings.Join(group, "`, `"))
	}
}

// unitGroups puts units together that convert into each other, and the rest
// into the last group.
func unitGroups() [][]string {
	var groups [][]string
	var alone []string
	units := chain.Units()
	seen := make(map[string]bool)
	for i, first := range units {
		if seen[first] {
			continue
		}
		group := []string{first}
		for _, u := range units[i+1:] {
			if _, _, err := chain.Conversion(first, u); err == nil {
				group = append(group, u)
				seen[u] = true
			}
		}
		if len(group) == 1 {
			alone = append(alone, first)
			continue
		}
		groups = append(groups, group)
	}
	return append(groups, alone)
}
