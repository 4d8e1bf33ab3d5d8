package queue

import (
	"fmt"
	"testing"
)

func TestEnqueueKeepsOrderAndPayload(t *testing.T) {
	q, _ := rig(t, Options{})
	var tasks []*Task
	for i := range 600 {
		tasks = append(tasks, &Task{Type: "test", Payload: fmt.Appendf(nil, "p%d\x00\xff", i)})
	}
	receipts := q.mustEnqueue(t, tasks...)
	got := q.entries(t, 0, DefaultQueue, Normal)
	if len(got) != 600 {
		t.Fatalf("got %d entries, want 600", len(got))
	}
	byID := q.all(t, DefaultQueue)
	for i, r := range receipts {
		e, found := byID[r.ID]
		if want := string(tasks[i].Payload); !found || e.payload != want || e.Type != "test" || e.Attempt != 1 || r.Existing || r.Err != nil {
			t.Fatalf("task %d: got %+v for %+v", i, e, r)
		}
	}
}
