package pipeline

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink/frame"
)

func TestStopSubmitsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 3)
		d := r.device()
		r.bus(nil, d.polled("a", time.Millisecond), r.device().polled("b", 7*time.Millisecond),
			r.device().polled("c", time.Second))
		r.start()
		wait(1234567 * time.Microsecond)
		if a := r.Accounting(); a.Waiting == 0 {
			t.Error("nothing waits at Stop: the test shows nothing")
		}
		r.stopAll()
		if a := r.Accounting(); a.Acquired != uint64(1235+177+1) || a.Lost != 0 {
			t.Errorf("accounting %+v", a)
		}
	})
}

func TestStopDeclaresWhatItMustGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.opts.Capacity = 500
		r.opts.Pool = frame.NewPool(frame.PoolSize{Small: 1, SmallBytes: 16 << 10})
		r.start()
		r.out.hold()
		r.push(0, 400)
		wait(time.Millisecond)
		r.push(400, 600)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		err := r.Stop(ctx)
		if err == nil {
			t.Error("Stop says nothing of what it gave up")
		}
		r.balance()
		if a := r.Accounting(); a.Framed != 256 || a.Lost != 744 || a.Abandoned != 744 {
			t.Errorf("accounting %+v", a)
		}
		r.counting()
	})
}

func TestStopGivesUpOnAHangingDriver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		d, release := r.device(), make(chan struct{})
		d.read = func(n int, dst *drivers.Reading) (time.Duration, error) {
			<-release
			dst.Set(0, 1)
			return 0, nil
		}
		r.bus(nil, d.polled("hung", time.Second))
		r.start()
		wait(5 * time.Second)
		if s := r.sensor(0); s.InCall != 5*time.Second {
			t.Errorf("in the driver's call for %v, want 5s", s.InCall)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := r.Stop(ctx)
		if want := "pipeline: stop: sensors still in a driver's call: [hung]"; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		close(release)
		wait(time.Second)
		if a := r.Accounting(); a.Acquired != 0 {
			t.Errorf("a reading after Stop was acquired: %+v", a)
		}
	})
}
