package pipeline

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telhub/telhub/drivers"
)

// script is a device whose reads go as listed, then succeed. A nil error is a
// value.
func (r *rig) script(errs ...error) *device {
	d := r.device()
	d.read = func(n int, dst *drivers.Reading) (time.Duration, error) {
		if n < len(errs) && errs[n] != nil {
			return 0, errs[n]
		}
		dst.Set(0, float64(n))
		return 0, nil
	}
	return d
}

func TestTransientErrorIsRetriedAtOnce(t *testing.T) {
	for _, err := range []error{drivers.ErrNACK, drivers.ErrCRC, drivers.ErrShort, drivers.ErrBus} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, 1)
			d := r.script(nil, err, fmt.Errorf("fake 0x40: %w", err))
			r.bus(nil, d.polled("a", time.Second))
			r.start()
			wait(2500 * time.Millisecond)
			r.stopAll()
			equal(t, err.Error(), d.reads, []int64{0, 1000, 1000, 1000, 2000})
			equal(t, "values", r.out.values(0), []float64{0, 3, 4})
			equal(t, "statuses", r.out.statuses(0), nil)
			s := r.sensor(0)
			if got := s.Errors[classify(err)]; got != 2 {
				t.Errorf("%v counted %d times, want 2", err, got)
			}
			if s.LastErrorAt != boot+1000*ms {
				t.Errorf("last error %q at %d", s.LastError, s.LastErrorAt)
			}
		})
	}
}

func TestTimeoutIsNotRetriedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		d := r.script(nil, drivers.ErrTimeout)
		r.bus(nil, d.polled("a", time.Second))
		r.start()
		wait(4 * time.Second)
		r.stopAll()
		if len(d.reads) < 3 || d.reads[2] < 2000 || d.reads[2] > 2250 {
			t.Errorf("reads %v, want the third after a period and its jitter", d.reads)
		}
		equal(t, "statuses", r.out.statuses(0)[:1], []string{"1000 lost"})
	})
}

func TestDeadSensorBacksOffAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		var dead atomic.Bool
		dead.Store(true)
		d := r.device()
		d.init = func(int) error {
			if dead.Load() {
				return drivers.ErrIdentity
			}
			return nil
		}
		r.bus(nil, d.polled("a", 10*time.Second))
		r.start()
		wait(10 * time.Minute)
		dead.Store(false)
		wait(90 * time.Second)
		r.stopAll()
		want := []int64{10e3, 20e3, 40e3, 60e3, 60e3, 60e3}
		for i, w := range want {
			if got := d.inits[i+1] - d.inits[i]; got < w || got > w*5/4 {
				t.Errorf("attempt %d after %d ms, want %d and up to a quarter more", i+1, got, w)
			}
		}
		if len(d.reads) < 2 {
			t.Fatalf("reads %v, want some", d.reads)
		}
		if got := d.reads[1]; got%10000 != 0 || got-d.reads[0] >= 10000 {
			t.Errorf("reads %v, want the second on the grid again", d.reads)
		}
		s := r.out.statuses(0)
		if len(s) != 2 || s[0] != "0 bad" || s[1] != fmt.Sprintf("%d ok", d.reads[0]) {
			t.Errorf("statuses %v, want bad at 0 and ok at %d", s, d.reads[0])
		}
		equal(t, "events", r.events, []string{
			fmt.Sprintf("%d a 0 %v", SensorDown, drivers.ErrIdentity),
			fmt.Sprintf("%d a 0 <nil>", SensorUp),
		})
	})
}

func TestNotMeasuredIsBadNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		d := r.script(nil, drivers.ErrInvalid, drivers.ErrInvalid)
		r.bus(nil, d.polled("a", time.Second))
		r.start()
		wait(4500 * time.Millisecond)
		equal(t, "no back-off", d.reads, every(0, 1000, 4500))
		equal(t, "initialised again after the first and the second", d.inits, []int64{0, 2000, 3000})
		if !r.sensor(0).Up {
			t.Error("a sensor that answers counts as down")
		}
		r.stopAll()
		equal(t, "statuses", r.out.statuses(0), []string{"1000 bad", "3000 ok"})
		equal(t, "values", r.out.values(0), []float64{0, 3, 4})
	})
}

func TestNotReadyIsAskedAgainWithinTheSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		d := r.script(nil, drivers.ErrNotReady, drivers.ErrNotReady)
		r.bus(nil, d.polled("a", 800*time.Millisecond))
		r.start()
		wait(1700 * time.Millisecond)
		r.stopAll()
		equal(t, "reads", d.reads, []int64{0, 800, 900, 1000, 1600})
		s := r.sensor(0)
		if s.Errors != [ErrorKinds]uint64{} || len(d.inits) != 1 || len(r.out.statuses(0)) != 0 {
			t.Errorf("not being ready is no error: %+v", s)
		}
	})
}

func TestSilentOutputsBecomeStaleAfterThreePeriods(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		never := r.device()
		never.read = func(int, *drivers.Reading) (time.Duration, error) { return 0, drivers.ErrNotReady }
		sometimes := r.device()
		sometimes.read = func(n int, dst *drivers.Reading) (time.Duration, error) {
			if n < 2 || n > 6 {
				dst.Set(0, 1)
			}
			return 0, nil
		}
		r.bus(nil, never.polled("never", time.Second), sometimes.polled("sometimes", time.Second))
		r.start()
		wait(9 * time.Second)
		r.stopAll()
		if s := r.out.statuses(0); len(s) != 1 || s[0] < "3000 stale" || s[0] > "4000 stale" {
			t.Errorf("never: %v", s)
		}
		equal(t, "sometimes", r.out.statuses(1), []string{"4500 stale", "7500 ok"})
	})
}

func TestEndlessConversionIsATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		d := r.device()
		d.read = func(int, *drivers.Reading) (time.Duration, error) { return time.Second, nil }
		r.bus(nil, d.polled("a", time.Second))
		r.start()
		wait(40 * time.Second)
		r.stopAll()
		if got := r.sensor(0).Errors[Timeout]; got != 1 {
			t.Errorf("%d timeouts, want 1", got)
		}
		equal(t, "statuses", r.out.statuses(0), []string{"31000 lost"})
	})
}

func TestExcludedOutputsAreNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		d := r.device()
		p := d.polled("a", time.Second)
		p.Channels = []int{-1}
		r.opts.Buses = []BusPlan{{Name: "b", Sensors: []Polled{p}}}
		r.start()
		wait(3 * time.Second)
		r.stopAll()
		if a := r.Accounting(); a.Acquired != 0 || r.sensor(0).Readings != 4 {
			t.Errorf("acquired %d of %d readings", a.Acquired, r.sensor(0).Readings)
		}
	})
}

func TestErrorKinds(t *testing.T) {
	kinds := map[error]string{
		drivers.ErrNACK: "nack", drivers.ErrTimeout: "timeout", drivers.ErrBus: "bus", drivers.ErrCRC: "crc",
		drivers.ErrInvalid: "invalid", drivers.ErrIdentity: "identity", drivers.ErrShort: "short",
		drivers.ErrUnplugged: "unplugged", drivers.ErrBusy: "busy", errors.New("?"): "other",
	}
	if len(kinds) != ErrorKinds {
		t.Errorf("%d kinds tested, there are %d", len(kinds), ErrorKinds)
	}
	for err, want := range kinds {
		if got := classify(fmt.Errorf("chip 0x40: read: %w", err)).String(); got != want {
			t.Errorf("%v is %q, want %q", err, got, want)
		}
	}
}
