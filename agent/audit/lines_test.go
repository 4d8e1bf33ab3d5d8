package audit

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// export audits lines of an export.
func export(t *testing.T, device string, text ...string) *Report {
	t.Helper()
	a := New(Options{Whole: true})
	if err := a.Lines(strings.NewReader(strings.Join(text, "\n")), device); err != nil {
		t.Fatal(err)
	}
	return a.Finish()
}

func id(s string) string { return fmt.Sprintf(`{"id":%q,"time":"","value":1,"q":"ntp"}`, s) }

const gapLine = `{"id":"pi/a/live/1/3","time":"","gap":{"cause":"store_full","n":7,"t0":null,"t1":5},"q":"ntp"}`

func TestLinesOfTail(t *testing.T) {
	for _, c := range []struct {
		name      string
		lines     []string
		delivered int64
		want      []string
	}{
		{"clean, of a device with a slash", []string{id("pi/a/live/1/1#0"), id("pi/a/live/1/1#1"), id("pi/a/live/1/2#0"), gapLine, ""}, 3, nil},
		{"a frame twice at once", []string{id("pi/live/1/1#0"), id("pi/live/1/1#1"), id("pi/live/1/1#0"), id("pi/live/1/1#1")}, 2,
			[]string{"twice pi/live/1/1 @line 3"}},
		{"a hole", []string{id("pi/live/1/1#0"), "", id("pi/live/1/3#0")}, 2, []string{"hole pi/live/1/2 @line 3"}},
		{"a sample is missing", []string{id("pi/live/1/1#0"), id("pi/live/1/1#2")}, 0, []string{"payload pi/live/1/1 @line 1"}},
		{"the first sample is missing", []string{id("pi/live/1/1#1"), id("pi/live/1/1#2")}, 0, []string{"payload pi/live/1/1 @line 1"}},
		{"lanes and devices side by side", []string{id("a/live/1/1#0"), id("b/live/1/1#0"), id("a/alarm/1/1#0"), id("a/live/1/2#0"), id("b/live/1/2#0")}, 3, nil},
		{"a gap record that is none", []string{`{"id":"pi/live/1/1","gap":{"cause":"?"}}`}, 0, []string{"gap_record pi/live/1/1 @line 1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := export(t, "", c.lines...)
			wantFound(t, r, c.want...)
			if got := r.Devices[0].Delivered; got != c.delivered {
				t.Errorf("%d samples, want %d", got, c.delivered)
			}
		})
	}
	if r := export(t, "b", id("a/live/1/1#0"), id("b/live/1/1#0")); len(r.Devices) != 1 || r.Devices[0].Device != "b" {
		t.Errorf("devices %+v, want b alone", r.Devices)
	}
}

func spooled(seq int, rest string) string {
	return fmt.Sprintf(`{"lane":"backfill","ep":2,"seq":%d,"n":1,"t0":5000,"t1":5000,"q":"ntp","boot":%q,%s}`, seq, bootA, rest)
}

func TestLinesOfASpool(t *testing.T) {
	const sample = `"samples":[{"bn":"/","bt":5,"n":"s/a","v":1}]`
	for _, c := range []struct {
		name            string
		lines           []string
		delivered, lost int64
		want            []string
	}{
		{"clean, a part of the whole", []string{spooled(7, sample), spooled(9, sample)}, 2, 0, nil},
		{"a gap record", []string{spooled(7, `"gap":{"cause":"store_full","n":3,"t0":0,"t1":5,"t0_known":false}`)}, 0, 3, nil},
		{"one of unknown number", []string{spooled(7, `"gap":{"cause":"power_cut","n":-1,"t0":2,"t1":5,"t0_known":true}`)}, 0, 0, nil},
		{"an empty frame", []string{strings.Replace(spooled(7, `"x":0`), `"n":1`, `"n":0`, 1)}, 0, 0, nil},
		{"twice", []string{spooled(7, sample), spooled(7, sample)}, 1, 0, []string{"twice pi/backfill/2/7 @line 2"}},
		{"out of order", []string{spooled(7, sample), spooled(6, sample)}, 2, 0, []string{"out_of_order pi/backfill/2/6 @line 2"}},
		{"not decoded", []string{spooled(7, `"raw":"AAAA"`)}, 0, 0, []string{"payload pi/backfill/2/7 @line 1"}},
		{"another time", []string{spooled(7, strings.Replace(sample, `"bt":5`, `"bt":4`, 1))}, 1, 0, []string{"header pi/backfill/2/7 @line 1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := export(t, "pi", c.lines...)
			wantFound(t, r, c.want...)
			if d := &r.Devices[0]; d.Delivered != c.delivered || d.Lost != c.lost {
				t.Errorf("%d samples and %d lost, want %d and %d", d.Delivered, d.Lost, c.delivered, c.lost)
			}
		})
	}
}

func TestLinesThatAreNone(t *testing.T) {
	for _, text := range []string{
		"x", "[]", "{}", `{"id":"live/1/1#0"}`, `{"id":"pi/live/1/1#-1"}`, `{"id":"pi/live/1/x#1"}`, `{"id":"pi/dead/1/1#1"}`, `{"id":"pi/live/0/1#1"}`,
		`{"id":"pi/live/1/1#99999"}`, `{"id":"pi/live/1/1"}`, `{"id":"pi/live/1/1#0","gap":{}}`, `{"lane":"live","ep":1,"seq":0}`,
		`{"lane":"live","ep":1,"seq":1,"gap":{"n":"many"}}`,
	} {
		err := New(Options{}).Lines(strings.NewReader(text), "")
		if !errors.Is(err, errLine) || !strings.HasPrefix(err.Error(), "line 1: ") {
			t.Errorf("%s: error %v, want one that names line 1", text, err)
		}
	}
}

// Whatever stands in an export or an entry, the audit ends and adds up.
func FuzzLines(f *testing.F) {
	f.Add(id("pi/live/1/1#0") + "\n" + gapLine)
	f.Add(spooled(7, `"samples":[{"bn":"/","bt":5,"n":"s/a","t":-0.5,"vs":"x"}]`) + "\n" + spooled(9, `"gap":{"n":-1}`))
	f.Fuzz(func(t *testing.T, text string) {
		a := New(Options{})
		if a.Lines(strings.NewReader(text), "") != nil {
			return
		}
		r := a.Finish()
		if r.Balanced != (r.Unexplained == 0) {
			t.Errorf("balanced %v with %d unexplained", r.Balanced, r.Unexplained)
		}
		if err := r.Print(&strings.Builder{}); err != nil {
			t.Error(err)
		}
	})
}

func FuzzEntry(f *testing.F) {
	f.Add("1", "7", "1", "5000", "5000", "senml", `[{"bn":"pi/","bt":5,"n":"s/a","v":1}]`)
	f.Add("1", "7", "0", "5000", "5000", "gap", `{"cause":"power_cut","n":null,"t0":5000,"t1":5000}`)
	f.Add("1", "7", "1", "5000", "5000", "compact", "\x01\x08\xf0\x8a\x91")
	f.Fuzz(func(t *testing.T, ep, seq, n, t0, t1, enc, d string) {
		var e Entry
		if e.Parse(map[string]any{
			"dev": "pi", "ep": ep, "seq": seq, "n": n, "t0": t0, "t1": t1, "q": "ntp", "boot": bootA, "enc": enc, "d": d,
		}) != nil {
			return
		}
		a := New(Options{})
		a.Add(&e)
		a.Add(&e)
		if r := a.Finish(); r.Balanced {
			t.Errorf("one identity twice, and nothing found")
		}
	})
}
