package telemetry

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// fill reserves and puts n entries of a lane and returns how many had room.
func fill(q *queue, l lane, n int) (put int) {
	for range n {
		if q.reserve(l, 1) == 1 {
			q.put(item{lane: l, size: 10, since: time.Now()})
			put++
		}
	}
	return put
}

func lanes(items []item) (n [3]int) {
	for _, it := range items {
		n[it.lane]++
	}
	return n
}

func TestQueueTakesAlarmsFirstAndStarvesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1000, 1<<20)
		fill(q, backfill, 500)
		fill(q, live, 500)
		fill(q, alarm, 3)
		for _, want := range [][3]int{{3, 0, 0}, {0, 75, 25}, {0, 75, 25}} {
			if got := lanes(q.take(t.Context(), nil, false, 100, time.Second)); got != want {
				t.Errorf("took %v, want %v", got, want)
			}
		}
		q = newQueue(1000, 1<<20)
		fill(q, backfill, 500)
		fill(q, live, 10)
		if got := lanes(q.take(t.Context(), nil, false, 100, time.Second)); got != [3]int{0, 10, 90} {
			t.Errorf("took %v, want 10 of live and 90 of backfill", got)
		}
	})
}

func TestQueueWaitsForAFullBatchOrFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1000, 1<<20)
		begun := time.Now()
		fill(q, live, 5)
		if got := len(q.take(t.Context(), nil, false, 100, 300*time.Millisecond)); got != 5 || time.Since(begun) != 300*time.Millisecond {
			t.Errorf("took %d after %v, want 5 after 300ms", got, time.Since(begun))
		}
		begun = time.Now()
		fill(q, live, 100)
		if got := len(q.take(t.Context(), nil, false, 100, 300*time.Millisecond)); got != 100 || time.Since(begun) != 0 {
			t.Errorf("took %d after %v, want 100 at once", got, time.Since(begun))
		}
		fill(q, live, 1)
		go func() {
			time.Sleep(100 * time.Millisecond)
			fill(q, alarm, 1)
		}()
		begun = time.Now()
		if got := lanes(q.take(t.Context(), nil, false, 100, 300*time.Millisecond)); got != [3]int{1, 0, 0} || time.Since(begun) != 100*time.Millisecond {
			t.Errorf("took %v after %v, want the alarm when it came", got, time.Since(begun))
		}
	})
}

func TestQueueIsBoundedByLaneAndBytes(t *testing.T) {
	q := newQueue(50, 1000)
	if n := fill(q, live, 60); n != 50 {
		t.Errorf("%d entries had room, want 50", n)
	}
	if n := fill(q, alarm, 60); n != 50 {
		t.Errorf("%d alarms had room beside a full lane, want 50", n)
	}
	if n := fill(q, backfill, 1); n != 0 {
		t.Errorf("there is room with %d bytes of 1000", q.bytes)
	}
	q.take(t.Context(), nil, false, 100, time.Second)
	if n := q.reserve(live, 10); n != 0 {
		t.Errorf("%d places in a full lane", n)
	}
	if n := q.reserve(alarm, 80); n != 50 {
		t.Errorf("%d places in an empty lane, want 50", n)
	}
	if n := q.reserve(alarm, 80); n != 0 {
		t.Errorf("%d places that are reserved already", n)
	}
	q.unreserve(alarm, 50)
	if n := q.reserve(alarm, 80); n != 50 {
		t.Errorf("%d places after they were given back, want 50", n)
	}
}

func TestQueueThatIsClosedEmptiesAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1000, 1<<20)
		done := make(chan int)
		for _, urgent := range []bool{true, false, false} {
			go func() {
				n := 0
				for {
					got := q.take(context.Background(), nil, urgent, 10, time.Hour)
					if len(got) == 0 {
						break
					}
					n += len(got)
				}
				done <- n
			}()
		}
		fill(q, live, 95)
		fill(q, alarm, 5)
		synctest.Wait()
		q.close()
		if n := <-done + <-done + <-done; n != 100 {
			t.Errorf("took %d, want 100", n)
		}
	})
}
