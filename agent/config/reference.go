package config

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/telhub/telhub/drivers/catalog"
)

const referenceHead = `# Configuration reference

Generated from the table of keys in ` + "`agent/config`" + `; a test keeps this page equal to the program.

The file is TOML, by default ` + "`/etc/telhub.toml`" + `. It is strict: a key that does not exist is an error, and
` + "`telhub check`" + ` reports all errors at once, each with line, field, value and cure. ` + "`telhub init`" + ` prints a commented
file to begin with.

Values come from four places, the later ones going before the earlier: defaults, the file, the environment, and
for secrets their files. Every key ` + "`section.key`" + ` has a variable ` + "`TELEMETRY_SECTION_KEY`" + `; keys of a bus that
the file defines have one too (` + "`TELEMETRY_BUS_GPS_PORT`" + ` for ` + "`bus.gps.port`" + `), and so have the levels of single parts
(` + "`TELEMETRY_LOG_COMPONENTS_UPLINK`" + `). An unknown variable that begins with ` + "`TELEMETRY_`" + ` is an error.

Durations are text such as ` + "`\"250ms\"`, `\"10s\"`, `\"1h30m\"` or `\"7d\"`" + `. Sizes are text such as ` + "`\"256MB\"`" + ` (decimal) or
` + "`\"256MiB\"`" + ` (binary), or a number of bytes. Files are named by their full path.

Files with secrets are not read when the configuration is loaded but when they are needed, so that a rotated
secret needs no restart. ` + "`telhub check`" + ` warns of those that it cannot read, and ` + "`telhub run`" + ` does not start with them.
`

const referenceBus = `
## Buses

Each bus is a table ` + "`[bus.NAME]`" + `; sensors refer to it by its name. An I2C bus has a path, a serial port a port, a connection to a
Modbus gateway tcp.
`

const referenceSensor = `
## Sensors

Each sensor is a table ` + "`[[sensor]]`" + `, with two brackets. These keys are common to all; each engine adds its own, below.
`

const referenceEngines = `
## Engines

What a sensor's ` + "`use`" + ` can name, besides the profiles that the file defines itself.
`

const referenceProfiles = `
## Profiles

A table ` + "`[profile.NAME]`" + ` describes a chip or meter that telhub does not know; sensors then say ` + "`use = \"NAME\"`" + `. It stands in the
configuration itself, or in a file ` + "`telhub.d/*.toml`" + ` beside it (for ` + "`/etc/telhub.toml`" + `: ` + "`/etc/telhub.d/`" + `), which may hold
as many profiles as you like and nothing else. ` + "`telhub profiles`" + ` lists what there is, and ` + "`telhub profiles show NAME`" + ` prints one, which
is good to begin from; a profile of the same name goes before one that is shipped. The documentation of package ` + "`drivers/profile`" + `
explains every key.

` + "```toml" + `
[profile.my-tmp117]
kind = "i2c"
identify = { reg = 0x0F, mask = 0x0FFF, equals = 0x0117 }
init = [[0x01, 0x02, 0x20]]
read = [{ reg = 0x00, bytes = 2 }]
out.temperature = { at = 0, type = "i16be", scale = 0.0078125, unit = "Cel", invalid = [0x8000] }
` + "```" + `
`

// Reference writes docs/configuration_reference.md.
func Reference(w io.Writer) error {
	b := bufio.NewWriter(w)
	b.WriteString(referenceHead)
	section := "-"
	for i := range rootKeys {
		k := &rootKeys[i]
		in, _ := splitPath(k.Path)
		if in != section {
			section = in
			fmt.Fprintf(b, "\n## %s\n", heading(in))
		}
		k.reference(b, k.Env())
		if k.Path == "log.format" {
			componentKey.reference(b, envComponents+"NAME")
		}
	}
	b.WriteString(referenceBus)
	for i := range busKeys {
		env := envBus + "NAME_" + envName(busKeys[i].Path)
		if busKeys[i].Type == Inner {
			env = ""
		}
		busKeys[i].reference(b, env)
	}
	b.WriteString(referenceSensor)
	for i := range sensorKeys {
		sensorKeys[i].reference(b, "")
	}
	outputReference(b)
	b.WriteString(referenceIndicators)
	for i := range indicatorKeys {
		indicatorKeys[i].reference(b, "")
	}
	b.WriteString(referenceEngines)
	for _, name := range catalog.Names(nil) {
		if e, ok := catalog.Lookup(name, nil); ok {
			engineReference(b, &e)
		}
	}
	b.WriteString(referenceProfiles)
	return b.Flush()
}

