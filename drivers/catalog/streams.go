package catalog

import (
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/line"
	"github.com/telhub/telhub/drivers/nmea"
)

func newNMEA(*Spec) (drivers.Stream, error) { return nmea.New(), nil }

// lineOptions are never changed.
var lineOptions = []Option{
	{
		Name: "format", Type: Choice, Allowed: []string{line.CSV, line.KV, line.JSON, line.Template}, Example: `"kv"`,
		Doc: "What the lines look like: comma-separated columns, key=value pairs, a JSON object, or a template. " +
			"Not needed where match or columns say it.",
	},
	{
		Name: "columns", Type: Texts, Example: `["temperature", "-", "humidity"]`,
		Doc: `csv: the columns in order; "-" passes one over.`,
	},
	{
		Name: "header", Type: Bool, Example: "true",
		Doc: "csv: the device prints a line with the columns' names, which sets their order.",
	},
	{
		Name: "separator", Type: Text, Example: `";"`,
		Doc: `csv: the character between columns, "," by default. kv: the characters between pairs, by default blank , ; & |.`,
	},
	{
		Name: "assign", Type: Text, Example: `":"`,
		Doc: "kv: the characters between key and value, by default = and :.",
	},
	{
		Name: "match", Type: Text, Example: `"W={weight:f} T={temp:f}"`,
		Doc: "template: the line itself with {name:f} for decimal numbers, {name:d} for whole ones, {name:x} for hexadecimal ones, {*} for what does not matter.",
	},
	{
		Name: "out", Type: Channels, Example: `{ weight = { key = "W", unit = "kg", resolution = 0.1 } }`,
		Doc: "Outputs with their units, and what the line calls them. Needed for kv and json; for csv and template it adds units and other names. Each takes key, unit and resolution.",
	},
	{
		Name: "max_line", Type: Int, Default: "512", Unit: "bytes", Min: "8", Max: "65536", Example: "2048",
		Doc: "Longest line; longer ones count as corrupt.",
	},
}

func newLine(s *Spec) (drivers.Stream, error) {
	o := line.Options{
		Format:    value[string](s.Options, "format"),
		Columns:   value[[]string](s.Options, "columns"),
		Header:    value[bool](s.Options, "header"),
		Separator: value[string](s.Options, "separator"),
		Assign:    value[string](s.Options, "assign"),
		Match:     value[string](s.Options, "match"),
		MaxLine:   int(value[int64](s.Options, "max_line")),
	}
	switch {
	case o.Format != "":
	case o.Match != "":
		o.Format = line.Template
	case len(o.Columns) > 0 || o.Header:
		o.Format = line.CSV
	default:
		return nil, &OptionError{Option: "format", Msg: "is missing; write csv, kv, json or template"}
	}
	for _, c := range value[[]Channel](s.Options, "out") {
		o.Outputs = append(o.Outputs, line.Output(c))
	}
	return line.New(o)
}
