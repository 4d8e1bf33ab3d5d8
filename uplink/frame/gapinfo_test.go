package frame

import (
	"reflect"
	"strings"
	"testing"
)

func TestGapRecordSurvivesSealing(t *testing.T) {
	for _, g := range []GapInfo{
		{Cause: RingOverrun, N: 17, T0: 1000, T1: 2000, T0Known: true, Channels: []string{"a/b", `c/"d`}},
		{Cause: PowerCut, N: -1, T0: -5000, T1: 10},
		{Cause: StoreFull, N: 1 << 40, T1: 1},
	} {
		f := &Frame{Kind: Data, Payload: []byte("old")}
		if err := g.Seal(f); err != nil {
			t.Fatal(err)
		}
		got, err := ParseGapInfo(f.Payload)
		if err != nil || !reflect.DeepEqual(got, g) {
			t.Errorf("got %+v, %v, want %+v", got, err, g)
		}
		if n := uint32(min(max(g.N, 0), 1<<32-1)); f.Kind != Gap || f.N != n || f.T0 != g.T0 || f.T1 != g.T1 {
			t.Errorf("frame %+v of %+v", f, g)
		}
	}
}

func TestGapJSON(t *testing.T) {
	tests := []struct {
		gap    GapInfo
		offset int64
		want   string
	}{
		{GapInfo{Cause: PowerCut, N: -1, T0: 1, T1: 5001, T0Known: true}, 1_699_999_999_999,
			`{"cause":"power_cut","n":null,"t0":1700000000000,"t1":1700000005000}`},
		{GapInfo{Cause: RingOverrun, N: 0, T0: 9, T1: 20, Channels: []string{"a/b"}}, 0,
			`{"cause":"ring_overrun","n":0,"t0":null,"t1":20,"channels":["a/b"]}`},
	}
	for _, tt := range tests {
		got, err := AppendGapJSON([]byte("x"), &tt.gap, tt.offset)
		if err != nil || string(got) != "x"+tt.want {
			t.Errorf("got %s, %v, want x%s", got, err, tt.want)
		}
	}
}

func TestGapRecordDamaged(t *testing.T) {
	if _, err := ParseGapInfo([]byte(`{"n":"many"}`)); err == nil || !strings.HasPrefix(err.Error(), "gap record: ") {
		t.Errorf("got %v, want an error that names the gap record", err)
	}
}

// TestGapCausesAreDocumented keeps the page complete.
func TestGapCausesAreDocumented(t *testing.T) {
	page := readDoc(t)
	for _, c := range []Cause{RingOverrun, StoreFull, StoreDamaged, StoreOff, PowerCut, ServerRewind, Conflict} {
		if !strings.Contains(page, "`"+string(c)+"`") {
			t.Errorf("%s does not mention cause %q", wireDoc, c)
		}
	}
}
