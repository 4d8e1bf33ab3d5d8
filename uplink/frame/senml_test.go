package frame

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/telhub/telhub/drivers"
)

func decoderOf(t *testing.T, s *Schema, samples []drivers.Sample) *Decoder {
	t.Helper()
	f := newFrame(s, len(samples))
	if err := NewEncoder(s, max(1, len(samples))).Encode(f, samples); err != nil {
		t.Fatal(err)
	}
	d := &Decoder{}
	if err := d.Decode(f.Payload, f.N, f.T0); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestSenMLText(t *testing.T) {
	samples := []drivers.Sample{
		{Stamp: 5e9, Channel: 0, Value: 21.53}, {Stamp: 5e9, Channel: 1, Value: -0.5},
		{Stamp: 15_002e6, Channel: 2, Kind: drivers.KindStatus, Quality: drivers.Lost},
		{Stamp: 5_120e6, Channel: 5, Value: 1e-9},
		{Stamp: 17e9, Channel: 0, Kind: drivers.KindAlarm, Alarm: drivers.AlarmHigh},
	}
	d := decoderOf(t, greenhouse(), samples)
	got := string(AppendSenML([]byte("x"), "pi-01", d, 1_699_999_995_250, true))
	want := `x[{"bn":"pi-01/","bt":1700000000.25,"n":"greenhouse/temperature","u":"Cel","v":21.53}` +
		`,{"n":"greenhouse/humidity","u":"%RH","v":-0.5}` +
		`,{"n":"greenhouse/pressure/status","t":10.002,"vs":"lost"}` +
		`,{"n":"greenhouse/temperature/alarm","t":12,"vs":"high"}` +
		`,{"n":"tank/höhe \"x\"","u":"furlong","t":0.12,"v":1e-09}]`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if undated := string(AppendSenML(nil, "a\"\x01\xff", d, 12345, false)); !strings.HasPrefix(undated, `[{"bn":"a\"\u0001`+"\ufffd"+`/","bt":5,"n"`) {
		t.Errorf("without date: got %s", undated)
	}
	if empty := string(AppendSenML(nil, "a", &Decoder{}, 0, true)); empty != "[]" {
		t.Errorf("no samples: got %s, want []", empty)
	}
}

// TestSenMLReadsBack renders frames, reads them with encoding/json through
// ParseSenML and compares every sample.
func TestSenMLReadsBack(t *testing.T) {
	for seed := range uint64(40) {
		s, samples := mixed(seed + 1)
		d := decoderOf(t, s, samples)
		pack := AppendSenML(nil, "dev", d, 1.7e12, true)
		if !json.Valid(pack) {
			t.Fatalf("not JSON: %s", pack)
		}
		if size := SenMLSize("dev", d); len(pack) > size || size > MaxSenML(s, "dev", len(samples)) {
			t.Fatalf("%d bytes, SenMLSize %d, MaxSenML %d", len(pack), size, MaxSenML(s, "dev", len(samples)))
		}
		got, err := ParseSenML(pack)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != d.Len() {
			t.Fatalf("%d records, want %d", len(got), d.Len())
		}
		for i, m := range got {
			checkMeasurement(t, m, d.At(i))
		}
	}
}

func checkMeasurement(t *testing.T, m Measurement, r Record) {
	t.Helper()
	name := "dev/" + string(r.Name)
	if ms := int64(math.Round(m.Time * 1000)); ms != r.Stamp+1.7e12 {
		t.Fatalf("%s: got %d ms, want %d", name, ms, r.Stamp+1.7e12)
	}
	if r.Kind == drivers.KindStatus {
		if m.Name != name+"/status" || m.Text == nil || *m.Text != r.Quality.String() {
			t.Fatalf("got %+v, want status %v of %s", m, r.Quality, name)
		}
		return
	}
	if r.Kind == drivers.KindAlarm {
		if m.Name != name+"/alarm" || m.Text == nil || *m.Text != r.Alarm.String() {
			t.Fatalf("got %+v, want alarm %v of %s", m, r.Alarm, name)
		}
		return
	}
	if m.Name != name || m.Unit != string(r.Unit) || m.Value == nil || *m.Value != r.Value {
		t.Fatalf("got %+v, want %+v", m, r)
	}
}

func TestSenMLSizesHoldForTheWorst(t *testing.T) {
	s, samples := worstCase(100)
	for i := range samples {
		samples[i].Value = -1.2345678901234567e-6 // the longest number
	}
	d := decoderOf(t, s, samples)
	pack := AppendSenML(nil, "\x01\x02", d, math.MinInt64/2, true)
	if size := SenMLSize("\x01\x02", d); len(pack) > size {
		t.Errorf("%d bytes, SenMLSize says %d", len(pack), size)
	}
}

func TestSecondsAreExact(t *testing.T) {
	for ms, want := range map[int64]string{
		0: "0", 1: "0.001", 10: "0.01", 100: "0.1", 1000: "1", 1700000000123: "1700000000.123", -1: "-0.001", -1500: "-1.5",
		math.MinInt64: "-9223372036854775.808",
	} {
		if got := string(appendSeconds(nil, ms)); got != want {
			t.Errorf("%d ms: got %s, want %s", ms, got, want)
		}
	}
}

// TestParseRFC8428Examples reads the examples of RFC 8428, section 5.1, and
// compares with what section 5.1.4 and the text say they mean.
func TestParseRFC8428Examples(t *testing.T) {
	tests := map[string]struct{ pack, want string }{
		"5.1.1": {`[{"n":"urn:dev:ow:10e2073a01080063","u":"Cel","v":23.1}]`,
			"urn:dev:ow:10e2073a01080063 Cel 0 23.1"},
		"5.1.2 voltage and current": {`[{"bn":"urn:dev:ow:10e2073a01080063:","n":"voltage","u":"V","v":120.1},{"n":"current","u":"A","v":1.2}]`,
			"urn:dev:ow:10e2073a01080063:voltage V 0 120.1|urn:dev:ow:10e2073a01080063:current A 0 1.2"},
		"5.1.2 series": {`[{"bn":"urn:dev:ow:10e2073a0108006:","bt":1.276020076001e+09,"bu":"A","bver":5,"n":"voltage","u":"V","v":120.1},
			{"n":"current","t":-5,"v":1.2},{"n":"current","t":-4,"v":1.3},{"n":"current","t":-3,"v":1.4},
			{"n":"current","t":-2,"v":1.5},{"n":"current","t":-1,"v":1.6},{"n":"current","v":1.7}]`,
			"urn:dev:ow:10e2073a0108006:voltage V 1276020076.001 120.1|urn:dev:ow:10e2073a0108006:current A 1276020071.001 1.2|" +
				"urn:dev:ow:10e2073a0108006:current A 1276020072.001 1.3|urn:dev:ow:10e2073a0108006:current A 1276020073.001 1.4|" +
				"urn:dev:ow:10e2073a0108006:current A 1276020074.001 1.5|urn:dev:ow:10e2073a0108006:current A 1276020075.001 1.6|" +
				"urn:dev:ow:10e2073a0108006:current A 1276020076.001 1.7"},
		"5.1.3": {`[{"bn":"urn:dev:ow:10e2073a01080063","bt":1.320067464e+09,"bu":"%RH","v":20},{"u":"lon","v":24.30621},{"u":"lat","v":60.07965},{"t":60,"v":20.3}]`,
			"urn:dev:ow:10e2073a01080063 %RH 1320067464 20|urn:dev:ow:10e2073a01080063 lon 1320067464 24.30621|" +
				"urn:dev:ow:10e2073a01080063 lat 1320067464 60.07965|urn:dev:ow:10e2073a01080063 %RH 1320067524 20.3"},
		"5.1.5": {`[{"bn":"urn:dev:ow:10e2073a01080063:","n":"temp","u":"Cel","v":23.1},{"n":"label","vs":"Machine Room"},{"n":"open","vb":false},{"n":"nfc-reader","vd":"aGkgCg"}]`,
			"urn:dev:ow:10e2073a01080063:temp Cel 0 23.1|urn:dev:ow:10e2073a01080063:label  0 Machine Room|" +
				"urn:dev:ow:10e2073a01080063:open  0 false|urn:dev:ow:10e2073a01080063:nfc-reader  0 aGkgCg"},
		"5.1.6": {`[{"bn":"2001:db8::2/","bt":1.320078429e+09,"n":"temperature","u":"Cel","v":25.2},{"n":"humidity","u":"%RH","v":30},
			{"bn":"2001:db8::1/","n":"temperature","u":"Cel","v":12.3},{"n":"humidity","u":"%RH","v":67}]`,
			"2001:db8::2/temperature Cel 1320078429 25.2|2001:db8::2/humidity %RH 1320078429 30|" +
				"2001:db8::1/temperature Cel 1320078429 12.3|2001:db8::1/humidity %RH 1320078429 67"},
		"base value and sum": {`[{"bn":"a","bv":20,"bs":100,"v":1.5,"s":1,"ut":5},{"s":2,"x":"ignored"}]`,
			"a  0 21.5 sum 101|a  0 sum 102"},
	}
	for name, tt := range tests {
		got, err := ParseSenML([]byte(tt.pack))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var texts []string
		for _, m := range got {
			texts = append(texts, measurementText(m))
		}
		if text := strings.Join(texts, "|"); text != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, text, tt.want)
		}
	}
}

