package line

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/drivers"
)

func mustNew(t testing.TB, opt Options) *Decoder {
	t.Helper()
	d, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	var r drivers.Reading
	d.Idle(time.Second, &r) // nothing was on the line before
	return d
}

// decode feeds text in chunks and gives each reading as "name=value …", with
// "name=bad" for what was not measured.
func decode(d *Decoder, text string, chunk int) (readings []string) {
	var r drivers.Reading
	for at := 0; at < len(text); at += chunk {
		for p := []byte(text[at:min(at+chunk, len(text))]); len(p) > 0; {
			n, ok := d.Feed(p, int64(at+1), &r)
			p = p[n:]
			if ok {
				readings = append(readings, describe(d, &r))
			}
		}
	}
	return readings
}

func describe(d *Decoder, r *drivers.Reading) string {
	var parts []string
	for i, o := range d.Outputs() {
		switch {
		case r.Has(i):
			parts = append(parts, fmt.Sprintf("%s=%v", o.Name, r.Values[i]))
		case r.IsBad(i):
			parts = append(parts, o.Name+"=bad")
		}
	}
	return strings.Join(parts, " ")
}

func out(names ...string) (o []Output) {
	for _, n := range names {
		o = append(o, Output{Name: n})
	}
	return o
}

var (
	csvTH  = Options{Format: CSV, Columns: []string{"temperature", "humidity"}}
	kvTH   = Options{Format: KV, Outputs: []Output{{Name: "temperature", Key: "T"}, {Name: "humidity", Key: "H"}}}
	jsonTH = Options{Format: JSON, Outputs: []Output{{Name: "temperature", Key: "t"}, {Name: "humidity", Key: "bme.hum"}}}
	tmplWT = Options{Format: Template, Match: "W={weight:f} T={temp:f}"}
)

// rows are lines of one format: what they give, and whether they are well-formed.
type row struct {
	line, want string
	corrupt    bool
	unknown    uint64
}

func checkRows(t *testing.T, opt Options, rows []row) {
	t.Helper()
	for _, tt := range rows {
		d := mustNew(t, opt)
		got := strings.Join(decode(d, tt.line+"\r\n", 1000), "; ")
		if got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.line, got, tt.want)
		}
		want := Stats{Good: 1, Unknown: tt.unknown}
		if tt.corrupt {
			want = Stats{Corrupt: 1}
		}
		if d.Stats() != want {
			t.Errorf("%q: stats %+v, want %+v", tt.line, d.Stats(), want)
		}
	}
}

func TestCSV(t *testing.T) {
	checkRows(t, csvTH, []row{
		{line: "23.5,40", want: "temperature=23.5 humidity=40"},
		{line: " -1.5e1 , +40.0 ", want: "temperature=-15 humidity=40"},
		{line: `"23.5","40"`, want: "temperature=23.5 humidity=40"},
		{line: "23.5,", want: "temperature=23.5"},
		{line: "nan,40", want: "temperature=bad humidity=40"},
		{line: "ovf,-inf", want: "temperature=bad humidity=bad"},
		{line: "on,false", want: "temperature=1 humidity=0"},
		{line: ",", want: ""},
		{line: "temperature,humidity", want: ""},
		{line: "23.5", corrupt: true},
		{line: "23.5,40,1", corrupt: true},
		{line: "23.5,4x0", corrupt: true},
		{line: "23.5,40\x00", corrupt: true},
		{line: "Booting, please wait", corrupt: true},
	})
	checkRows(t, Options{Format: CSV, Separator: ";", Columns: []string{"-", "a", "", "b"}}, []row{
		{line: "node7;1;x;2", want: "a=1 b=2", unknown: 2},
		{line: `"a;b";1;;2`, want: "a=1 b=2", unknown: 1},
	})
	checkRows(t, Options{Format: CSV, Separator: " ", Columns: []string{"a", "b"}}, []row{
		{line: "  1 \t  2 ", want: "a=1 b=2"},
	})
	checkRows(t, Options{Format: CSV, Separator: "\t", Columns: []string{"a", "b"}}, []row{
		{line: "1\t2", want: "a=1 b=2"},
	})
}

func TestCSVFollowsItsHeader(t *testing.T) {
	d := mustNew(t, Options{Format: CSV, Header: true, Outputs: []Output{{Name: "temperature", Key: "Temp (C)"}, {Name: "humidity", Key: "RH"}}})
	got := decode(d, "1,2,3\nRH,time,Temp (C)\n40,17:00,23.5\nTemp (C),RH\n24.5,41\n", 1000)
	want := "temperature=23.5 humidity=40; temperature=24.5 humidity=41"
	if s := strings.Join(got, "; "); s != want {
		t.Errorf("got %q, want %q", s, want)
	}
	if want := (Stats{Good: 4, Corrupt: 1, Unknown: 1}); d.Stats() != want {
		t.Errorf("stats %+v, want %+v: the first line came before any header", d.Stats(), want)
	}
}

