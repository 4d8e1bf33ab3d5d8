package audit

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/telhub/telhub/uplink/frame"
)

const (
	alarm    = frame.Alarm
	live     = frame.Live
	backfill = frame.Backfill
)

// history is a case: entries, and what must be found in them.
type history struct {
	name  string
	make  func(m *maker) []item
	opts  Options
	want  []string
	total [3]int64 // delivered, declared lost, records of unknown number
}

func join(parts ...[]item) []item { return slices.Concat(parts...) }
func one(it item) []item          { return []item{it} }

// set changes fields of an entry.
func set(it item, pairs ...string) item {
	v := map[string]any{}
	for k, x := range it.values {
		v[k] = x
	}
	for i := 0; i < len(pairs); i += 2 {
		if v[pairs[i]] = pairs[i+1]; pairs[i+1] == "-" {
			delete(v, pairs[i])
		}
	}
	return item{it.lane, v}
}

func TestCleanHistories(t *testing.T) {
	judge(t, []history{
		{"one epoch", func(m *maker) []item { return m.frames(live, 1, 1, 9) }, Options{Whole: true}, nil, [3]int64{18, 0, 0}},
		{"three epochs, one without frames here", func(m *maker) []item {
			return join(m.frames(live, 1, 1, 3), m.frames(live, 2, 1, 2), m.frames(live, 4, 1, 1))
		}, Options{Whole: true}, nil, [3]int64{12, 0, 0}},
		{"lanes overtake each other", func(m *maker) []item {
			return join(m.frames(live, 3, 1, 2), m.frames(backfill, 1, 1, 3), m.frames(alarm, 3, 1, 1), m.frames(backfill, 2, 1, 1))
		}, Options{Whole: true}, nil, [3]int64{14, 0, 0}},
		{"a loss without numbers", func(m *maker) []item {
			return join(m.frames(live, 1, 1, 2), one(m.gapOf(live, 1, 3, "ring_overrun", 70)), m.frames(live, 1, 4, 5))
		}, Options{Whole: true}, nil, [3]int64{8, 70, 0}},
		{"a gap record covers numbers", func(m *maker) []item {
			return join(m.frames(live, 1, 1, 2), one(m.gapOf(live, 1, 8, "store_full", 12)), m.frames(live, 1, 9, 9))
		}, Options{Whole: true}, nil, [3]int64{6, 12, 0}},
		{"a gap record covers the end of an epoch and the beginning of another", func(m *maker) []item {
			return join(m.frames(live, 1, 1, 2), one(m.gapOf(live, 3, 4, "server_rewind", -1)), m.frames(live, 3, 5, 5))
		}, Options{Whole: true}, nil, [3]int64{6, 0, 1}},
		{"a gap record covers the beginning", func(m *maker) []item {
			return join(one(m.gapOf(live, 2, 40, "server_rewind", -1)), m.frames(live, 2, 41, 42))
		}, Options{Whole: true}, nil, [3]int64{4, 0, 1}},
		{"a power cut", func(m *maker) []item {
			return join(m.frames(live, 1, 1, 2), one(m.gapOf(live, 2, 1, "power_cut", -1)), m.frames(live, 2, 2, 2))
		}, Options{Whole: true}, nil, [3]int64{6, 0, 1}},
		{"trimmed", func(m *maker) []item { return m.frames(live, 3, 120, 130) }, Options{}, nil, [3]int64{22, 0, 0}},
		{"field n of a gap record may be 0", func(m *maker) []item {
			return one(set(m.gapOf(live, 1, 1, "ring_overrun", 70), "n", "0"))
		}, Options{}, nil, [3]int64{0, 70, 0}},
		{"undated, with bounds", func(m *maker) []item {
			return one(set(m.data(live, 1, 1, 2), "q", "unset", "after", "5", "before", "9"))
		}, Options{}, nil, [3]int64{2, 0, 0}},
		{"unknown fields", func(m *maker) []item { return one(set(m.data(live, 1, 1, 2), "zz", "9")) }, Options{}, nil, [3]int64{2, 0, 0}},
		{"empty frames", func(m *maker) []item { return one(m.data(live, 1, 1, 0)) }, Options{}, nil, [3]int64{0, 0, 0}},
	})
}

