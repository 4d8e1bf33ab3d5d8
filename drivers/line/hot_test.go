package line

import (
	stdjson "encoding/json"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/drivers"
)

func TestNumbersAreRoundedAsStrconvDoes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	texts := []string{"0", "-0", ".5", "5.", "1e22", "1e23", "9007199254740993", "123456789012345678901234567890",
		"1.7976931348623157e308", "4.9e-324", "1e-400", "2.2250738585072011e-308", "0.1e1", "00012.50", "1e+5", "1E5", "0e99999"}
	for range 100_000 {
		f := math.Float64frombits(rnd.Uint64())
		if f-f != 0 {
			continue
		}
		texts = append(texts, strconv.FormatFloat(f, "gef"[rnd.IntN(2)], rnd.IntN(19)-1, 64))
		texts = append(texts, strconv.FormatFloat(float64(rnd.IntN(1e9))/1e4, 'f', rnd.IntN(8), 64))
	}
	for _, s := range texts {
		want, err := strconv.ParseFloat(s, 64)
		n, got := scanNumber([]byte(s))
		if n != len(s) || (err != nil && !math.IsInf(want, 0)) || math.Float64bits(got) != math.Float64bits(want) {
			t.Fatalf("scanNumber(%q) = %d, %v; want %d, %v (%v)", s, n, got, len(s), want, err)
		}
	}
	for _, s := range []string{"", "-", ".", "e5", "+.e1", "x", strings.Repeat("1", 40)} {
		if n, _ := scanNumber([]byte(s)); n != 0 {
			t.Errorf("scanNumber(%q) read %d bytes, want none", s, n)
		}
	}
	if n, v := scanNumber([]byte("23.5e")); n != 4 || v != 23.5 {
		t.Errorf(`scanNumber("23.5e") = %d, %v; want 4, 23.5`, n, v)
	}
}

func TestDecodingAllocatesNothing(t *testing.T) {
	numbers := []string{"23.5", "1e999", "-1.7976931348623157e308", "0.1234567890123456789012345678", "4.9e-324", "nan", "1x", strings.Repeat("9", 60)}
	var r drivers.Reading
	for name, tt := range map[string]struct {
		opt   Options
		lines []string
	}{
		CSV:      {csvTH, []string{"N,40\n", "N\n", "temperature,humidity\n", "\x00,N\n", strings.Repeat("x", 600) + "\n"}},
		KV:       {kvTH, []string{"T=N H=40 x=N\n", "boot\n", "=N\n"}},
		JSON:     {jsonTH, []string{`{"t":N,"bme":{"hum":"N"},"a":[N,{"x":null}]}` + "\n", "{\"t\":N\n", "N\n"}},
		Template: {tmplWT, []string{"W=N T=1\n", "W=1 T=N\n", "W=1\n", "N\n"}},
	} {
		d := mustNew(t, tt.opt)
		var data []byte
		for _, l := range tt.lines {
			for _, n := range numbers {
				data = append(data, strings.ReplaceAll(l, "N", n)...)
			}
		}
		if got := testing.AllocsPerRun(20, func() {
			for p := data; len(p) > 0; {
				n, _ := d.Feed(p, 1, &r)
				p = p[n:]
			}
			d.Idle(time.Second, &r)
		}); got != 0 {
			t.Errorf("%s: %v allocations, want 0", name, got)
		}
		if good, corrupt := d.Counts(); good == 0 || corrupt == 0 {
			t.Errorf("%s: counts %d, %d; the test needs both", name, good, corrupt)
		}
	}
}

func BenchmarkFeed(b *testing.B) {
	for name, tt := range map[string]struct {
		opt  Options
		line string
	}{
		CSV: {csvTH, "23.5,40.1\n"}, KV: {kvTH, "T=23.5 H=40.1\n"},
		JSON: {jsonTH, "{\"t\":23.5,\"bme\":{\"hum\":40.1}}\n"}, Template: {tmplWT, "W=23.5 T=40.1\n"},
	} {
		b.Run(name, func(b *testing.B) {
			d := mustNew(b, tt.opt)
			p := []byte(tt.line)
			var r drivers.Reading
			b.ReportAllocs()
			for b.Loop() {
				d.Feed(p, 1, &r)
			}
		})
	}
}

func FuzzLine(f *testing.F) {
	for _, s := range []string{"23.5,40\n1,2,3\n", "T=1 H: nan\r\n", `{"t":1,"bme":{"hum":"2"},"a":[1,{}]}` + "\n", "W=1 T=-2e3\n", "\x00\n\xff\n"} {
		f.Add([]byte(s), uint8(3))
	}
	f.Fuzz(func(t *testing.T, data []byte, chunk uint8) {
		for _, opt := range []Options{csvTH, kvTH, jsonTH, tmplWT,
			{Format: CSV, Header: true, Separator: " ", Outputs: out("a", "b")},
			{Format: Template, Match: "{*}a{x:x} {d:d}{:skip}"}} {
			opt.MaxLine = 64
			whole, cut := mustNew(t, opt), mustNew(t, opt)
			a, b := decode(whole, string(data), len(data)+1), decode(cut, string(data), int(chunk)+1)
			if strings.Join(a, "|") != strings.Join(b, "|") || whole.Stats() != cut.Stats() {
				t.Fatalf("%s: %q %+v in one, %q %+v in chunks", opt.Format, a, whole.Stats(), b, cut.Stats())
			}
		}
		checkAgainstEncodingJSON(t, data)
	})
}

// checkAgainstEncodingJSON demands that every object that the standard library
// reads is well-formed for us too, with the same number under "t".
func checkAgainstEncodingJSON(t *testing.T, data []byte) {
	t.Helper()
	var v struct {
		T *float64 `json:"t"`
	}
	line := strings.TrimSpace(string(data))
	if strings.ContainsAny(line, "\r\n\x7f") || strings.Count(line, "{")+strings.Count(line, "[") > maxDepth || len(line) > 500 {
		return
	}
	if !strings.HasPrefix(line, "{") || strings.Contains(strings.ToLower(line[1:]), "\"t\"") && strings.Count(strings.ToLower(line), "\"t\"") > 1 ||
		strings.ContainsAny(line, "\\T") || longNumber(line) || stdjson.Unmarshal([]byte(line), &v) != nil {
		return
	}
	d := mustNew(t, jsonTH)
	got := decode(d, line+"\n", len(line)+1)
	if good, corrupt := d.Counts(); good != 1 || corrupt != 0 {
		t.Fatalf("%q is an object for encoding/json; counts %d, %d", line, good, corrupt)
	}
	if v.T != nil && (len(got) != 1 || !strings.HasPrefix(got[0], "temperature="+strconv.FormatFloat(*v.T, 'g', -1, 64))) {
		t.Fatalf("%q: got %q, want t = %v", line, got, *v.T)
	}
}

// longNumber reports whether s has a number beyond our limit.
func longNumber(s string) bool {
	run := 0
	for _, c := range s {
		if strings.ContainsRune("0123456789.+-eE", c) {
			if run++; run > maxNumber {
				return true
			}
			continue
		}
		run = 0
	}
	return false
}