func TestKV(t *testing.T) {
	checkRows(t, kvTH, []row{
		{line: "T=23.5 H=40", want: "temperature=23.5 humidity=40"},
		{line: "H:40,T:23.5", want: "temperature=23.5 humidity=40"},
		{line: "T: 23.5 C, H : 40 %", want: "temperature=23.5 humidity=40"},
		{line: "node 7; T=23.5; up=17:00:01", want: "temperature=23.5", unknown: 1},
		{line: "T=1&T=2", want: "temperature=2"},
		{line: "T=nan H=40", want: "temperature=bad humidity=40"},
		{line: "x=1", want: "", unknown: 1},
		{line: "T=23.5 H=4x0", corrupt: true},
		{line: "T=23.5C", corrupt: true},
		{line: "=3", corrupt: true},
		{line: "Booting...", corrupt: true},
	})
	checkRows(t, Options{Format: KV, Separator: "/", Assign: ">", Outputs: []Output{{Name: "t", Key: "air temp"}}}, []row{
		{line: "air temp > 23.5 / x>1", want: "t=23.5", unknown: 1},
	})
}

func TestJSON(t *testing.T) {
	checkRows(t, jsonTH, []row{
		{line: `{"t":23.5,"bme":{"hum":40}}`, want: "temperature=23.5 humidity=40"},
		{line: ` { "t" : "23.5" , "bme" : { "hum" : true } } `, want: "temperature=23.5 humidity=1"},
		{line: `{"t":null,"x":1,"a":[1,{"t":2},"]"],"s":"}\"\u00e9"}`, want: "temperature=bad", unknown: 5},
		{line: `{"t":"broken"}`, want: "temperature=bad"},
		{line: `{"t":nan}`, want: "temperature=bad"},
		{line: `{"t":""}`, want: ""},
		{line: `{"t":1,"t":2}`, want: "temperature=2"},
		{line: `{"t":{"t":1}}`, want: "", unknown: 1},
		{line: `{}`, want: ""},
		{line: `{"bme.hum":7}`, want: "humidity=7"},
		{line: `{"t":1}x`, corrupt: true},
		{line: `{"t":1`, corrupt: true},
		{line: `{"t":1,}`, corrupt: true},
		{line: `{"t":}`, corrupt: true},
		{line: `{"t" 1}`, corrupt: true},
		{line: `{t:1}`, corrupt: true},
		{line: `{"t":1 2}`, corrupt: true},
		{line: `{"t":23.5,"x":zzz}`, corrupt: true},
		{line: `{"t":1,"a":[1,]}`, corrupt: true},
		{line: `{"t":1,"s":"\q"}`, corrupt: true},
		{line: `{"t":1,"s":"\u12"}`, corrupt: true},
		{line: `{"t":1,"s":"open}`, corrupt: true},
		{line: strings.Repeat(`{"a":`, 9) + "1" + strings.Repeat("}", 9), corrupt: true},
		{line: `[1]`, corrupt: true},
		{line: `23.5`, corrupt: true},
		{line: `{"` + strings.Repeat("k", 200) + `":1,"t":2}`, want: "temperature=2", unknown: 1},
	})
}

func TestTemplate(t *testing.T) {
	checkRows(t, tmplWT, []row{
		{line: "W=1.25 T=23.5", want: "weight=1.25 temp=23.5"},
		{line: "  W=  1.25   T= -3", want: "weight=1.25 temp=-3"},
		{line: "W=nan T=23.5", want: "weight=bad temp=23.5"},
		{line: "W=1.25T=23.5", corrupt: true},
		{line: "W=1.25 T=23.5 ok", corrupt: true},
		{line: "W=1.25 T=", corrupt: true},
		{line: "w=1.25 T=23.5", corrupt: true},
	})
	checkRows(t, Options{Format: Template, Match: "{*}: {n:d} 0x{flags:x}h {{{v}{:skip}}}"}, []row{
		{line: "ESP 7: -12 0x1Fh {0.5 mV}", want: "n=-12 flags=31 v=0.5"},
		{line: "ESP 7: 1.5 0x1Fh {0.5 mV}", corrupt: true},
		{line: "ESP 7: 1 0xh {0.5}", corrupt: true},
	})
	checkRows(t, Options{Format: Template, Match: "T:{t}C {*} H:{h}%"}, []row{
		{line: "T:23.5C ok H:40%", want: "t=23.5 h=40"},
		{line: "T:nanC - H:40%", want: "t=bad h=40"},
	})
	checkRows(t, Options{Format: Template, Match: "{a}|{*}"}, []row{{line: "7|rest of it", want: "a=7"}, {line: "7|", want: "a=7"}})
	checkRows(t, Options{Format: Template, Match: "{*} {a}"}, []row{{line: "abc 7", want: "a=7"}, {line: "abc", corrupt: true}})
}