func TestDamagedHistories(t *testing.T) {
	judge(t, []history{
		{"a hole", func(m *maker) []item {
			return join(m.frames(live, 1, 1, 3), m.frames(live, 1, 7, 9))
		}, Options{}, []string{"hole pi-01/live/1/4 pi-01/live/1/6 @4-0"}, [3]int64{12, 0, 0}},
		{"an epoch that does not begin at 1", func(m *maker) []item {
			return join(m.frames(live, 1, 1, 3), m.frames(live, 2, 2, 3))
		}, Options{}, []string{"hole pi-01/live/2/1 @4-0"}, [3]int64{10, 0, 0}},
		{"a gap record of another lane covers nothing", func(m *maker) []item {
			return join(m.frames(live, 1, 1, 1), one(m.gapOf(backfill, 1, 1, "store_full", 2)), m.frames(live, 1, 3, 3))
		}, Options{}, []string{"hole pi-01/live/1/2 @3-0"}, [3]int64{4, 2, 0}},
		{"a gap record behind the hole", func(m *maker) []item {
			return join(m.frames(live, 1, 1, 1), m.frames(live, 1, 3, 3), one(m.gapOf(live, 1, 4, "store_full", 2)))
		}, Options{}, []string{"hole pi-01/live/1/2 @2-0"}, [3]int64{4, 2, 0}},
		{"one twice, at once", func(m *maker) []item {
			return join(m.frames(live, 1, 1, 3), m.frames(live, 1, 3, 4))
		}, Options{}, []string{"twice pi-01/live/1/3 @4-0"}, [3]int64{8, 0, 0}},
		{"a run twice, later, over an epoch's end", func(m *maker) []item {
			return join(m.frames(live, 1, 1, 3), m.frames(live, 2, 1, 3), m.frames(live, 1, 2, 3), m.frames(live, 2, 1, 2), m.frames(live, 2, 4, 4))
		}, Options{}, []string{"twice pi-01/live/1/2 pi-01/live/2/2 @7-0"}, [3]int64{14, 0, 0}},
		{"a gap record twice", func(m *maker) []item {
			g := m.gapOf(live, 1, 2, "ring_overrun", 7)
			return join(m.frames(live, 1, 1, 1), one(g), one(g), m.frames(live, 1, 3, 3))
		}, Options{}, []string{"twice pi-01/live/1/2 @3-0"}, [3]int64{4, 7, 0}},
		{"two change places", func(m *maker) []item {
			return join(m.frames(live, 1, 1, 3), m.frames(live, 1, 5, 5), m.frames(live, 1, 4, 4), m.frames(live, 1, 6, 7))
		}, Options{}, []string{"out_of_order pi-01/live/1/4 @5-0"}, [3]int64{14, 0, 0}},
		{"a run comes late and leaves a hole on both sides", func(m *maker) []item {
			return join(m.frames(live, 1, 1, 1), m.frames(live, 1, 9, 9), m.frames(live, 1, 4, 6))
		}, Options{}, []string{
			"out_of_order pi-01/live/1/4 pi-01/live/1/6 @3-0", "hole pi-01/live/1/2 pi-01/live/1/3 @2-0", "hole pi-01/live/1/7 pi-01/live/1/8 @2-0",
		}, [3]int64{10, 0, 0}},
		{"an epoch after its successor", func(m *maker) []item {
			return join(m.frames(live, 1, 1, 2), m.frames(live, 3, 1, 2), m.frames(live, 2, 1, 2))
		}, Options{}, []string{"out_of_order pi-01/live/2/1 pi-01/live/2/2 @5-0"}, [3]int64{12, 0, 0}},
		{"an old epoch goes on", func(m *maker) []item {
			return join(m.frames(live, 1, 1, 2), m.frames(live, 2, 1, 2), m.frames(live, 1, 3, 4), m.frames(live, 2, 3, 3))
		}, Options{}, []string{"out_of_order pi-01/live/1/3 pi-01/live/1/4 @5-0"}, [3]int64{14, 0, 0}},
		{"a number from nowhere, and all goes on", func(m *maker) []item {
			return join(m.frames(live, 1, 1, 2), m.frames(live, 7, 1, 1), m.frames(live, 1, 3, 9))
		}, Options{}, []string{"out_of_order pi-01/live/1/3 pi-01/live/1/9 @4-0"}, [3]int64{20, 0, 0}},
		{"delivered although declared lost", func(m *maker) []item {
			return join(m.frames(live, 1, 1, 2), one(m.gapOf(live, 1, 8, "store_full", 12)), m.frames(live, 1, 5, 5), m.frames(live, 1, 9, 9))
		}, Options{}, []string{"overlap pi-01/live/1/5 @4-0"}, [3]int64{8, 12, 0}},
		{"declared although delivered", func(m *maker) []item {
			return join(m.frames(live, 1, 1, 9), one(m.gapOf(live, 1, 5, "store_full", 12)))
		}, Options{}, []string{"overlap pi-01/live/1/5 @10-0"}, [3]int64{18, 0, 0}},
		{"declared twice", func(m *maker) []item {
			return join(m.frames(live, 1, 1, 1), one(m.gapOf(live, 1, 8, "store_full", 12)), one(m.gapOf(live, 1, 7, "store_full", 10)))
		}, Options{}, []string{"overlap pi-01/live/1/7 @3-0"}, [3]int64{2, 12, 0}},
		{"a gap record that comes late fills its hole", func(m *maker) []item {
			return join(m.frames(live, 1, 1, 1), m.frames(live, 1, 5, 5), one(m.gapOf(live, 1, 4, "store_full", 6)))
		}, Options{}, []string{"out_of_order pi-01/live/1/4 @3-0"}, [3]int64{4, 6, 0}},
		{"trimmed, where nothing ever was", func(m *maker) []item { return m.frames(live, 3, 120, 121) },
			Options{Whole: true}, []string{"beginning pi-01/live/3/120 @1-0"}, [3]int64{4, 0, 0}},
	})
}

