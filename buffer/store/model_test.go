package store

import (
	"fmt"
	"os"
	"testing"

	"pgregory.net/rapid"

	"github.com/telhub/telhub/uplink/frame"
)

// model is the specification: the frames of each lane in a slice.
type model struct {
	t     *testing.T
	o     Options
	s     *Store
	epoch uint64
	// precious is how many frames of ten are of a higher class than Normal.
	precious int
	lanes    [frame.Lanes]modelLane
}

type modelLane struct {
	committed []*frame.Frame
	pending   []*frame.Frame
	released  frame.ID
}

// open opens the directory as it is and checks what Open says of it.
func (m *model) open(t *rapid.T, clean bool) {
	s, r, err := Open(m.o)
	if err != nil {
		t.Fatal(err)
	}
	m.epoch++
	if r.Epoch != m.epoch || r.Fresh != (m.epoch == 1) || len(r.Salvaged) != 0 || (r.Unclean == nil) != (clean || m.epoch == 1) {
		t.Fatalf("epoch %d, clean %v: Open reports %+v", m.epoch, clean, r)
	}
	m.s = s
}

func (m *model) put(t *rapid.T) {
	lane := frame.Lane(rapid.IntRange(0, frame.Lanes-1).Draw(t, "lane"))
	l := &m.lanes[lane]
	lp := lanePut{lane: lane, last: m.last(l)}
	for range rapid.IntRange(1, 12).Draw(t, "frames") {
		f := m.next(t, &lp, rapid.SampledFrom([]int{0, 40, 900, 907, 908, 2500, 9000}).Draw(t, "size"))
		if err := m.s.Put(f); err == ErrPendingFull {
			return
		} else if err != nil {
			t.Fatalf("put %v: %v", f.ID, err)
		}
		l.pending, lp.last = append(l.pending, f), f.ID
	}
}

