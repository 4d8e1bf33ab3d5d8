package buffer

import (
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// model is the ring's specification: a slice that forgets its oldest items.
type model struct {
	capacity int
	held     []int
	lost     []int
}

func (m *model) push(items []int) {
	m.held = append(m.held, items...)
	if over := len(m.held) - m.capacity; over > 0 {
		m.lost = append(m.lost, m.held[:over]...)
		m.held = slices.Clone(m.held[over:])
	}
}

func (m *model) drain(n int) (got, lost []int) {
	n = min(n, len(m.held))
	got, m.held = m.held[:n], slices.Clone(m.held[n:])
	lost, m.lost = m.lost, nil
	return got, lost
}

func TestRingFollowsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		capacity := rapid.IntRange(1, 9).Draw(t, "capacity")
		r, m := New[int](capacity), &model{capacity: capacity}
		var next, drained int
		var lostTotal uint64
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				items := make([]int, rapid.IntRange(0, 2*capacity+1).Draw(t, "n"))
				for i := range items {
					next++
					items[i] = next
				}
				r.Push(items)
				m.push(items)
			},
			"drain": func(t *rapid.T) {
				dst := make([]int, rapid.IntRange(0, capacity+2).Draw(t, "room"))
				n, loss := r.Drain(dst)
				want, lost := m.drain(len(dst))
				drained += n
				lostTotal += loss.N
				if !slices.Equal(dst[:n], want) {
					t.Fatalf("Drain gave %v, want %v", dst[:n], want)
				}
				if loss.N != uint64(len(lost)) {
					t.Fatalf("lost %d, want %v", loss.N, lost)
				}
				if len(lost) > 0 && (loss.First != lost[0] || loss.Last != lost[len(lost)-1]) {
					t.Fatalf("lost %d..%d, want %v", loss.First, loss.Last, lost)
				}
			},
			"": func(t *rapid.T) {
				if r.Len() != len(m.held) {
					t.Fatalf("Len %d, want %d", r.Len(), len(m.held))
				}
				if c := r.Counts(); c.Pushed != uint64(next) || c.Drained != uint64(drained) ||
					c.Pushed != c.Drained+c.Lost+uint64(r.Len()) || c.Lost != lostTotal+uint64(len(m.lost)) {
					t.Fatalf("counts %+v do not add up with %d held", c, r.Len())
				}
			},
		})
	})
}

func TestRingManyProducers(t *testing.T) {
	const producers, each, batch = 4, 20000, 5
	type item struct{ producer, seq int }
	r := New[item](64)
	var wg sync.WaitGroup
	for p := range producers {
		wg.Go(func() {
			var items [batch]item
			for i := 0; i < each; i += batch {
				for j := range items {
					items[j] = item{p, i + j + 1}
				}
				r.Push(items[:])
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()

	var last [producers]int
	var got, lost uint64
	dst := make([]item, 48)
	take := func() {
		n, loss := r.Drain(dst)
		lost += loss.N
		got += uint64(n)
		for _, x := range dst[:n] {
			if x.seq <= last[x.producer] {
				t.Errorf("producer %d: %d after %d", x.producer, x.seq, last[x.producer])
			}
			last[x.producer] = x.seq
		}
	}
	for running := true; running; {
		select {
		case <-r.Ready():
			take()
		case <-done:
			running = false
		}
	}
	for r.Len() > 0 {
		take()
	}
	if got+lost != producers*each {
		t.Errorf("drained %d + lost %d, want %d", got, lost, producers*each)
	}
}

func raised[T any](r *Ring[T]) bool {
	select {
	case <-r.Ready():
		return true
	default:
		return false
	}
}

func TestReadyIsRaisedOncePerThreshold(t *testing.T) {
	r := New[int](8)
	r.WakeAt(3)
	r.Push([]int{1, 2})
	if raised(r) {
		t.Error("raised below the threshold")
	}
	r.Push([]int{3})
	if !raised(r) {
		t.Error("not raised at the threshold")
	}
	r.Push([]int{4, 5, 6, 7, 8, 9, 10})
	if raised(r) {
		t.Error("raised again without a drain")
	}
	r.Drain(make([]int, 2))
	if !raised(r) {
		t.Error("not raised by a drain that left enough")
	}
	r.Drain(make([]int, 8))
	r.WakeAt(0)
	r.Push([]int{1, 2, 3, 4, 5, 6, 7, 8, 9})
	if raised(r) {
		t.Error("raised although switched off")
	}
	r.WakeAt(100)
	if !raised(r) {
		t.Error("a threshold above the capacity must mean full")
	}
}

func TestRingAllocatesNothing(t *testing.T) {
	r := New[[4]int64](100)
	items, dst := make([][4]int64, 130), make([][4]int64, 64)
	if got := testing.AllocsPerRun(100, func() {
		r.Push(items[:30])
		r.Push(items)
		r.Drain(dst)
	}); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func TestNewRejectsCapacity(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("New(0) did not panic")
		}
	}()
	New[int](0)
}
