package worker

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

type testKey struct{}

// newContext is a task's context that ends in a minute.
func newContext() *taskContext {
	return &taskContext{pool: context.WithValue(context.Background(), testKey{}, 7), task: &task{}, deadline: time.Now().Add(time.Minute)}
}

func TestTaskContextEndsAtItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, begin := newContext(), time.Now()
		child, cancel := context.WithCancel(c)
		defer cancel()
		if c.Err() != nil || c.Value(testKey{}) != 7 || c.Value(taskKey{}) != c.task {
			t.Errorf("a new context: %v, %v", c.Err(), c.Value(testKey{}))
		}
		<-child.Done()
		if took := time.Since(begin); took != time.Minute || c.Err() != context.DeadlineExceeded || child.Err() != context.DeadlineExceeded {
			t.Errorf("ended after %v with %v, its child with %v", took, c.Err(), child.Err())
		}
		<-c.Done()
	})
}

func TestTaskContextTellsItsEndWithoutATimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newContext()
		time.Sleep(time.Minute)
		if c.Err() != context.DeadlineExceeded {
			t.Errorf("got %v", c.Err())
		}
		<-c.Done()
	})
}

func TestTaskContextIsCanceledOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newContext()
		calls := make(chan int, 3)
		stop := c.AfterFunc(func() { calls <- 1 })
		c.AfterFunc(func() { calls <- 2 })
		if !stop() || stop() {
			t.Error("stop does not stop once")
		}
		done := c.Done()
		c.end(context.Canceled)
		c.end(context.DeadlineExceeded)
		<-done
		c.AfterFunc(func() { calls <- 3 })
		synctest.Wait()
		if c.Err() != context.Canceled || len(calls) != 2 || <-calls+<-calls != 5 {
			t.Errorf("ended with %v", c.Err())
		}
	})
}

func TestTaskContextCostsNothingUnlessAsked(t *testing.T) {
	c := newContext()
	if n := testing.AllocsPerRun(100, func() {
		c.err = nil
		if c.Err() != nil {
			t.Error(c.Err())
		}
		c.end(context.Canceled)
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