func heading(section string) string {
	if section == "" {
		return "Top level"
	}
	return "`[" + section + "]`"
}

// reference writes one key: its meaning, its values, an example.
func (k *Key) reference(w io.Writer, env string) {
	_, name := splitPath(k.Path)
	fmt.Fprintf(w, "\n### `%s`\n\n%s\n\n", k.Path, prose(k.Doc))
	facts := []string{k.Type.String()}
	if k.Unit != "" {
		facts[0] += " (" + k.Unit + ")"
	}
	if k.Default != "" {
		facts = append(facts, "default `"+k.defaultTOML()+"`")
	}
	if s := k.span(); s != "" {
		facts = append(facts, strings.ToLower(s[:1])+s[1:])
	}
	facts = append(facts, "example `"+name+" = "+k.Example+"`")
	if env != "" {
		facts = append(facts, "variable `"+env+"`")
	}
	fmt.Fprintf(w, "- %s\n", strings.Join(facts, "\n- "))
}

// engineReference writes one engine: what it reads and its options.
func engineReference(w io.Writer, e *catalog.Engine) {
	fmt.Fprintf(w, "\n### `%s`\n\n%s", e.Name, e.Doc)
	switch {
	case e.Kind == catalog.Serial:
		fmt.Fprint(w, " Serial port")
		if e.Mode != "" {
			fmt.Fprintf(w, ", usually `%s`", e.Mode)
		}
		fmt.Fprint(w, ".\n")
	case e.Kind == catalog.Link:
		fmt.Fprint(w, " Asked over a serial port")
		if e.Mode != "" {
			fmt.Fprintf(w, ", usually `%s`,", e.Mode)
		}
		fmt.Fprint(w, " or TCP.\n")
	case e.Kind == catalog.Local:
		fmt.Fprint(w, " Read through the kernel; no bus.\n")
	case len(e.Addrs) > 0:
		fmt.Fprintf(w, " I2C, at %s.\n", hexList(e.Addrs))
	default:
		fmt.Fprint(w, " I2C.\n")
	}
	outputsReference(w, e)
	keys := optionKeys(e)
	if len(keys) == 0 {
		return
	}
	fmt.Fprint(w, "\n| option | type | default | values | meaning | example |\n| --- | --- | --- | --- | --- | --- |\n")
	for i := range keys {
		k := &keys[i]
		def := ""
		if k.Default != "" {
			def = "`" + k.defaultTOML() + "`"
		}
		fmt.Fprintf(w, "| `%s` | %s | %s | %s | %s | `%s` |\n", k.Path, k.Type, def, k.span(), cell(k.Doc), strings.ReplaceAll(k.Example, "|", "\\|"))
	}
}

// outputsReference lists what the engine measures with its default options,
// when that does not depend on options without default.
func outputsReference(w io.Writer, e *catalog.Engine) {
	spec := catalog.Spec{Name: e.Name, Engine: *e, Options: defaults(optionKeys(e))}
	if len(e.Addrs) > 0 {
		spec.Addr = e.Addrs[0]
	}
	facts, err := catalog.Check(spec)
	if err != nil || len(facts.Outputs) == 0 {
		return
	}
	var list []string
	for _, o := range facts.Outputs {
		s := "`" + o.Name + "`"
		if o.Unit != "" {
			s += " (" + o.Unit + ")"
		}
		list = append(list, s)
	}
	fmt.Fprintf(w, "\nOutputs: %s.\n", strings.Join(list, ", "))
}

// prose keeps Markdown from taking <stream> for a tag.
func prose(s string) string { return strings.ReplaceAll(s, "<", "\\<") }

// cell is prose that fits into a table.
func cell(s string) string { return strings.ReplaceAll(prose(s), "|", "\\|") }
