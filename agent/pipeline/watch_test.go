package pipeline

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/sim"
)

// An adapter that is away is opened again within a second of its return,
// however long that takes; nothing else is tried.
func TestAnAdapterIsOpenedSoonAfterItsReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWeather(t)
		var present atomic.Uint64
		present.Store(1)
		plan := &w.opts.Buses[0]
		plan.Look = present.Load
		plan.Reopen = func() error {
			if present.Load() == 0 {
				return drivers.ErrUnplugged
			}
			w.bus.Inject(sim.Fault{})
			return w.did("reopen")
		}
		w.start()
		wait(10 * time.Second)
		w.bus.Inject(sim.Fault{Kind: sim.Unplugged})
		present.Store(0)
		wait(8 * time.Hour)
		failed := w.AppendBuses(nil)[0].ReopenFailures
		if failed < 600 || failed > 1000 {
			t.Errorf("opened in vain %d times in 8 hours", failed)
		}
		before := w.sensor(0).Readings
		present.Store(2)
		wait(time.Second)
		if got := w.sensor(0).Readings; got == before {
			t.Error("no reading a second after its return")
		}
		if got := w.names(); got != "reopen" {
			t.Errorf("steps %v", w.steps)
		}
		w.stopAll()
	})
}

// A stream's port is open and silent: it is opened anew, and when that does not
// help its device loses its supply for a moment.
func TestASilentStreamIsCycled(t *testing.T) {
	for _, cures := range []string{"reopen", "power"} {
		t.Run(cures, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, 2)
				p, _ := r.stream()
				cycled := 0
				r.opts.Streams[0].Steps = []Step{{Name: "power", Act: func(<-chan struct{}) error { cycled++; return nil }, Devices: true}}
				r.start()
				p.arrive <- "1"
				wait(40 * time.Second) // reopened after 30 s
				if cures == "power" {
					wait(80 * time.Second) // and after 60 s more, or up to 75 s
				}
				p.arrive <- "2"
				wait(time.Second)
				for _, s := range r.sensor(0).Steps {
					if want := map[bool]uint64{true: 1}[s.Name == cures]; s.Helped != want {
						t.Errorf("%s helped %d times, want %d", s.Name, s.Helped, want)
					}
				}
				if want := map[string]int{"power": 1}[cures]; cycled != want {
					t.Errorf("cycled %d times, want %d", cycled, want)
				}
				r.stopAll()
			})
		})
	}
}

// A port that was away for hours is opened within a second of its return.
func TestAPortIsOpenedSoonAfterItsReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		p, _ := r.stream()
		var present atomic.Uint64
		present.Store(1)
		r.opts.Streams[0].Look = present.Load
		p.refuse = func(int) error {
			if present.Load() == 0 {
				return drivers.ErrUnplugged
			}
			return nil
		}
		r.start()
		p.arrive <- "1"
		present.Store(0)
		p.gone <- drivers.ErrUnplugged
		wait(8 * time.Hour)
		if n := len(p.reopened); n < 2000 || n > 3000 { // each 10 to 12.5 s, as without Look
			t.Errorf("opened in vain %d times in 8 hours", n)
		}
		present.Store(2)
		wait(time.Second)
		select {
		case p.arrive <- "2":
		default:
			t.Fatal("not open a second after its return")
		}
		wait(time.Second)
		if s := r.sensor(0); !s.Up || s.Steps[0].Helped != 1 {
			t.Errorf("up %v, steps %+v", s.Up, s.Steps)
		}
		r.stopAll()
	})
}
