package audit

import (
	"fmt"
	"slices"
	"testing"

	"github.com/telhub/telhub/uplink/frame"
	"pgregory.net/rapid"
)

// tale is a random history of one device without a defect: frames, gap
// records that cover numbers and such that do not, epochs.
type tale struct {
	items     []item
	ids       []frame.ID // of items
	gap       []bool
	delivered int64
	lost      int64
	unknown   int64
}

func (s *tale) add(it item, id frame.ID, gap bool) {
	s.items, s.ids, s.gap = append(s.items, it), append(s.ids, id), append(s.gap, gap)
}

func draw(t *rapid.T, m *maker) *tale {
	s := &tale{}
	epoch := uint64(0)
	for range rapid.IntRange(1, 4).Draw(t, "epochs") {
		epoch += rapid.Uint64Range(1, 3).Draw(t, "step")
		seq := uint64(0)
		for range rapid.IntRange(1, 12).Draw(t, "entries") {
			if rapid.IntRange(0, 5).Draw(t, "kind") == 0 {
				seq += rapid.Uint64Range(1, 4).Draw(t, "covered")
				n := rapid.IntRange(-1, 90).Draw(t, "lost")
				s.add(m.gapOf(live, epoch, seq, "store_full", n), frame.ID{Epoch: epoch, Seq: seq}, true)
				if n < 0 {
					s.unknown++
				}
				s.lost += int64(max(n, 0))
				continue
			}
			seq++
			n := rapid.IntRange(1, 5).Draw(t, "samples")
			s.add(m.data(live, epoch, seq, n), frame.ID{Epoch: epoch, Seq: seq}, false)
			s.delivered += int64(n)
		}
	}
	return s
}

func audited(items []item) *Report {
	a := New(Options{})
	feed(a, items)
	return a.Finish()
}

// named names a frame as findings do.
func named(id frame.ID) string { return "pi-01/live/" + id.String() }

func TestRandomHistoriesBalance(t *testing.T) {
	m := newMaker(t)
	rapid.Check(t, func(t *rapid.T) {
		s := draw(t, m)
		r := audited(s.items)
		d := &r.Devices[0]
		if !r.Balanced {
			t.Fatalf("found %v in a clean history", found(r))
		}
		if d.Delivered != s.delivered || d.Lost != s.lost || d.Unknown != s.unknown {
			t.Fatalf("%d delivered, %d lost, %d unknown; want %d, %d, %d", d.Delivered, d.Lost, d.Unknown, s.delivered, s.lost, s.unknown)
		}
	})
}

// One defect is found as that and as nothing else.
func TestRandomDefectsAreFound(t *testing.T) {
	m := newMaker(t)
	rapid.Check(t, func(t *rapid.T) {
		s := draw(t, m)
		i := rapid.IntRange(0, len(s.items)-1).Draw(t, "place")
		defects := []string{"repeat", "header", "payload"}
		if followed := i+1 < len(s.items) && !s.gap[i] && !s.gap[i+1]; followed {
			same := s.ids[i].Epoch == s.ids[i+1].Epoch
			if i > 0 && same { // the one that follows directly shows it; a gap record would cover it
				defects = append(defects, "delete")
			}
			if i > 0 || same {
				defects = append(defects, "swap")
			}
		}
		var items []item
		var want []string
		switch rapid.SampledFrom(defects).Draw(t, "defect") {
		case "delete":
			items = slices.Delete(slices.Clone(s.items), i, i+1)
			want = []string{"hole " + named(s.ids[i])}
		case "repeat":
			k := rapid.IntRange(i+1, len(s.items)).Draw(t, "again")
			items = slices.Insert(slices.Clone(s.items), k, s.items[i])
			want = []string{"twice " + named(s.ids[i])}
		case "swap":
			items = slices.Clone(s.items)
			items[i], items[i+1] = items[i+1], items[i]
			want = []string{"out_of_order " + named(s.ids[i])}
		case "header":
			items = slices.Clone(s.items)
			items[i] = set(items[i], "t1", "1990000000000")
			want = []string{"header " + named(s.ids[i])}
			if s.gap[i] {
				want = []string{"gap_record " + named(s.ids[i])}
			}
		case "payload":
			items = slices.Clone(s.items)
			items[i] = set(items[i], "d", "{")
			want = []string{"payload " + named(s.ids[i])}
			if s.gap[i] {
				want = []string{"gap_record " + named(s.ids[i])}
			}
		}
		var got []string
		for _, f := range audited(items).Devices[0].Findings {
			got = append(got, string(f.Kind)+" "+f.ID)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("found %v, want %v", got, want)
		}
	})
}