func TestDamagedEntries(t *testing.T) {
	at2 := func(kind, what string) []string { return []string{kind + " pi-01/live/1/2 @2-0" + what} }
	second := func(pairs ...string) func(*maker) []item {
		return func(m *maker) []item {
			return join(m.frames(live, 1, 1, 1), one(set(m.data(live, 1, 2, 2), pairs...)), m.frames(live, 1, 3, 3))
		}
	}
	gap := func(d string) func(*maker) []item {
		return second("enc", "gap", "n", "0", "t0", "5", "t1", "9", "d", d)
	}
	all, two := [3]int64{6, 0, 0}, [3]int64{4, 0, 0}
	judge(t, []history{
		{"n too high", second("n", "3"), Options{}, at2("header", ""), all},
		{"t0 too early", second("t0", "1780315201999"), Options{}, at2("header", ""), all},
		{"t1 too late", second("t1", "1780315202009"), Options{}, at2("header", ""), all},
		{"t1 before t0", second("t1", "5"), Options{}, at2("header", ""), all},
		{"no t1", second("t1", "-"), Options{}, at2("header", ""), all},
		{"q", second("q", "fine"), Options{}, at2("header", ""), all},
		{"a boot that is none", second("boot", "x"), Options{}, at2("header", ""), all},
		{"another boot", second("boot", bootB), Options{}, append(at2("boot", ""), "boot pi-01/live/1/3 @3-0"), all},
		{"bounds of a date that is known", second("after", "5"), Options{}, at2("header", ""), all},
		{"an encoding from nowhere", second("enc", "cbor"), Options{}, at2("payload", ""), two},
		{"another device's payload", second("d", `[{"bn":"pi-02/","bt":1780315202,"n":"a","v":1}]`), Options{}, at2("payload", ""), two},
		{"a payload cut short", second("d", `[{"bn":"pi-01/","bt":1780315202,"n":"a","v":1`), Options{}, at2("payload", ""), two},
		{"a value and a text", second("d", `[{"bn":"pi-01/","bt":1780315202,"n":"a","v":1,"vs":"x"}]`), Options{}, at2("payload", ""), two},
		{"a time of four places", second("d", `[{"bn":"pi-01/","bt":1780315202,"n":"a","t":0.0001,"v":1}]`), Options{}, at2("payload", ""), two},
		{"not a gap record", gap(`[]`), Options{}, at2("gap_record", ""), two},
		{"a gap record without n", gap(`{"cause":"power_cut","t0":5,"t1":9}`), Options{}, at2("gap_record", ""), two},
		{"a gap record with n < 0", gap(`{"cause":"power_cut","n":-1,"t0":5,"t1":9}`), Options{}, at2("gap_record", ""), two},
		{"a gap record without cause", gap(`{"n":null,"t0":5,"t1":9}`), Options{}, at2("gap_record", ""), two},
		{"a gap record of another time", gap(`{"cause":"power_cut","n":3,"t0":6,"t1":9}`), Options{}, at2("gap_record", ""), [3]int64{4, 3, 0}},
		{"a gap record that ends before it begins", gap(`{"cause":"power_cut","n":3,"t0":6,"t1":5}`), Options{}, at2("gap_record", ""), two},
		{"no identity", second("seq", "0"), Options{}, []string{"foreign_entry telhub:{0}:live @2-0", "hole pi-01/live/1/2 @3-0"}, two},
		{"a leading zero", second("ep", "01"), Options{}, []string{"foreign_entry telhub:{0}:live @2-0", "hole pi-01/live/1/2 @3-0"}, two},
	})
}

