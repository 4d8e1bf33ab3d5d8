package profile

import (
	"strings"
	"testing"
	"time"
)

// base is a small right profile; tests change a line of it.
const base = `
kind = "i2c"
read = [{ reg = 0, bytes = 2 }]
[out.temperature]
at = 0
type = "i16be"
unit = "Cel"
`

func TestDesignExamples(t *testing.T) {
	p := mustCompile(t, `
kind     = "i2c"
identify = { reg = 0x0F, mask = 0x0FFF, equals = 0x0117 }
init     = [[0x01, 0x02, 0x20]]
read     = [{ reg = 0x00, bytes = 2 }]
[out.temperature]
at = 0
type = "i16be"
scale = 0.0078125
unit = "Cel"
invalid = [0x8000]
`)
	if o := p.identify[0]; o.n != 2 || o.check.field.width != 16 || o.check.field.mask != 0x0fff {
		t.Errorf("identify reads %d bytes, compares %+v; want 2 bytes, 16 bits under the mask", o.n, o.check.field)
	}
	p = mustCompile(t, `
kind = "i2c"
read = [{ write = [0xFD] }, { wait = "10ms" }, { bytes = 6, crc = "sensirion" }]
out.temperature = { at = 0, type = "u16be", map = [[0, -45], [65535, 130]], unit = "Cel" }
out.humidity    = { at = 3, type = "u16be", map = [[0, -6], [65535, 119]], clamp = [0, 100], unit = "%RH" }
`)
	if p.Time() != 10*time.Millisecond || p.Identifies() {
		t.Errorf("time %v, identifies %v; want 10 ms, false", p.Time(), p.Identifies())
	}
	outs, err := p.Outputs(nil)
	if err != nil || outs[0].Name != "humidity" || outs[1].Name != "temperature" {
		t.Errorf("outputs %v, %v; want humidity before temperature", outs, err)
	}
}

func TestMetadata(t *testing.T) {
	p := mustCompile(t, base)
	if p.Name() != "chip" || p.Title() != "" || p.Addresses() != nil || p.Stretches() || p.MaxSpeed() != 0 {
		t.Errorf("%q %q %v %v", p.Name(), p.Title(), p.Addresses(), p.Stretches())
	}
	p = mustCompile(t, "title = \"a\"\ndoc = \"b\"\ndatasheet = \"c\"\nstretches = true\nmax_speed = 50_000\naddr = 0x40\ntime = \"3ms\""+base)
	if p.Title() != "a" || p.Doc() != "b" || p.Datasheet() != "c" || !p.Stretches() || p.MaxSpeed() != 50_000 || p.Time() != 3*time.Millisecond {
		t.Errorf("%q %q %q %v %v", p.Title(), p.Doc(), p.Datasheet(), p.Stretches(), p.Time())
	}
}

