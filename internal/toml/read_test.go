package toml_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	oracle "github.com/pelletier/go-toml/v2"

	"github.com/telhub/telhub/internal/toml"
)

// plain reads a document that has to be right.
func plain(t *testing.T, text string) map[string]any {
	t.Helper()
	root, problems, ok := toml.Read([]byte(text))
	if !ok || len(problems) > 0 {
		t.Fatalf("%q: %v", text, problems)
	}
	return root.Plain().(map[string]any)
}

// documents hold every form of TOML that the tree can carry.
var documents = []string{
	"",
	"# only a comment",
	"a = 1\nb = -2\nc = +3\nd = 1_000\n",
	"hex = 0xDEAD_beef\noct = 0o755\nbin = 0b1101\nbig = 9223372036854775807\nsmall = -9223372036854775808\nzero = 0\nminus = -0\n",
	"a = 1.5\nb = -2e10\nc = 1_0.0_1\nd = 6.626E-34\ne = +0.0\n",
	"a = true\nb = false\n",
	"a = \"x\\ty\\u00e9\\U0001F600\\\"\"\nb = 'c:\\n'\nc = \"\"\"\nline one\nline two \\\n   joined\"\"\"\nd = '''\nraw\\n'''\n",
	"a = []\nb = [1, 2]\nc = [[1], [\"x\", 2.5]]\nd = [\n 1, # one\n 2,\n]\n",
	"a = { b = 1, c.d = \"x\", e = {} }\n",
	"a.b.c = 1\na.b.d = 2\n\"quoted key\".'x y' = 3\n",
	"[t]\na = 1\n[t.u]\nb = 2\n[v.w.x]\nc = 3\n[v]\nd = 4\n",
	"[[s]]\nn = 1\n[s.sub]\nx = 1\n[[s.list]]\ny = 1\n[[s.list]]\ny = 2\n[[s]]\nn = 2\n",
	"\xef\xbb\xbfa = 1\r\n[b]\r\nc = 2\r\n",
	"1 = 2\n-a_ = 3\n",
	"a = [{ b = 1 }, { b = 2 }]\n",
}

// go-toml's own decoder, which shares the parser but nothing of what builds
// the tree, must see the same.
func TestReadSeesWhatGoTomlSees(t *testing.T) {
	for _, text := range documents {
		var want map[string]any
		if err := oracle.Unmarshal(bytes.TrimPrefix([]byte(text), []byte("\xef\xbb\xbf")), &want); err != nil {
			t.Fatalf("%q: the oracle refuses: %v", text, err)
		}
		if want == nil {
			want = map[string]any{}
		}
		if got := plain(t, text); !reflect.DeepEqual(got, want) {
			t.Errorf("%q:\ngot  %#v\nwant %#v", text, got, want)
		}
	}
}

func TestEveryValueKnowsItsLine(t *testing.T) {
	root, _, ok := toml.Read([]byte("a = 1\n\n[t]\nb = \"\"\"\nx\n\"\"\"\nc = [\n  true,\n  \"\\t\",\n  { d = 2026-11-21 },\n]\n[[s]]\ne.f = 0.5\n[[s]]\n"))
	if !ok {
		t.Fatal("not read")
	}
	for path, want := range map[string]int{
		"a": 1, "t": 3, "t.b": 4, "t.c": 7, "t.c[0]": 8, "t.c[1]": 9, "t.c[2]": 10, "t.c[2].d": 10, "s": 12, "s[0]": 12, "s[0].e.f": 13, "s[1]": 14,
	} {
		n, found := root.Find(path)
		if !found || n.Line != want {
			t.Errorf("%s: line %d, %v; want %d", path, n.Line, found, want)
		}
	}
}

func TestFindStopsAtTheLastValueOnTheWay(t *testing.T) {
	root, _, _ := toml.Read([]byte("a = 1\n[t]\nb = [1, 2]\n"))
	for path, want := range map[string]int{"t.b[7]": 3, "t.b[x]": 3, "t.b[-1]": 3, "t.zz.y": 2, "a.b": 1, "t.b[": 3, "t[0]": 2} {
		n, found := root.Find(path)
		if found || n.Line != want {
			t.Errorf("%s: line %d, %v; want %d, false", path, n.Line, found, want)
		}
	}
}