// next makes a frame of a random class, some of Normal ones gap records.
func (m *model) next(t *rapid.T, lp *lanePut, size int) *frame.Frame {
	f := lp.next(m.epoch, size)
	draw := rapid.IntRange(0, 19).Draw(t, "class")
	switch {
	case draw/2 < m.precious:
		f.Class = frame.Class(1 + draw%2)
	case draw == 19:
		info := frame.GapInfo{Cause: frame.RingOverrun, N: 7, T0: f.T0, T1: f.T1, T0Known: true}
		if err := info.Seal(f); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func (m *model) last(l *modelLane) frame.ID {
	if n := len(l.pending); n > 0 {
		return l.pending[n-1].ID
	}
	if n := len(l.committed); n > 0 {
		return l.committed[n-1].ID
	}
	return frame.ID{}
}

func (m *model) commit(t *rapid.T) {
	if err := m.s.Commit(); err != nil {
		t.Fatal(err)
	}
	m.settle()
}

func (m *model) settle() {
	for i := range m.lanes {
		l := &m.lanes[i]
		l.committed, l.pending = append(l.committed, l.pending...), nil
	}
}

// read reads a lane from what is released and compares: all that is committed
// is delivered or declared, in order, once.
func (m *model) read(t *rapid.T, lane frame.Lane) (ends []frame.ID) {
	l := &m.lanes[lane]
	want := l.committed
	for len(want) > 0 && !l.released.Less(want[0].ID) {
		want = want[1:]
	}
	after, f := l.released, newFrame()
	for {
		ok, err := m.s.Next(lane, after, f)
		if err != nil {
			t.Fatalf("%v after %v: %v", lane, after, err)
		}
		if !ok {
			break
		}
		if f.Prev != after || len(want) == 0 {
			t.Fatalf("%v after %v: got (%v..%v], want %d more", lane, after, f.Prev, f.ID, len(want))
		}
		var n int64
		declared := f.Kind == frame.Gap && !sameFrame(f, want[0])
		for declared && len(want) > 0 && !f.ID.Less(want[0].ID) {
			n += int64(want[0].N)
			want = want[1:]
		}
		if declared {
			if g, err := frame.ParseGapInfo(f.Payload); err != nil || g.N != n || n == 0 {
				t.Fatalf("%v: gap (%v..%v] says %+v, want %d samples", lane, f.Prev, f.ID, g, n)
			}
		} else {
			if !sameFrame(f, want[0]) {
				t.Fatalf("%v after %v: got %v, want %v", lane, after, f.ID, want[0].ID)
			}
			want = want[1:]
		}
		after = f.ID
		ends = append(ends, after)
	}
	if len(want) != 0 {
		t.Fatalf("%v ends at %v, want up to %v", lane, after, want[len(want)-1].ID)
	}
	return ends
}

func (m *model) release(t *rapid.T) {
	lane := frame.Lane(rapid.IntRange(0, frame.Lanes-1).Draw(t, "lane"))
	ends := m.read(t, lane)
	if len(ends) == 0 {
		return
	}
	l := &m.lanes[lane]
	l.released = ends[rapid.IntRange(0, len(ends)-1).Draw(t, "upTo")]
	m.s.Release(lane, l.released)
	if rapid.Bool().Draw(t, "sweep") {
		m.s.Sweep()
	}
}

// kill loses what is not committed. After a restart the consumer releases what
// the server has, which the store need not remember.
func (m *model) kill(t *rapid.T) {
	m.o.Dir = copyDir(m.t, m.o.Dir)
	m.s.Close()
	for i := range m.lanes {
		m.lanes[i].pending = nil
	}
	m.open(t, false)
	for i := range m.lanes {
		m.s.Release(frame.Lane(i), m.lanes[i].released)
	}
}

func (m *model) restart(t *rapid.T) {
	if err := m.s.Close(); err != nil {
		t.Fatal(err)
	}
	m.settle()
	m.open(t, true)
}

func (m *model) check(t *rapid.T) {
	for i := range m.lanes {
		if got, want := m.s.Last(frame.Lane(i)), lastCommitted(&m.lanes[i]); got != want {
			t.Fatalf("lane %d: Last %v, want %v", i, got, want)
		}
	}
	if got := dirBytes(m.t, m.o.Dir); got > m.o.MaxBytes {
		t.Fatalf("%d bytes on disk, limit %d", got, m.o.MaxBytes)
	}
}

func lastCommitted(l *modelLane) frame.ID {
	if n := len(l.committed); n > 0 {
		return l.committed[n-1].ID
	}
	return frame.ID{}
}

func TestStoreFollowsModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		o := testOptions(t.TempDir())
		o.MaxBytes = rapid.SampledFrom([]int64{1 << 20, 16 << 20}).Draw(rt, "MaxBytes")
		o.PendingBytes = rapid.SampledFrom([]int{16 << 10, 200 << 10}).Draw(rt, "PendingBytes")
		o.SegmentBytes = 64 << 10
		o.noSync = true
		m := &model{t: t, o: o, precious: rapid.SampledFrom([]int{0, 1, 5, 10}).Draw(rt, "precious")}
		m.open(rt, true)
		defer func() { m.s.Close(); os.RemoveAll(m.o.Dir) }()
		rt.Repeat(map[string]func(*rapid.T){
			"put":     m.put,
			"put2":    m.put,
			"put3":    m.put,
			"commit":  m.commit,
			"commit2": m.commit,
			"read":    func(t *rapid.T) { m.read(t, frame.Lane(rapid.IntRange(0, frame.Lanes-1).Draw(t, "lane"))) },
			"release": m.release,
			"kill":    m.kill,
			"restart": m.restart,
			"":        m.check,
		})
		for i := range m.lanes {
			m.read(rt, frame.Lane(i))
		}
	})
}

// The same with more data than the limit holds, so that drops are many.
func TestModelUnderPressure(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		o := testOptions(t.TempDir())
		o.MaxBytes, o.SegmentBytes, o.PendingBytes = 1<<20, 64<<10, 250<<10
		o.noSync = true
		m := &model{t: t, o: o, precious: rapid.SampledFrom([]int{0, 1, 5, 9, 10}).Draw(rt, "precious")}
		m.open(rt, true)
		defer func() { m.s.Close(); os.RemoveAll(m.o.Dir) }()
		for round := range rapid.IntRange(4, 12).Draw(rt, "rounds") {
			for range rapid.IntRange(1, 4).Draw(rt, "puts") {
				m.pour(rt)
			}
			m.commit(rt)
			m.check(rt)
			switch rapid.IntRange(0, 5).Draw(rt, fmt.Sprintf("round%d", round)) {
			case 0:
				m.kill(rt)
			case 1:
				m.restart(rt)
			case 2:
				m.release(rt)
			}
		}
		for i := range m.lanes {
			m.read(rt, frame.Lane(i))
		}
	})
}

func (m *model) pour(t *rapid.T) {
	lane := frame.Lane(rapid.IntRange(0, frame.Lanes-1).Draw(t, "lane"))
	l := &m.lanes[lane]
	lp := lanePut{lane: lane, last: m.last(l)}
	for range rapid.IntRange(6, 20).Draw(t, "frames") {
		f := m.next(t, &lp, rapid.SampledFrom([]int{500, 9000}).Draw(t, "size"))
		if err := m.s.Put(f); err == ErrPendingFull {
			return
		} else if err != nil {
			t.Fatalf("put %v: %v", f.ID, err)
		}
		l.pending, lp.last = append(l.pending, f), f.ID
	}
}