func TestCompactPayloads(t *testing.T) {
	third := func(pairs ...string) func(*maker) []item {
		return func(m *maker) []item { return join(m.frames(live, 1, 1, 2), one(set(m.data(live, 1, 3, 2), pairs...))) }
	}
	header, payload := []string{"header pi-01/live/1/3 @3-0"}, []string{"payload pi-01/live/1/3 @3-0"}
	judge(t, []history{
		{"t1", third("t1", "1780315209999"), Options{}, header, [3]int64{6, 0, 0}},
		{"n", third("n", "3"), Options{}, payload, [3]int64{4, 0, 0}}, // the codec needs n
		{"bytes", third("d", "\x01\xff\xff"), Options{}, payload, [3]int64{4, 0, 0}},
		{"nothing", third("d", ""), Options{}, payload, [3]int64{4, 0, 0}},
	})
}

func judge(t *testing.T, cases []history) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := New(c.opts)
			feed(a, c.make(newMaker(t)))
			r := a.Finish()
			wantFound(t, r, c.want...)
			d := &r.Devices[0]
			if got := [3]int64{d.Delivered, d.Lost, d.Unknown}; got != c.total || d.Acquired != got[0]+got[1] {
				t.Errorf("delivered, lost, unknown: %v of %d, want %v", got, d.Acquired, c.total)
			}
			if strings.Contains(c.name, "trimmed") != (d.Lanes[0].Trimmed != nil || c.opts.Whole && !r.Balanced) {
				t.Errorf("trimmed is %+v", d.Lanes[0].Trimmed)
			}
		})
	}
}

func TestTrimmedTellsNumbers(t *testing.T) {
	a := New(Options{})
	feed(a, newMaker(t).frames(live, 3, 120, 121))
	got := a.Finish().Devices[0].Lanes[0].Trimmed
	if got == nil || *got != (Trimmed{First: "pi-01/live/3/120", Frames: 119}) {
		t.Errorf("trimmed: %+v", got)
	}
}

// A stream is trimmed while it is read: what is missing then says nothing.
func TestTrimmedWhileItIsRead(t *testing.T) {
	for first, want := range map[string][]string{
		"3-0": {"hole pi-01/live/1/4 pi-01/live/1/6 @4-0"},
		"4-0": nil,
		"9-0": nil,
	} {
		a, m := New(Options{}), newMaker(t)
		feed(a, join(m.frames(live, 1, 1, 3), m.frames(live, 1, 7, 9)))
		a.Trimmed(0, live, first)
		r := a.Finish()
		wantFound(t, r, want...)
		if tr := r.Devices[0].Lanes[0].Trimmed; len(want) == 0 && (tr == nil || tr.WhileRead != 3) {
			t.Errorf("first %s: trimmed %+v, want 3 frames while it was read", first, tr)
		}
	}
}