func TestRepetitionsAreReportedWithBothLines(t *testing.T) {
	for text, want := range map[string]string{
		"a = 1\na = 2":                    "line 2: a: was set in line 1 already; delete one of the two",
		"[t]\na = 1\n[t]":                 "line 3: t: this table was opened in line 1 already; move the keys there",
		"t = 1\n[t]":                      "line 2: t: already has a value, set in line 1; delete one of the two",
		"t = {}\n[t.u]":                   "line 2: t: already has a value, set in line 1; it cannot be a table too",
		"[[t]]\n[t]":                      "line 2: t: is a list of tables since line 1; write [[t]] with two brackets",
		"[t]\n[[t]]":                      "line 2: t: is one table, opened with [t] in line 1; write two brackets in both places if there are several",
		"t = []\n[[t]]":                   "line 2: t: already has a value, set in line 1; delete one of the two",
		"a.b = 1\n[a]":                    "line 2: a: this table was opened in line 1 already; move the keys there",
		"a = 1\na.b = 2":                  "line 2: a: was set in line 1 already; put this key there",
		"[a.b]\nc = 1\n[a]\nb.d = 2":      "line 4: a.b: was set in line 1 already; put this key there",
		"a = { b = 1, b = 2 }":            "line 1: b: was set in line 1 already; delete one of the two",
		"a = {}\na.b = 2":                 "line 2: a: was set in line 1 already; put this key there",
		"x = 1\n[[x.y]]\nz = 1":           "line 2: x: already has a value, set in line 1; it cannot be a table too",
		"[\"a\\nb\"]\n[\"a\\nb\"]\nc = 1": "line 2: \"a\\nb\": this table was opened in line 1 already; move the keys there",
	} {
		_, problems, ok := toml.Read([]byte(text))
		if !ok || len(problems) != 1 {
			t.Errorf("%q: got %v", text, problems)
			continue
		}
		if got := problems[0].Error(); got != want {
			t.Errorf("%q:\ngot  %s\nwant %s", text, got, want)
		}
	}
}

func TestNumbersThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		"9223372036854775808": "is too large a number", "1__0": "is not a number", "-nan": "must be a finite number", "1e999": "is too large a number",
		"inf": "must be a finite number", "-inf": "must be a finite number", "1.2.3": "is not a number", "[1, [2, 0b]]": "is not a number",
		"-01": "numbers do not begin with 0",
	} {
		root, problems, ok := toml.Read([]byte("a = " + text))
		if !ok || len(problems) > 0 {
			t.Errorf("%s: got %v", text, problems)
			continue
		}
		if got := root.Fields["a"].FirstFault().Msg; got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

func TestBounds(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"size":     {strings.Repeat("#", 1<<20+1), "more than 1048576 bytes"},
		"brackets": {"a = " + strings.Repeat("[", 30000), "30000 opening brackets"},
		"key":      {strings.Repeat("a.", 20) + "b = 1", "a key of 21 parts"},
	} {
		_, problems, _ := toml.Read([]byte(test.text))
		if len(problems) != 1 || !strings.Contains(problems[0].Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, problems, test.want)
		}
	}
	root, _, _ := toml.Read([]byte("a = " + strings.Repeat("[", 40) + strings.Repeat("]", 40)))
	if got, want := root.Fields["a"].FirstFault().Msg, "is nested deeper than 16"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	root, problems, ok := toml.Read([]byte("a = " + strings.Repeat("[", 19000)))
	if ok || len(problems) != 1 {
		t.Errorf("unclosed lists: got %v, %v, %v", root, problems, ok)
	}
}

// FuzzRead: no document makes Read panic, and what both decoders accept is
// the same tree.
func FuzzRead(f *testing.F) {
	for _, d := range documents {
		f.Add([]byte(d))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		root, problems, ok := toml.Read(data)
		for _, p := range problems {
			if p.Line < 1 || p.Line > bytes.Count(data, []byte("\n"))+1 || p.Msg == "" {
				t.Errorf("bad problem %+v", p)
			}
		}
		if !ok || len(problems) > 0 || bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) || odd(root) {
			return
		}
		var want map[string]any
		if err := oracle.Unmarshal(data, &want); err != nil {
			t.Fatalf("the oracle refuses what Read accepts: %v", err)
		}
		if want == nil {
			want = map[string]any{}
		}
		if got := root.Plain(); !reflect.DeepEqual(got, want) {
			t.Errorf("got  %#v\nwant %#v", got, want)
		}
	})
}

// odd reports what Read treats otherwise than TOML says, on purpose: dates
// stay text, and numbers that are none are faults of their value.
func odd(n *toml.Node) bool {
	if n.Kind == toml.Date || !n.Fault.OK() {
		return true
	}
	for _, child := range n.Fields {
		if odd(child) {
			return true
		}
	}
	for _, it := range n.Items {
		if odd(it) {
			return true
		}
	}
	return false
}
