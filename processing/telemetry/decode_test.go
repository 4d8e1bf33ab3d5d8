package telemetry

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/telhub/telhub/processing/telemetry/streamtest"
)

// entry is a valid entry; pairs change fields, "-" removes one.
func entry(pairs ...string) map[string]any {
	e := map[string]any{
		"dev": "pi-01", "ep": "3", "seq": "9", "n": "4", "t0": "1700000000250", "t1": "1700000012250", "q": "ntp",
		"boot": streamtest.Boot, "enc": "senml",
		// the example of docs/wire.md, section 5, and an alarm of each kind of channel
		"d": `[{"bn":"pi-01/","bt":1700000000.25,"n":"greenhouse/temperature","u":"Cel","v":21.53},` +
			`{"n":"greenhouse/humidity","u":"%RH","v":48.2},` +
			`{"n":"greenhouse/pressure/status","t":10.002,"vs":"lost"},` +
			`{"n":"greenhouse/temperature/alarm","t":12,"vs":"high"}]`,
	}
	for i := 0; i < len(pairs); i += 2 {
		if e[pairs[i]] = pairs[i+1]; pairs[i+1] == "-" {
			delete(e, pairs[i])
		}
	}
	return e
}

func TestDecodeTheDocumentsExample(t *testing.T) {
	var d decoder
	f, err := d.decode(live, entry())
	if err != nil {
		t.Fatal(err)
	}
	want := []Sample{
		{Name: "greenhouse/temperature", Unit: "Cel", Millis: 1700000000250, Value: 21.53},
		{Name: "greenhouse/humidity", Unit: "%RH", Millis: 1700000000250, Value: 48.2},
		{Name: "greenhouse/pressure", Millis: 1700000010252, Kind: Status, Word: "lost"},
		{Name: "greenhouse/temperature", Millis: 1700000012250, Kind: Alarm, Word: "high"},
	}
	if !reflect.DeepEqual(f.Samples, want) {
		t.Errorf("got  %+v\nwant %+v", f.Samples, want)
	}
	if got := f.Correlation(2); got != "pi-01/live/3/9#2" {
		t.Errorf("correlation %s", got)
	}
}

func TestDecodeGapRecords(t *testing.T) {
	var d decoder
	for text, want := range map[string]Gap{
		`{"cause":"power_cut","n":null,"t0":1700000000000,"t1":1700000005000}`: {Cause: "power_cut", N: -1, T0: 1700000000000, T0Known: true, T1: 1700000005000},
		`{"cause":"store_full","n":7,"t0":null,"t1":5,"channels":["a/b"]}`:     {Cause: "store_full", N: 7, T1: 5, Channels: []string{"a/b"}},
	} {
		f, err := d.decode(live, entry("enc", "gap", "n", "0", "d", text))
		if err != nil || !reflect.DeepEqual(*f.Gap, want) || len(f.Samples) != 0 {
			t.Errorf("%s: %+v, %v", text, f, err)
		}
	}
}

func TestDecodeSaysWhatIsWrong(t *testing.T) {
	senml := func(records string) []string { return []string{"d", `[{"bn":"pi-01/","bt":5,` + records + `]`} }
	gap := func(d string) []string { return []string{"enc", "gap", "d", d} }
	var d decoder
	for want, pairs := range map[string][]string{
		"there is no field dev":                {"dev", "-"},
		"field dev is \"\"":                    {"dev", ""},
		"field dev is \"a\\x00b\"":             {"dev", "a\x00b"},
		"field ep is \"0\"":                    {"ep", "0"},
		"field seq is \"-1\"":                  {"seq", "-1"},
		"field seq is \"9223372036854775807\"": {"seq", "9223372036854775807"},
		"field n is \"many\"":                  {"n", "many"},
		"field t0 is \"9999999999999999\"":     {"t0", "9999999999999999"},
		"field q is \"fine\"":                  {"q", "fine"},
		"field boot is \"x\"":                  {"boot", "x"},
		"field after is \"x\"":                 {"after", "x"},
		"field enc is \"cbor\"":                {"enc", "cbor"},
		"not a SenML pack":                     {"d", "{"},
		"its base name is not \"pi-02/\"":      {"dev", "pi-02"},
		"no bytes":                             {"enc", "compact", "d", ""},
		"damaged":                              {"enc", "compact", "d", "\x01\xff"},
		"record 0: it has no name":             senml(`"v":1}`),
		"record 0: it has not one of v and vs": senml(`"n":"a"}`),
		"record 1: base fields":                senml(`"n":"a","v":1},{"bt":1,"n":"a","v":1}`),
		"the time 0.0001 is not a decimal":     senml(`"n":"a","t":0.0001,"v":1}`),
		"neither a status nor an alarm":        senml(`"n":"a","vs":"hello"}`),
		"is not a word":                        senml(`"n":"a/status","vs":"` + strings.Repeat("x", 33) + `"}`),
		"the name \"a\\x00\" is not UTF-8":     senml(`"n":"a\u0000","v":1}`),
		"the stamp 300000000005000 ms":         senml(`"n":"a","t":300000000000,"v":1}`),
		"not a gap record":                     gap("[]"),
		"its n is \"\", neither null":          gap(`{"cause":"power_cut","t0":5,"t1":9}`),
		"its n is \"-1\", neither null":        gap(`{"cause":"power_cut","n":-1,"t0":5,"t1":9}`),
		"its cause is \"\", not a word":        gap(`{"n":1,"t0":5,"t1":9}`),
		"it has no t1":                         gap(`{"cause":"power_cut","n":1,"t0":5}`),
	} {
		if _, err := d.decode(live, entry(pairs...)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", pairs, err, want)
		}
	}
}

func TestDecoderSharesNamesWithinBounds(t *testing.T) {
	var d decoder
	for i := range 2*maxNames + 5 {
		d.intern(fmt.Append(nil, "n", i))
	}
	if len(d.names) > maxNames {
		t.Errorf("%d names are kept, want at most %d", len(d.names), maxNames)
	}
}

func FuzzDecode(f *testing.F) {
	e := entry()
	f.Add(e["d"].(string), "senml", "4")
	f.Add(`{"cause":"power_cut","n":null,"t0":5,"t1":9}`, "gap", "0")
	f.Add("\x01\xff", "compact", "3")
	f.Fuzz(func(t *testing.T, payload, encoding, n string) {
		var d decoder
		got, err := d.decode(live, entry("d", payload, "enc", encoding, "n", n))
		if (got == nil) == (err == nil) {
			t.Errorf("%+v, %v", got, err)
		}
	})
}