func TestMarks(t *testing.T) {
	const differs = "mark pi-01/live"
	for _, c := range []struct {
		name, before, after string
		frames              bool
		opts                Options
		want                []string
	}{
		{"agrees", "2;2;4", "2;2;4", true, Options{}, nil},
		{"the agent writes on", "2;2;3", "2;2;9", true, Options{}, nil},
		{"a later run has opened the lane", "7;2;4", "7;2;4", true, Options{}, nil},
		{"the end is missing", "2;2;6", "2;2;6", true, Options{}, []string{differs}},
		{"the end of an epoch is missing", "3;3;1", "3;3;1", true, Options{}, []string{differs}},
		{"frames behind the mark", "2;2;3", "2;2;3", true, Options{}, []string{differs}},
		{"an epoch that never opened the lane", "1;2;4", "1;2;4", true, Options{}, []string{"fence pi-01/live/2/4 @7-0"}},
		{"no field", "", "", true, Options{}, []string{differs}},
		{"the field is deleted while it is read", "2;2;4", "", true, Options{}, []string{differs}},
		{"not a mark", "x", "x", true, Options{}, []string{differs}},
		{"opened, nothing sent", "2;0;0", "2;0;0", false, Options{}, nil},
		{"all trimmed", "2;2;4", "2;2;4", false, Options{}, nil},
		{"the stream is deleted", "2;2;4", "2;2;4", false, Options{}, []string{differs}},
		{"all gone, where nothing is trimmed", "2;2;4", "2;2;4", false, Options{Whole: true}, []string{differs}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, m := New(c.opts), newMaker(t)
			if c.frames {
				feed(a, join(m.frames(live, 1, 1, 3), m.frames(live, 2, 1, 4)))
			}
			if c.before+c.after != "" {
				m := ParseMark(c.before, c.after)
				m.Bare = c.name == "the stream is deleted"
				a.Mark(0, "pi-01", live, m)
			}
			a.Unmarked(0)
			wantFound(t, a.Finish(), c.want...)
		})
	}
}

func TestBootsOfLanes(t *testing.T) {
	a, m := New(Options{}), newMaker(t)
	feed(a, join(m.frames(live, 1, 1, 3), one(set(m.data(backfill, 1, 1, 2), "boot", bootB))))
	wantFound(t, a.Finish(), "boot pi-01/backfill/1/1 @4-0")
}

func TestManyDevicesInOneShard(t *testing.T) {
	a, m := New(Options{}), newMaker(t)
	var items []item
	for seq := uint64(1); seq <= 3; seq++ {
		for dev := range 50 {
			if seq != 2 || dev != 17 {
				items = append(items, set(m.data(live, 1, 2*seq-1, 2), "dev", fmt.Sprintf("pi-%02d", dev), "seq", fmt.Sprint(seq)))
			}
		}
	}
	feed(a, items)
	r := a.Finish()
	wantFound(t, r, "hole pi-17/live/1/2 @117-0")
	if len(r.Devices) != 50 || r.Devices[16].Balanced != true || r.Devices[17].Balanced {
		t.Errorf("%d devices, the 17th balanced: %v", len(r.Devices), r.Devices[17].Balanced)
	}
}

func TestRuns(t *testing.T) {
	a, m := New(Options{}), newMaker(t)
	feed(a, join(m.frames(live, 2, 1, 2), one(m.gapOf(backfill, 3, 1, "power_cut", -1)), m.frames(live, 3, 1, 1), m.frames(live, 6, 1, 1)))
	if got, want := a.Finish().Devices[0].Runs, (Runs{First: 2, Last: 6, Seen: 3, AfterCut: 1, Silent: 2}); got != want {
		t.Errorf("runs %+v, want %+v", got, want)
	}
}