// sum is what a history comes to by the rules of docs/wire.md, section 2,
// found with all of it in memory.
type sum struct {
	delivered, missing int64
	faulty             bool
}

func bruteForce(items []item, gaps []bool, ids []frame.ID, samples []int) sum {
	var s sum
	delivered, covered, top := map[frame.ID]bool{}, map[frame.ID]bool{}, map[uint64]uint64{}
	bottom := map[uint64]uint64{ids[0].Epoch: ids[0].Seq}
	if gaps[0] {
		bottom[ids[0].Epoch] = 1
	}
	var last frame.ID
	for i, id := range ids {
		s.faulty = s.faulty || !last.Less(id)
		if gaps[i] && last.Less(id) {
			from := uint64(1)
			if id.Epoch == last.Epoch {
				from = last.Seq + 1
			}
			for seq := from; seq <= id.Seq; seq++ {
				covered[frame.ID{Epoch: id.Epoch, Seq: seq}] = true
			}
		}
		if gaps[i] && id.Less(last) {
			for seq, least := id.Seq, floor(bottom, ids[0], id); seq >= least; seq-- {
				x := frame.ID{Epoch: id.Epoch, Seq: seq}
				if delivered[x] || covered[x] {
					break
				}
				covered[x] = true
			}
		}
		if !gaps[i] && !delivered[id] {
			delivered[id] = true
			s.delivered += int64(samples[i])
		}
		if last.Less(id) {
			last = id
		}
		top[id.Epoch] = max(top[id.Epoch], id.Seq)
		bottom[id.Epoch] = min(floor(bottom, ids[0], id), id.Seq)
	}
	for epoch, most := range top {
		for seq := bottom[epoch]; seq <= most; seq++ {
			if id := (frame.ID{Epoch: epoch, Seq: seq}); !delivered[id] && !covered[id] {
				s.missing++
			}
		}
	}
	s.faulty = s.faulty || s.missing > 0
	return s
}

// floor is the least number of an epoch that should be there.
func floor(bottom map[uint64]uint64, first, id frame.ID) uint64 {
	b, ok := bottom[id.Epoch]
	switch {
	case ok:
		return min(b, id.Seq)
	case first.Less(id):
		return 1
	}
	return id.Seq
}

// Several defects at a time: the sums are those of an audit that keeps all.
func TestRandomDamageAddsUp(t *testing.T) {
	m := newMaker(t)
	rapid.Check(t, func(t *rapid.T) {
		s := draw(t, m)
		order := make([]int, len(s.items))
		for i := range order {
			order[i] = i
		}
		for range rapid.IntRange(0, 6).Draw(t, "defects") {
			i, k := rapid.IntRange(0, len(order)-1).Draw(t, "i"), rapid.IntRange(0, len(order)-1).Draw(t, "k")
			if s.gap[order[i]] {
				continue // what a gap record covers depends on where it stands
			}
			x := order[i]
			switch rapid.IntRange(0, 2).Draw(t, "what") {
			case 0:
				if len(order) > 1 {
					order = slices.Delete(order, i, i+1)
				}
			case 1:
				order = slices.Insert(order, k, x)
			case 2:
				order = slices.Insert(slices.Delete(order, i, i+1), min(k, len(order)-1), x)
			}
		}
		var items []item
		var gaps []bool
		var ids []frame.ID
		var samples []int
		for _, i := range order {
			items, gaps, ids = append(items, s.items[i]), append(gaps, s.gap[i]), append(ids, s.ids[i])
			n := 0
			fmt.Sscan(s.items[i].values["n"].(string), &n)
			samples = append(samples, n)
		}
		want := bruteForce(items, gaps, ids, samples)
		r := audited(items)
		d := &r.Devices[0]
		got := sum{d.Delivered, d.Lanes[0].Missing, !r.Balanced}
		if got != want {
			t.Fatalf("%+v, want %+v; order %v of %v, found %v", got, want, order, s.ids, found(r))
		}
	})
}
