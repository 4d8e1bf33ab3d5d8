package audit

import (
	"fmt"
	"strings"
	"testing"

	"github.com/telhub/telhub/uplink/frame"
)

// bare adds frames without a header, of one sample each.
func bare(a *Auditor, epoch, seq uint64) {
	a.Add(&Entry{Shard: NoShard, Lane: live, Device: "pi", At: fmt.Sprintf("%d-%d", epoch, seq), ID: frame.ID{Epoch: epoch, Seq: seq}, Bare: true, Samples: 1})
}

func bareGap(a *Auditor, epoch, seq uint64) {
	a.Add(&Entry{
		Shard: NoShard, Lane: live, Device: "pi", At: "gap", ID: frame.ID{Epoch: epoch, Seq: seq}, Bare: true, Encoding: "gap",
		Data: []byte(`{"cause":"store_full","n":1,"t0":null,"t1":5}`),
	})
}

// More than a lane remembers is still counted, and its lists stay bounded.
func TestMoreThanIsRemembered(t *testing.T) {
	const n = 10_000
	t.Run("holes", func(t *testing.T) {
		a := New(Options{})
		for i := range uint64(n) {
			bare(a, 1, 1+2*i)
		}
		l := a.lane(NoShard, "pi", live)
		if len(l.holes) > maxHoles || len(l.found) > maxFound {
			t.Errorf("%d holes and %d findings in memory", len(l.holes), len(l.found))
		}
		r := a.Finish()
		d := &r.Devices[0]
		if d.Lanes[0].Missing != n-1 || r.Unexplained != n-1 || len(d.Findings) != maxFound || d.More != n-1-maxFound {
			t.Errorf("%d missing, %d unexplained, %d shown and %d more", d.Lanes[0].Missing, r.Unexplained, len(d.Findings), d.More)
		}
	})
	t.Run("epochs", func(t *testing.T) {
		a := New(Options{})
		for i := range uint64(n) {
			bare(a, i+1, 1)
		}
		if l := a.lane(NoShard, "pi", live); len(l.runs) > maxRuns {
			t.Errorf("%d epochs in memory", len(l.runs))
		}
		bare(a, 5, 1)   // forgotten
		bare(a, n-5, 1) // not forgotten
		bare(a, n-5, 2) // late
		r := a.Finish()
		wantFound(t, r, "twice pi/live/5/1 @5-1", "twice pi/live/9995/1 @9995-1", "out_of_order pi/live/9995/2 @9995-2")
		if got := r.Devices[0].Lanes[0].Epochs; got != n {
			t.Errorf("%d epochs, want %d", got, n)
		}
	})
	t.Run("gap records", func(t *testing.T) {
		a := New(Options{})
		for i := range uint64(n) {
			bareGap(a, 1, i+1)
		}
		if l := a.lane(NoShard, "pi", live); len(l.covers) > maxCovered {
			t.Errorf("%d gap records in memory", len(l.covers))
		}
		bareGap(a, 1, 5)
		bare(a, 1, n-5)
		r := a.Finish()
		wantFound(t, r, "twice pi/live/1/5 @gap", "overlap pi/live/1/9995 @1-9995")
		if got := r.Devices[0].Lost; got != n {
			t.Errorf("%d declared lost, want %d", got, n)
		}
	})
	t.Run("foreign entries", func(t *testing.T) {
		a := New(Options{})
		for range n {
			a.Foreign("telhub:{0}:live", "1-0", errLine)
		}
		if r := a.Finish(); r.Unexplained != n || len(r.Foreign) != maxForeign {
			t.Errorf("%d unexplained, %d shown", r.Unexplained, len(r.Foreign))
		}
	})
}

func TestPrintedRuns(t *testing.T) {
	a := New(Options{})
	for _, seq := range []uint64{1, 2, 3, 7, 8, 2, 3} {
		bare(a, 1, seq)
	}
	bareGap(a, 2, 1)
	var b strings.Builder
	if err := a.Finish().Print(&b); err != nil {
		t.Fatal(err)
	}
	want := `pi: 2 runs (epochs 1 to 2)
            epochs  frames  samples  first  last  gap records  declared lost  number unknown  unexplained
  live           2       5        5    1/1   2/1            1              1               0            2
  lost      live: store_full, 1 gap record: 1 sample
  acquired  6 = 5 delivered + 1 declared lost: UNEXPLAINED 2
  twice         pi/live/1/2 to 1/3 (2 frames): is there twice (entry 1-2)
                → ` + cureTwice + `
  hole          pi/live/1/4 to 1/6 (3 frames): missing between the entries 1-3 and 1-7, and no gap record covers it
                → ` + cureHole + `

1 device, 1 of them not balanced: UNEXPLAINED 2
`
	if got := b.String(); got != want {
		t.Errorf("printed\n%s\nwant\n%s", got, want)
	}
}