func TestUnitsAndNames(t *testing.T) {
	d := mustNew(t, Options{Format: Template, Match: "W={weight} t={T}", Outputs: []Output{
		{Name: "temperature", Key: "T", Unit: "Cel", Resolution: 0.1}, {Name: "weight", Unit: "kg"}}})
	want := []drivers.Output{{Name: "temperature", Unit: "Cel", Resolution: 0.1}, {Name: "weight", Unit: "kg"}}
	if got := d.Outputs(); len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("Outputs() = %v, want %v", got, want)
	}
	if got := decode(d, "W=2 t=20\n", 100); len(got) != 1 || got[0] != "temperature=20 weight=2" {
		t.Errorf("got %v", got)
	}
}

func TestTheFirstLineCountsOnlyWhenItIsWhole(t *testing.T) {
	for _, tt := range []struct {
		name       string
		opt        Options
		quiet      bool
		text, want string
	}{
		{"csv in the middle", csvTH, false, "3.5,40\n24.5,41\n", "temperature=24.5 humidity=41"},
		{"csv after a pause", csvTH, true, "23.5,40\n24.5,41\n", "temperature=23.5 humidity=40; temperature=24.5 humidity=41"},
		{"csv after a line end", csvTH, false, "\n23.5,40\n", "temperature=23.5 humidity=40"},
		{"kv in the middle", kvTH, false, "T=3\nT=24\n", "temperature=24"},
		{"json is whole by form", jsonTH, false, "{\"t\":1}\n", "temperature=1"},
		{"half a json", jsonTH, false, "\"t\":1}\n{\"t\":2}\n", "temperature=2"},
		{"template that begins with text", tmplWT, false, "W=1 T=2\n", "weight=1 temp=2"},
		{"half of it", tmplWT, false, "=1 T=2\nW=3 T=4\n", "weight=3 temp=4"},
		{"template that begins with a field", Options{Format: Template, Match: "{t}C"}, false, "3C\n24C\n", "t=24"},
	} {
		d, err := New(tt.opt)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the same again after Reset
			d.Reset()
			var r drivers.Reading
			if tt.quiet && d.Idle(wholeAfter, &r) {
				t.Errorf("%s: Idle made a reading", tt.name)
			}
			if got := strings.Join(decode(d, tt.text, 1000), "; "); got != tt.want {
				t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
			}
		}
		if _, corrupt := d.Counts(); corrupt != 0 {
			t.Errorf("%s: %d corrupt; a line cut by our opening is not", tt.name, corrupt)
		}
	}
}

func TestLinesThatAreTooLong(t *testing.T) {
	opt := csvTH
	opt.MaxLine = 16
	d := mustNew(t, opt)
	got := decode(d, "1234567.5,123456\n"+"1234567.5,1234567\n"+strings.Repeat("x", 1000)+"\n1,2\n", 7)
	if s := strings.Join(got, "; "); s != "temperature=1.2345675e+06 humidity=123456; temperature=1 humidity=2" {
		t.Errorf("got %q", s)
	}
	if _, corrupt := d.Counts(); corrupt != 2 {
		t.Errorf("%d corrupt, want 2", corrupt)
	}
}

func TestStampIsTheArrivalOfTheFirstByte(t *testing.T) {
	d := mustNew(t, csvTH)
	var r drivers.Reading
	d.Feed([]byte("\n\n23"), 10, &r)
	d.Feed([]byte(".5,4"), 20, &r)
	n, ok := d.Feed([]byte("0\n7,"), 30, &r)
	if n != 2 || !ok || r.Stamp != 10 {
		t.Errorf("Feed = %d, %v with stamp %d; want 2, true, 10", n, ok, r.Stamp)
	}
}

func TestChunkSizesMakeNoDifference(t *testing.T) {
	text := "W=1 T=2\r\nW=x T=1\rboot\n\nW=3.5   T=-4e2\r\n" + strings.Repeat("y", 600) + "\nW=5 T=6\n"
	d := mustNew(t, tmplWT)
	want := decode(d, text, len(text))
	stats := d.Stats()
	if len(want) != 3 {
		t.Fatalf("readings %q, want three", want)
	}
	for chunk := 1; chunk < 40; chunk++ {
		d := mustNew(t, tmplWT)
		if got := decode(d, text, chunk); strings.Join(got, "|") != strings.Join(want, "|") || d.Stats() != stats {
			t.Errorf("chunks of %d: %q %+v, want %q %+v", chunk, got, d.Stats(), want, stats)
		}
	}
}

func TestNothingOfACorruptLineIsKept(t *testing.T) {
	d := mustNew(t, csvTH)
	got := decode(d, "99,x\n,40\n", 100)
	if len(got) != 1 || got[0] != "humidity=40" {
		t.Errorf("got %q; the 99 belongs to a corrupt line", got)
	}
}

func TestNumbersTooLargeAreBad(t *testing.T) {
	if v, ok := value([]byte("1e999")); !ok || !math.IsInf(v, 1) {
		t.Errorf("value(1e999) = %v, %v; want +Inf, which Reading.Set marks bad", v, ok)
	}
}
