package frame

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/telhub/telhub/drivers"
)

// The tests in this file hold docs/wire.md and docs/decode_compact.py to what
// the package does.

const wireDoc = "../../docs/wire.md"

var update = flag.Bool("update", false, "rewrite the generated parts of docs/wire.md")

func readDoc(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile(wireDoc)
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// section returns the part of the page that follows marker, up to the next
// heading, and replaces it first when -update is given.
func section(t *testing.T, marker, want string) string {
	t.Helper()
	page := []byte(readDoc(t))
	re := regexp.MustCompile(`(?s)<!-- ` + marker + ` -->\n.*?(\n#|\nTable|\z)`)
	if *update {
		page = re.ReplaceAll(page, []byte("<!-- "+marker+" -->\n\n"+strings.ReplaceAll(want, "$", "$$")+"${1}"))
		if err := os.WriteFile(wireDoc, page, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	found := re.Find(page)
	if found == nil {
		t.Fatalf("%s has no part %q", wireDoc, marker)
	}
	return string(found)
}

// tableText renders a table of words or units for the page.
func tableText(entries []string) string {
	var b strings.Builder
	b.WriteString("```text\n")
	for i, s := range entries {
		if i > 0 && s != "" {
			fmt.Fprintf(&b, "%d %s\n", i, s)
		}
	}
	b.WriteString("```\n")
	return b.String()
}

func TestDocListsWordsAndUnits(t *testing.T) {
	for marker, entries := range map[string][]string{"words": words[:], "units": units[:]} {
		if got, want := section(t, marker, tableText(entries)), tableText(entries); !strings.Contains(got, want) {
			t.Errorf("%s, part %s does not list what the code has; run go test -run DocLists -update", wireDoc, marker)
		}
	}
}

// vector is a test vector of the page.
type vector struct {
	name    string
	schema  *Schema
	samples []drivers.Sample
	frozen  bool
}

// vectors returns frames that together use every element of the format.
func vectors() []vector {
	g := greenhouse()
	value := func(ms int64, c uint16, v float64) drivers.Sample {
		return drivers.Sample{Stamp: ms * 1e6, Channel: c, Value: v}
	}
	status := func(ms int64, c uint16, q drivers.Quality) drivers.Sample {
		return drivers.Sample{Stamp: ms * 1e6, Channel: c, Kind: drivers.KindStatus, Quality: q}
	}
	alarm := func(ms int64, c uint16, a drivers.Alarm) drivers.Sample {
		return drivers.Sample{Stamp: ms * 1e6, Channel: c, Kind: drivers.KindAlarm, Alarm: a}
	}
	rows := []drivers.Sample{}
	for i := range int64(40) {
		t := 5000 + 1000*i + i*i%3
		rows = append(rows, value(t, 0, float64(2100+(i*i*7)%11)/100), value(t, 1, 45.0625+float64(i%3)/16))
		if i%4 != 1 {
			rows = append(rows, value(t, 2, float64(101300+i*i)))
		}
	}
	wave := []drivers.Sample{}
	for i := range int64(64) {
		v := int64(i*i*i%5) + []int64{0, 20, 28, 20, 0, -20, -28, -20}[i%8]
		wave = append(wave, value(10*i, 4, float64(v)/10))
	}
	odd := []drivers.Sample{
		value(0, 5, math.Copysign(0, -1)), value(1, 5, math.MaxFloat64), value(2, 5, math.SmallestNonzeroFloat64),
		value(3, 4, float64(float32(21.53))), value(4, 4, float64(float32(21.54))), value(-7, 4, float64(float32(-1e-30))),
	}
	sparse := []drivers.Sample{}
	for i := range int64(16) {
		v := float64(i%4) / 10
		if i == 9 {
			v = math.Pi
		}
		sparse = append(sparse, value(100*i, 3, v))
	}
	minutes := &Schema{Channels: []Channel{
		{Name: "gps/lat", Unit: "lat", Resolution: 1.0 / 600000}, {Name: "gps/tick", Unit: "s", Resolution: 0.1},
	}}
	return []vector{
		{name: "empty", schema: g},
		{"one value", g, []drivers.Sample{value(1000, 0, 21.53)}, false},
		{"the same, frozen", g, []drivers.Sample{value(1000, 0, 21.53)}, true},
		{"two sensors, a status between them", g, []drivers.Sample{
			value(1000, 0, 21.53), value(1000, 1, 48.2), value(1000, 2, 101325), value(1250, 3, 1234.567), value(1250, 4, 80.5),
			value(2000, 0, 21.54), status(2000, 2, drivers.Lost), value(2000, 1, 48.21), status(2300, 5, drivers.Stale),
			value(2250, 3, 1234.568), value(2250, 4, 79.25), status(1900, 0, drivers.OK)}, false},
		{"forty rows, a third channel that misses some", g, rows, false},
		{"the first 20 samples of these, frozen", g, rows[:20], true},
		{"weights", g, wave, false},
		{"float64 and float32", g, odd, false},
		{"one value beside the scale", g, sparse, false},
		{"fraction and step", minutes, []drivers.Sample{
			value(0, 0, 28800001.0/600000), value(0, 1, 3*0.1), value(1000, 0, 28800013.0/600000), value(1000, 1, 6*0.1), value(2000, 1, 7*0.1)}, false},
		{"alarms, and a status of the same word", g, []drivers.Sample{
			alarm(1000, 0, drivers.AlarmHigh), status(1000, 1, drivers.Stale), alarm(1500, 1, drivers.AlarmStale),
			alarm(2000, 0, drivers.AlarmClear), alarm(2000, 4, drivers.AlarmLow), value(2000, 3, 1234.567)}, false},
	}
}

func (v *vector) encode(t *testing.T) *Frame {
	t.Helper()
	e, f := NewEncoder(v.schema, max(1, len(v.samples))), newFrame(v.schema, len(v.samples))
	if err := e.Encode(f, v.samples); err != nil {
		t.Fatal(err)
	}
	if v.frozen {
		e.write(f.Payload[:0], v.samples, true)
		f.Payload = e.rc.buf
	}
	return f
}

// lines prints what d holds as the page does.
func lines(d *Decoder, sep string) string {
	var b strings.Builder
	for i := range d.Len() {
		r := d.At(i)
		unit := string(r.Unit)
		if unit == "" {
			unit = "-"
		}
		_, value := r.Event()
		switch r.Kind {
		case drivers.KindValue:
			value = strconv.FormatFloat(r.Value, 'g', -1, 64)
		case drivers.KindAlarm:
			value = "alarm " + value
		}
		b.WriteString(strings.Join([]string{string(r.Name), unit, strconv.FormatInt(r.Stamp, 10), value}, sep) + "\n")
	}
	return b.String()
}

func vectorText(t *testing.T, v *vector) string {
	f := v.encode(t)
	var d Decoder
	if err := d.Decode(f.Payload, f.N, f.T0); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s:\n\n```text\nn %d\nt0 %d\nd %x\n\n%s```\n", strings.ToUpper(v.name[:1])+v.name[1:], f.N, f.T0, f.Payload, lines(&d, " "))
}

func TestDocVectorsDecode(t *testing.T) {
	var want strings.Builder
	all := vectors()
	for i := range all {
		if i > 0 {
			want.WriteString("\n")
		}
		want.WriteString(vectorText(t, &all[i]))
	}
	got := section(t, "vectors", want.String())
	blocks := regexp.MustCompile("(?s)```text\nn (\\d+)\nt0 (-?\\d+)\nd ([0-9a-f]+)\n\n(.*?)```").FindAllStringSubmatch(got, -1)
	if len(blocks) != len(all) {
		t.Fatalf("%s has %d vectors, want %d", wireDoc, len(blocks), len(all))
	}
	for i, b := range blocks {
		n, _ := strconv.ParseUint(b[1], 10, 32)
		t0, _ := strconv.ParseInt(b[2], 10, 64)
		payload, err := hex.DecodeString(b[3])
		if err != nil {
			t.Fatal(err)
		}
		var d Decoder
		if err := d.Decode(payload, uint32(n), t0); err != nil {
			t.Errorf("%s: %v", all[i].name, err)
			continue
		}
		if got := lines(&d, " "); got != b[4] {
			t.Errorf("%s: decoded\n%sbut the page says\n%s", all[i].name, got, b[4])
		}
		checkDecodes(t, all[i].schema, all[i].samples, &Frame{Payload: payload, N: uint32(n), T0: t0})
	}
	if !strings.Contains(got, want.String()) {
		t.Errorf("the encoder no longer writes the vectors of %s; if that is meant, run go test -run DocVectors -update", wireDoc)
	}
}

// TestPythonDecoderAgrees runs the decoder that was written from the page.
func TestPythonDecoderAgrees(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("python3 is needed to check docs/decode_compact.py: install it (Debian: apt-get install python3)")
	}
	var in, want bytes.Buffer
	add := func(s *Schema, samples []drivers.Sample) {
		v := vector{schema: s, samples: samples}
		f := v.encode(t)
		var d Decoder
		if err := d.Decode(f.Payload, f.N, f.T0); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&in, "%d %d %x\n", f.N, f.T0, f.Payload)
		want.WriteString(lines(&d, "\t") + "\n")
	}
	for _, v := range vectors() {
		add(v.schema, v.samples)
	}
	for _, d := range datasets() {
		add(d.schema, d.block(1))
	}
	add(worstCase(500))
	for seed := range uint64(60) {
		add(mixed(seed))
	}
	cmd := exec.CommandContext(t.Context(), python, "../../docs/decode_compact.py")
	cmd.Stdin = &in
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("decode_compact.py: %v\n%s", err, out)
	}
	compareLines(t, string(out), want.String())
}

// compareLines compares printed samples; values need not look the same but
// must be the same.
func compareLines(t *testing.T, got, want string) {
	t.Helper()
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	if len(g) != len(w) {
		t.Fatalf("%d lines, want %d", len(g), len(w))
	}
	for i := range w {
		if g[i] == w[i] {
			continue
		}
		a, b := strings.Split(g[i], "\t"), strings.Split(w[i], "\t")
		if len(a) != 4 || len(b) != 4 || a[0] != b[0] || a[1] != b[1] || a[2] != b[2] {
			t.Fatalf("line %d: %q, want %q", i+1, g[i], w[i])
		}
		x, err1 := strconv.ParseFloat(a[3], 64)
		y, err2 := strconv.ParseFloat(b[3], 64)
		if err1 != nil || err2 != nil || math.Float64bits(x) != math.Float64bits(y) {
			t.Fatalf("line %d: %q, want %q", i+1, g[i], w[i])
		}
	}
}
