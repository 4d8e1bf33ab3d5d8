package line

import (
	"strings"
	"testing"
)

func TestNewSaysWhatIsWrongAndHowToCureIt(t *testing.T) {
	many := make([]string, 300)
	for i := range many {
		many[i] = "-"
	}
	for _, tt := range []struct {
		opt Options
		say string
	}{
		{Options{}, `format "": want csv, kv, json or template`},
		{Options{Format: "yaml"}, `format "yaml"`},
		{Options{Format: CSV}, "columns: csv needs their names"},
		{Options{Format: CSV, Columns: []string{"-"}}, "every column is passed over"},
		{Options{Format: CSV, Header: true}, "declare outputs"},
		{Options{Format: CSV, Columns: many}, "300 are named"},
		{Options{Format: CSV, Columns: []string{"Temp C"}}, `add an output with key "Temp C"`},
		{Options{Format: CSV, Columns: []string{"a", "a"}}, `"a" stands in it twice`},
		{Options{Format: CSV, Columns: []string{"a"}, Separator: ",,"}, `separator ",,"`},
		{Options{Format: CSV, Columns: []string{"a"}, Separator: "."}, `separator "."`},
		{Options{Format: CSV, Columns: []string{"a"}, Outputs: out("b")}, `key "b" is not in columns`},
		{Options{Format: CSV, Columns: []string{"t"}, Outputs: []Output{{Name: "t", Key: "T"}}}, `write that key`},
		{Options{Format: CSV, Columns: []string{"a"}, Match: "x"}, "match: format csv has no use for it"},
		{Options{Format: JSON, Columns: []string{"a"}}, "columns: format json has no use"},
		{Options{Format: KV}, "outputs: kv needs"},
		{Options{Format: JSON}, "outputs: json needs"},
		{Options{Format: KV, Outputs: out("a"), Assign: "=", Separator: "="}, "in common"},
		{Options{Format: KV, Outputs: out("a"), Separator: "5"}, "can be part of a number"},
		{Options{Format: KV, Outputs: out("Temp")}, `output "Temp": want a name`},
		{Options{Format: KV, Outputs: out("")}, `output "": want a name`},
		{Options{Format: KV, Outputs: out("a", "a")}, "declared twice"},
		{Options{Format: KV, Outputs: []Output{{Name: "a"}, {Name: "b", Key: "a"}}}, `key "a" belongs to another`},
		{Options{Format: KV, Outputs: []Output{{Name: "a", Resolution: -1}}}, "resolution -1"},
		{Options{Format: KV, Outputs: make([]Output, 65)}, `output ""`},
		{Options{Format: KV, Outputs: out("a"), MaxLine: 3}, "max line 3"},
		{Options{Format: Template}, "match: empty"},
		{Options{Format: Template, Match: "T=23"}, "no field in it"},
		{Options{Format: Template, Match: "T={t"}, "not closed"},
		{Options{Format: Template, Match: "T}={t}"}, "} without {"},
		{Options{Format: Template, Match: "T={t:q}"}, `type "q"; want f`},
		{Options{Format: Template, Match: "{a}{b}"}, "two fields touch"},
		{Options{Format: Template, Match: "{*}{a}"}, "two fields touch"},
		{Options{Format: Template, Match: "{a} {a}"}, `"a" stands in it twice`},
		{Options{Format: Template, Match: "{}"}, `"" is not a channel's name`},
	} {
		_, err := New(tt.opt)
		if err == nil || !strings.Contains(err.Error(), tt.say) {
			t.Errorf("New(%+v) = %v; want it to say %q", tt.opt, err, tt.say)
		}
	}
}

func TestNewDoesNotKeepTheCallersOutputs(t *testing.T) {
	o := []Output{{Name: "a"}}
	mustNew(t, Options{Format: KV, Outputs: o})
	if o[0].Key != "" {
		t.Errorf("the caller's output was changed: %+v", o[0])
	}
}
