package uplink

import (
	"testing"

	"github.com/telhub/telhub/uplink/frame"
)

func newTestLane(pool *frame.Pool, n int) *lane {
	l := &lane{lane: frame.Live, q: make([]*frame.Frame, 0, 32)}
	for range n {
		f := pool.Get(16)
		f.N, f.T0, f.T1 = 10, 100, 200
		l.number(f, 7)
		l.push(f)
	}
	return l
}

func testPool() *frame.Pool { return frame.NewPool(frame.PoolSize{Small: 32, SmallBytes: 64}) }

func id(epoch, seq uint64) frame.ID { return frame.ID{Epoch: epoch, Seq: seq} }

func TestLaneNumbersFromOneInEachEpoch(t *testing.T) {
	l := newTestLane(testPool(), 2)
	f := &frame.Frame{}
	l.number(f, 9)
	if f.ID != id(9, 1) || f.Prev != id(7, 2) {
		t.Errorf("first frame of a new epoch is %v after %v, want 9/1 after 7/2", f.ID, f.Prev)
	}
}

func TestLaneReleasesOnlyWhatIsDurable(t *testing.T) {
	pool := testPool()
	l := newTestLane(pool, 5)
	var batch [MaxBatch]*frame.Frame
	if n := l.take(batch[:3], 1<<20); n != 3 {
		t.Fatalf("took %d, want 3", n)
	}
	l.acknowledge()
	if l.accepted != id(7, 3) || len(l.q) != 5 {
		t.Fatalf("accepted %v with %d held, want 7/3 with 5", l.accepted, len(l.q))
	}
	l.settle(id(7, 2))
	if len(l.q) != 3 || l.sent != 1 || l.q[0].ID != id(7, 3) {
		t.Errorf("after settling 7/2: %d held, %d accepted", len(l.q), l.sent)
	}
	if free, _ := pool.Available(); free != 29 {
		t.Errorf("%d frames free, want 29", free)
	}
}

func TestLaneResendsWhatTheServerLost(t *testing.T) {
	l := newTestLane(testPool(), 5)
	l.opened = true
	var batch [MaxBatch]*frame.Frame
	l.take(batch[:4], 1<<20)
	l.acknowledge()
	l.settle(id(7, 1))
	if missing := l.position(id(7, 2)); !missing.empty() {
		t.Errorf("gap %v for frames that are still held", missing)
	}
	if got := l.head().ID; got != id(7, 3) {
		t.Errorf("goes on with %v, want 7/3", got)
	}
	missing := l.position(id(6, 9))
	if missing.from != id(6, 9) || missing.to != id(7, 1) || missing.cause != frame.ServerRewind {
		t.Errorf("missing %+v, want 6/9 to 7/1", missing)
	}
	if got := l.head().ID; got != id(7, 2) {
		t.Errorf("goes on with %v, want 7/2", got)
	}
}

func TestLaneSkipsWhatArrivedAfterAll(t *testing.T) {
	l := newTestLane(testPool(), 5)
	var batch [MaxBatch]*frame.Frame
	l.take(batch[:], 1<<20)
	l.putBack()
	l.position(id(7, 4))
	if got := l.head().ID; got != id(7, 5) {
		t.Errorf("goes on with %v, want 7/5", got)
	}
}

func TestLaneGivesUpTheOldestAndRemembersIt(t *testing.T) {
	pool := testPool()
	l := newTestLane(pool, 5)
	var batch [MaxBatch]*frame.Frame
	l.take(batch[:1], 1<<20)
	if _, ok := l.giveUp(frame.StoreOff); ok {
		t.Fatal("gave up a frame while its batch was under way")
	}
	l.acknowledge()
	for range 2 {
		if n, ok := l.giveUp(frame.StoreOff); !ok || n != 10 {
			t.Fatalf("giveUp = %d, %v", n, ok)
		}
	}
	if l.hole.from != id(7, 1) || l.hole.to != id(7, 3) || l.hole.n != 20 {
		t.Errorf("hole %+v, want 7/1 to 7/3 with 20 samples", l.hole)
	}
	if l.head().ID != id(7, 4) || len(l.q) != 3 {
		t.Errorf("goes on with %v, %d held", l.head().ID, len(l.q))
	}
	l.position(id(7, 3))
	if !l.hole.empty() {
		t.Errorf("hole %+v remains although its frames had arrived", l.hole)
	}
}