// Each row replaces one line of base, or adds one at the top, and must give
// exactly one problem.
func TestProblems(t *testing.T) {
	const top, out, kind, read = "", "unit = \"Cel\"", `kind = "i2c"`, "read = [{ reg = 0, bytes = 2 }]"
	const typ = `type = "i16be"`
	for _, tt := range []struct{ old, with, path, msg string }{
		{kind, ``, "kind", `missing: want kind = "i2c",`},
		{kind, `kind = "spi"`, "kind", `known here: framed, i2c, modbus`},
		{kind, `kind = 3`, "kind", `known here: framed, i2c, modbus`},
		{top, `titel = "x"`, "titel", `did you mean "title"?`},
		{top, `identfy = { reg = 0, equals = 0 }`, "identfy", `did you mean "identify"?`},
		{top, `zzz = 1`, "zzz", "known here: kind, title"},
		{top, "title = \"a\\u0007\"", "title", "want text"},
		{top, `addr = 0x90`, "addr", "7-bit addresses"},
		{top, `addr = []`, "addr", "want 1 to 16"},
		{top, `addr = [0x40, 0x40]`, "addr", "twice"},
		{top, `time = 10`, "time", `such as "10ms"`},
		{top, `time = "1h"`, "time", "from 0s to 10s"},
		{top, `max_speed = "100 kHz"`, "max_speed", "the bus clock in Hz, a whole number from 1000"},
		{top, `max_speed = 100`, "max_speed", "as in 100_000"},
		{top, `stretches = "yes"`, "stretches", "true or false"},
		{top, `const = 3`, "const", "want a table"},
		{top, `const.Shunt = 3`, "const.Shunt", "lower-case"},
		{top, `const.shunt = "x"`, "const.shunt", "want a number"},
		{top, `const.shunt = inf`, "const.shunt", "want a number"},

		{top, `identify = { reg = 0 }`, "identify.equals", "missing"},
		{top, `identify = 3`, "identify", "want a table"},
		{top, `identify = []`, "identify", "want one table"},
		{top, `identify = { reg = 256, equals = 0 }`, "identify.reg", "0 to 255"},
		{top, `identify = { reg = 0, write = [0], equals = 0 }`, "identify.reg", "either reg or write"},
		{top, `identify = { reg = 0, mask = 0x0F, equals = 0x1F }`, "identify.equals", "outside the mask"},
		{top, `identify = { reg = 0, mask = 0, equals = 0 }`, "identify.mask", "from 1"},
		{top, `identify = { reg = 0, equals = 1, differs = 2 }`, "identify.differs", "either equals or differs"},
		{top, `identify = { reg = 0, equals = -1 }`, "identify.equals", "from 0"},
		{top, `identify = { reg = 0, equals = [] }`, "identify.equals", "want 1 to 16"},
		{top, `identify = { reg = 0, bytes = 1, equals = 0x100 }`, "identify.equals", "does not fit into the 8 bits"},
		{top, `identify = { reg = 0, bytes = 6, equals = 1 }`, "identify.bytes", "which of 6 bytes"},
		{top, `identify = { reg = 0, type = "i8", equals = 1 }`, "identify.type", "unsigned"},
		{top, `identify = { reg = 0, crc = "sum8", equals = 1 }`, "identify.bytes", "missing: with crc"},
		{top, `identify = { bytes = 2, wait = "1ms", equals = 1 }`, "identify.wait", "between write and read"},
		{top, `identify = [{ reg = 0, equals = 0 }, { rge = 0, bytes = 1, equals = 1 }]`, "identify[1].rge", `did you mean "reg"?`},

		{top, `init = [1, 2]`, "init", "two pairs of brackets"},
		{top, `init = [[1, 256]]`, "init[0][1]", "a byte from 0 to 0xFF"},
		{top, `init = [[]]`, "init[0]", "want 1 to 256 bytes"},
		{top, `init = [{ reg = 0, bytes = 2 }]`, "init[0].bytes", "init keeps nothing"},
		{top, `init = [{ wait = "4s" }, { wait = "2s" }]`, "init", "at most 5s"},
		{top, `init = [{ wait = "4s", reg = 1 }]`, "init[0]", "one thing a step"},
		{top, `init = { wait = "4s" }`, "init", "want a list"},

		{read, ``, "read", "missing"},
		{read, `read = [{ write = [1] }]`, "read", "no step reads anything"},
		{read, `read = [{ reg = 0, bytes = 0 }]`, "read[0].bytes", "from 1 to 512"},
		{read, `read = [{ reg = 0, bytes = 512 }, { reg = 1, bytes = 1 }]`, "read[1].bytes", "more than 512"},
		{read, `read = [{ reg = 0, byts = 2, bytes = 2 }]`, "read[0].byts", `did you mean "bytes"?`},
		{read, `read = [{ bytes = 2 }, {}]`, "read[1]", "want reg or write"},
		{read, `read = [{ bytes = 2 }, { wait = "1h" }]`, "read[1].wait", "to 10s"},
		{read, `read = [{ bytes = 2 }, [1, 2]]`, "read[1]", "want a table"},
		{read, `read = [{ bytes = 2, stop = true }]`, "read[0].stop", "does not do both"},
		{read, `read = [{ bytes = 3, crc = "sensiron" }]`, "read[0].crc", `did you mean "sensirion"?`},
		{read, `read = [{ bytes = 4, crc = "sensirion" }]`, "read[0].bytes", "multiple of 3"},
		{read, `read = [{ bytes = 2, crc = "modbus" }]`, "read[0].bytes", "more than the checksum's 2"},
		{read, `read = [{ bytes = 2 }, { reg = 1, crc = "sum8" }]`, "read[1].crc", "nothing is read"},
		{read, `read = [{ bytes = 3, crc = "sum8", crc_over = "all" }]`, "read[0].crc_over", `want "word"`},
		{read, `read = [{ bytes = 3, crc_over = "word" }]`, "read[0].crc_over", "want crc"},
		{read, `read = [{ bytes = 2 }, { poll = 3 }]`, "read[1].poll", "want a table"},
		{read, `read = [{ bytes = 2 }, { poll = { reg = 1 } }]`, "read[1].poll.equals", "missing"},
		{read, `read = [{ bytes = 2 }, { poll = { reg = 1, equals = 1, timeout = "1us" } }]`, "read[1].poll.timeout", "from 1ms"},

		{typ, ``, "out.temperature.type", "missing"},
		{typ, `type = "i16"`, "out.temperature.type", `"i16be" or "i16le"`},
		{typ, `type = "int16be"`, "out.temperature.type", `did you mean "i16be"?`},
		{typ, `type = "i32be"`, "out.temperature.at", "needs 4 bytes from here, only 2"},
		{typ, "type = \"i16be\"\nwidth = 3", "out.temperature.width", "either type"},
		{typ, "width = 33", "out.temperature.width", "1 to 32"},
		{typ, "width = 3\nbit = 8", "out.temperature.bit", "0 to 7"},
		{typ, "type = \"i16be\"\nmask = 1", "out.temperature.mask", "no mask on a signed"},
		{typ, "type = \"u16be\"\nmask = 3\nshift = 2", "out.temperature.shift", "nothing is left"},
		{typ, "type = \"u16be\"\nshift = 16", "out.temperature.shift", "0 to 15"},
		{"at = 0", "", "out.temperature.at", "missing"},
		{"at = 0", "at = 2", "out.temperature.at", "0 to 1"},
		{out, `unit = "C"`, "out.temperature.unit", "coulomb"},
		{out, `unit = "°C"`, "out.temperature.unit", `want "Cel"`},
		{out, `unit = "cel"`, "out.temperature.unit", `did you mean "Cel"?`},
		{out, `unit = "furlong"`, "out.temperature.unit", "bare number"},
		{out, `scael = 3`, "out.temperature.scael", `did you mean "scale"?`},
		{out, `scale = 0`, "out.temperature.scale", "no scale of 0"},
		{out, `scale = "1 / shunt"`, "out.temperature.scale", `"shunt" is neither`},
		{out, `scale = true`, "out.temperature.scale", "want a number, or text"},
		{out, `map = [[0, 1], [0, 2]]`, "out.temperature.map", "differ"},
		{out, `map = [[0, 1], [2]]`, "out.temperature.map", "two points"},
		{out, "map = [[0, 1], [1, 2]]\noffset = 1", "out.temperature.offset", "either map or offset"},
		{out, `clamp = [3, 1]`, "out.temperature.clamp", "low below high"},
		{out, `valid = 3`, "out.temperature.valid", "two numbers"},
		{out, `round = 0`, "out.temperature.round", "above 0"},
		{out, `invalid = [0x18000]`, "out.temperature.invalid", "16 bits"},
		{out, `invalid = []`, "out.temperature.invalid", "want 1 to 16"},
		{out, `times = "temprature"`, "out.temperature.times", `did you mean "temperature"?`},
		{out, `times = "temperature"`, "out.temperature.times", "itself has at"},
		{out, `from = "x"`, "out.temperature.at", "either from or at"},
		{out, "[out.Bad]\nat = 0\ntype = \"u8\"", "out.Bad", "lower-case"},
		{out, "[out]\nx = 3", "out.x", "want a table"},
	} {
		text := tt.with + "\n" + base
		if tt.old != "" {
			text = strings.Replace(base, tt.old, tt.with, 1)
		}
		if strings.Contains(tt.with, "[out]") {
			text = strings.Replace(base, "[out.temperature]", "[out]\nx = 3\n[out.temperature]", 1)
		}
		p, problems := Compile("chip", tree(t, text))
		if p != nil || len(problems) == 0 {
			t.Errorf("%s: accepted", tt.with)
			continue
		}
		found := false
		for _, pr := range problems {
			found = found || pr.Path == tt.path && strings.Contains(pr.Msg, tt.msg)
		}
		if !found {
			t.Errorf("%s: got %v\nwant %s … %q", tt.with, problems, tt.path, tt.msg)
		}
		if len(problems) > 1 && tt.path != "out.temperature.at" {
			t.Errorf("%s: %d problems for one mistake: %v", tt.with, len(problems), problems)
		}
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	_, problems := Compile("Bad Name", tree(t, `
kind = "i3c"
addr = 1
read = [{ reg = 0, bytes = 2, crcc = "x" }]
out.a = { at = 0, type = "u16", unit = "celsius" }
out.b = { at = 5, type = "u8" }
`))
	var got []string
	for _, p := range problems {
		got = append(got, p.String())
	}
	want := []string{
		` = "Bad Name": a profile's name is`,
		`addr = 1: want 7-bit addresses`,
		`kind = "i3c": unknown kind`,
		`out.a.type = "u16": want the byte order too`,
		`out.a.unit = "celsius": not a SenML unit`,
		`out.b.at = 5: want a whole number from 0 to 1`,
		`read[0].crcc = "x": unknown key`,
	}
	if len(got) != len(want) {
		t.Fatalf("got %d problems, want %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("got  %s\nwant %s…", got[i], want[i])
		}
	}
}

func TestArrayTablesAreLists(t *testing.T) {
	p := mustCompile(t, `
kind = "i2c"
[[read]]
reg = 1
bytes = 2
[[read]]
reg = 2
bytes = 1
[out.x]
at = 2
type = "u8"
`)
	if len(p.read) != 2 || p.buf != 3 {
		t.Errorf("%d steps, %d bytes; want 2 and 3", len(p.read), p.buf)
	}
}

func TestFieldMayNotBeginOnAChecksum(t *testing.T) {
	_, problems := Compile("chip", tree(t, `
kind = "i2c"
read = [{ bytes = 6, crc = "sensirion" }]
out.x = { at = 2, type = "u16be" }
`))
	if len(problems) != 1 || !strings.Contains(problems[0].Msg, "ddcddc") {
		t.Errorf("got %v, want the layout ddcddc", problems)
	}
}
