package agent

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telhub/telhub/uplink/frame"
)

// A disk hangs in a read: the sender waits half a second once, then not at all,
// and has its frame when the disk goes on.
func TestAReadThatHangsHoldsTheSenderUpOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk, reads := make(chan struct{}), 0
		r := newSpoolReader(func(lane frame.Lane, after frame.ID, dst *frame.Frame) (bool, error) {
			<-disk
			reads++
			dst.ID, dst.Prev = frame.ID{Epoch: 1, Seq: after.Seq + 1}, after
			dst.Payload = append(dst.Payload[:0], "payload"...)
			return true, nil
		})
		go r.run()
		defer r.close()
		var f frame.Frame
		for i, want := range []time.Duration{readWait, 0, 0} {
			begun := time.Now()
			if ok, err := r.next(frame.Live, frame.ID{Epoch: 1, Seq: 6}, &f); ok || !errors.Is(err, errReadHangs) {
				t.Errorf("read %d: %v, %v; want errReadHangs", i, ok, err)
			}
			if took := time.Since(begun); took != want {
				t.Errorf("read %d took %v, want %v", i, took, want)
			}
		}
		close(disk)
		synctest.Wait()
		if ok, err := r.next(frame.Live, frame.ID{Epoch: 1, Seq: 7}, &f); !ok || err != nil || f.ID.Seq != 8 || string(f.Payload) != "payload" {
			t.Errorf("from the disk that goes on: %v, %v, frame %v %q; want number 8", ok, err, f.ID, f.Payload)
		}
		if r.hangs() || reads != 2 {
			t.Errorf("hangs is %v after %d reads, want false after 2", r.hangs(), reads)
		}
	})
}

func TestReadingTheSpoolAllocatesNothing(t *testing.T) {
	r := newSpoolReader(func(_ frame.Lane, _ frame.ID, dst *frame.Frame) (bool, error) {
		dst.Payload = append(dst.Payload[:0], "payload"...)
		return true, nil
	})
	go r.run()
	defer r.close()
	f := frame.Frame{Payload: make([]byte, 0, 16)}
	if n := testing.AllocsPerRun(1000, func() { r.next(frame.Live, frame.ID{}, &f) }); n != 0 {
		t.Errorf("%v allocations a frame, want none", n)
	}
}