func TestLaneTakesNoMoreThanFits(t *testing.T) {
	l := newTestLane(testPool(), 4)
	for _, f := range l.q {
		f.Payload = f.Payload[:60]
	}
	var batch [MaxBatch]*frame.Frame
	if n := l.take(batch[:], 130); n != 2 {
		t.Errorf("took %d frames of 60 bytes for 130, want 2", n)
	}
	l.putBack()
	if n := l.take(batch[:], 10); n != 1 {
		t.Errorf("took %d, want one frame however large", n)
	}
}

func TestLaneRenumbers(t *testing.T) {
	l := newTestLane(testPool(), 2)
	l.renumber(7, 12)
	if l.q[0].ID != id(12, 1) || l.q[1].Prev != id(12, 1) || l.last != id(12, 2) {
		t.Errorf("renumbered to %v, %v after %v, last %v", l.q[0].ID, l.q[1].ID, l.q[1].Prev, l.last)
	}
}

func TestFramesBeforeAHoleGoBeforeIt(t *testing.T) {
	l := newTestLane(testPool(), 6)
	l.opened = true
	var batch [MaxBatch]*frame.Frame
	l.take(batch[:2], 1<<20)
	l.acknowledge() // 1 and 2
	for range 2 {
		l.giveUp(frame.StoreOff) // 3 and 4
	}
	l.position(id(7, 1)) // the server lost 2
	if l.holeFirst() {
		t.Error("the hole 3 to 4 goes before frame 2, which the server would then skip")
	}
	if n := l.take(batch[:], 1<<20); n != 1 || batch[0].ID != id(7, 2) {
		t.Fatalf("%d frames go before the hole, want 7/2 alone", n)
	}
	l.acknowledge()
	if !l.holeFirst() {
		t.Error("the hole does not go before frame 5")
	}
}

func TestAHoleThatArrivedInPartHasNoNumber(t *testing.T) {
	l := newTestLane(testPool(), 6)
	for range 4 {
		l.giveUp(frame.StoreOff)
	}
	l.position(id(7, 2)) // an append whose answer was lost
	if l.hole.from != id(7, 2) || l.hole.to != id(7, 4) || l.hole.n != -1 {
		t.Errorf("hole %+v, want 7/2 to 7/4 without a number", l.hole)
	}
}

func TestWhatWasDurableAndIsStillHereIsNoLoss(t *testing.T) {
	l := newTestLane(testPool(), 4)
	l.opened = true
	l.position(id(0, 0)) // the server has forgotten all …
	l.settle(id(7, 3))   // … after it had confirmed this
	if missing := l.position(id(0, 0)); !missing.empty() {
		t.Errorf("missing %+v although memory holds it", missing)
	}
}

func TestAHoleEndsWithWhatArrives(t *testing.T) {
	l := newTestLane(testPool(), 4)
	l.hole = gap{to: id(7, 3), n: -1}
	var batch [MaxBatch]*frame.Frame
	l.take(batch[:2], 1<<20)
	l.acknowledge()
	if l.hole.from != id(7, 2) || l.hole.to != id(7, 3) {
		t.Errorf("hole %+v after 7/2 arrived, want 7/2 to 7/3", l.hole)
	}
	l.take(batch[:1], 1<<20)
	l.acknowledge()
	if !l.hole.empty() {
		t.Errorf("hole %+v after all of it arrived: its record would take the number of frame 7/3", l.hole)
	}
}