func measurementText(m Measurement) string {
	s := m.Name + " " + m.Unit + " " + strconv.FormatFloat(math.Round(m.Time*1000)/1000, 'f', -1, 64)
	switch {
	case m.Value != nil:
		s += " " + strconv.FormatFloat(*m.Value, 'g', -1, 64)
	case m.Text != nil:
		s += " " + *m.Text
	case m.Bool != nil:
		s += " " + strconv.FormatBool(*m.Bool)
	case m.Data != nil:
		s += " " + *m.Data
	}
	if m.Sum != nil {
		s += " sum " + strconv.FormatFloat(*m.Sum, 'g', -1, 64)
	}
	return s
}

func TestParseSenMLSaysWhatIsWrong(t *testing.T) {
	for pack, want := range map[string]string{
		``:                                     "not an array",
		`{"n":"a","v":1}`:                      "not an array",
		`[]`:                                   "no record",
		`[{"n":"a","v":1}]x`:                   "follows the array",
		`[{"v":1}]`:                            "record 1: neither n nor bn",
		`[{"n":"a","v":1},{"n":"b"}]`:          "record 2: \"b\" has none of",
		`[{"n":"a","v":1,"vs":"x"}]`:           "at most one is allowed",
		`[{"n":"a","v":"1"}]`:                  `v = "1"`,
		`[{"n":7,"v":1}]`:                      "n = 7",
		`[{"n":"a","v":null}]`:                 "v is null",
		`[{"n":"a","v":1,"bver":11}]`:          "bver 11",
		`[{"n":"a","v":1},{"bver":5,"v":1}]`:   "bver 5: the pack began with 10",
		`[{"n":"a","v":1,"foo_":1}]`:           `"foo_" must be understood`,
		`[{"n":"a","v":1},{"n":"a","bt":"x"`:   "not an array",
		`[{"n":"a","v":1},{"n":"a","bt":"x"}]`: "record 2: bt",
	} {
		if _, err := ParseSenML([]byte(pack)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", pack, err, want)
		}
	}
}
