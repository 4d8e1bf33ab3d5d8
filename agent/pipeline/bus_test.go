package pipeline

import (
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telhub/telhub/drivers"
)

// every returns the multiples of step from first that lie below end.
func every(first, step, end int64) (at []int64) {
	for t := first; t < end; t += step {
		at = append(at, t)
	}
	return at
}

func TestReadingsLieOnTheGrid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		d := r.device()
		d.read = func(n int, dst *drivers.Reading) (time.Duration, error) {
			pass(time.Duration(n%7) * time.Millisecond) // never accumulates
			dst.Set(0, float64(n))
			return 0, nil
		}
		r.bus(nil, d.polled("a", 100*time.Millisecond))
		r.start()
		wait(1950 * time.Millisecond)
		equal(t, "reads", d.reads, every(0, 100, 1950))
		if s := r.sensor(0); s.Skipped != 0 || s.LateMax != 0 {
			t.Errorf("skipped %d, late %v, want none", s.Skipped, s.LateMax)
		}
		r.stopAll()
		values := r.out.values(0)
		for i, v := range values {
			if v != float64(i) {
				t.Fatalf("value %d is %v", i, v)
			}
		}
		if len(values) != 20 {
			t.Errorf("%d values, want 20", len(values))
		}
	})
}

func TestReadingIsDatedToTheMiddleOfItsTransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		plain, own := r.device(), r.device()
		plain.read = func(n int, dst *drivers.Reading) (time.Duration, error) {
			pass(10 * time.Millisecond)
			dst.Set(0, 1)
			return 0, nil
		}
		own.read = func(n int, dst *drivers.Reading) (time.Duration, error) {
			dst.Stamp = 42
			dst.Set(0, 1)
			return 0, nil
		}
		r.bus(nil, plain.polled("plain", time.Minute), own.polled("own", time.Minute))
		r.start()
		wait(2 * time.Second)
		r.stopAll()
		if got, want := r.Latest().Get(0).Stamp, boot+5*ms; got != want {
			t.Errorf("stamp %d, want %d", got, want)
		}
		if got := r.Latest().Get(1).Stamp; got != 42 {
			t.Errorf("the driver's own stamp became %d", got)
		}
	})
}

func TestPhasesAreStaggered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 4)
		var devices []*device
		var plans []Polled
		for _, period := range []time.Duration{time.Second, time.Second, time.Minute, 100 * time.Millisecond} {
			d := r.device()
			devices, plans = append(devices, d), append(plans, d.polled("s", period))
		}
		r.bus(nil, plans...)
		r.start()
		wait(2200 * time.Millisecond)
		r.stopAll()
		equal(t, "first", devices[0].reads, []int64{0, 1000, 2000})
		equal(t, "second", devices[1].reads, []int64{250, 1250})
		equal(t, "a slow one starts within the second", devices[2].reads, []int64{500})
		equal(t, "a fast one starts within its period", devices[3].reads[:3], []int64{75, 175, 275})
	})
}

func TestSlowReadSkipsSlotsAndCountsThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		d := r.device()
		d.read = func(n int, dst *drivers.Reading) (time.Duration, error) {
			pass(25 * time.Millisecond)
			dst.Set(0, 1)
			return 0, nil
		}
		r.bus(nil, d.polled("slow", 10*time.Millisecond))
		r.start()
		wait(999 * time.Millisecond)
		// Read continuously: 40 begun by 999 ms, of the 100 slots that began.
		equal(t, "reads", d.reads, every(0, 25, 999))
		s := r.sensor(0)
		if got := int(s.Skipped) + len(d.reads); got < 98 || got > 100 {
			t.Errorf("%d skipped + %d read, want the 100 slots but for the last ones", s.Skipped, len(d.reads))
		}
		if s.LateMax < 15*time.Millisecond || s.LateMax > 30*time.Millisecond {
			t.Errorf("worst lateness %v", s.LateMax)
		}
		r.stopAll()
	})
}

func TestConversionLetsNeighboursIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		slow, fast := r.device(), r.device()
		slow.read = func(n int, dst *drivers.Reading) (time.Duration, error) {
			if n%3 < 2 {
				return 40 * time.Millisecond, nil
			}
			dst.Set(0, 1)
			return 0, nil
		}
		r.bus(nil, slow.polled("slow", 200*time.Millisecond), fast.polled("fast", 10*time.Millisecond))
		r.start()
		wait(399 * time.Millisecond)
		equal(t, "converting", slow.reads, []int64{0, 40, 80, 200, 240, 280})
		equal(t, "neighbour", fast.reads, every(5, 10, 399))
		r.stopAll()
		if got := r.Latest().Get(0).Stamp; got != boot+200*ms {
			t.Errorf("dated %d ms, want when the conversion began, 200", (got-boot)/ms)
		}
	})
}

func TestDeadNeighbourDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		dead, alive := r.device(), r.device()
		dead.init = func(int) error { return drivers.ErrNACK }
		r.bus(nil, dead.polled("dead", 100*time.Millisecond), alive.polled("alive", 100*time.Millisecond))
		r.start()
		wait(10 * time.Second)
		r.stopAll()
		equal(t, "alive", alive.reads, every(50, 100, 10000))
		equal(t, "status", r.out.statuses(0), []string{"0 lost"})
		if r.sensor(0).Up || !r.sensor(1).Up {
			t.Errorf("up: %v, %v", r.sensor(0).Up, r.sensor(1).Up)
		}
		if r.Latest().Get(0).Quality != drivers.Lost {
			t.Errorf("latest says %v", r.Latest().Get(0).Quality)
		}
	})
}

// A device that hangs until the bus times out blocks its neighbours while it
// does: the attempts must be rare.
func TestHangingNeighbourCostsLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		hung, alive := r.device(), r.device()
		hung.read = func(int, *drivers.Reading) (time.Duration, error) {
			pass(200 * time.Millisecond)
			return 0, drivers.ErrTimeout
		}
		r.bus(nil, hung.polled("hung", 50*time.Millisecond), alive.polled("alive", 50*time.Millisecond))
		r.start()
		wait(time.Minute)
		r.stopAll()
		if got := len(alive.reads); got < 1200*94/100 {
			t.Errorf("the neighbour was read %d times of 1200", got)
		}
		if got := len(hung.reads); got < 10 {
			t.Errorf("the hung device was tried %d times only", got)
		}
	})
}

func TestStuckBusIsReopenedAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		var stuck atomic.Bool
		var reopened []int64
		read := func(n int, dst *drivers.Reading) (time.Duration, error) {
			if stuck.Load() {
				return 0, drivers.ErrBus
			}
			dst.Set(0, 1)
			return 0, nil
		}
		a, b := r.device(), r.device()
		a.read, b.read = read, read
		reopen := func() error {
			reopened = append(reopened, (r.now()-boot)/ms)
			stuck.Store(len(reopened) < 3) // the third attempt helps
			return nil
		}
		r.bus(reopen, a.polled("a", 100*time.Millisecond), b.polled("b", 100*time.Millisecond))
		r.start()
		wait(999 * time.Millisecond)
		stuck.Store(true)
		wait(9 * time.Second)
		if len(reopened) != 3 || reopened[0] != 1050 || reopened[1] < 2050 || reopened[1] > 2300 ||
			reopened[2]-reopened[1] < 2000 || reopened[2]-reopened[1] > 2500 {
			t.Errorf("reopened at %v, want at once when both failed, after 1 s and after 2 s", reopened)
		}
		got := r.AppendBuses(nil)[0]
		if got.Reopens != 3 || got.Recoveries != 1 || got.Broken {
			t.Errorf("stats %+v", got)
		}
		r.stopAll()
		for c := range uint16(2) {
			if s := r.out.statuses(c); len(s) != 2 {
				t.Errorf("channel %d: statuses %v, want lost and ok", c, s)
			}
		}
		if got := len(a.inits); got != 4 {
			t.Errorf("%d initialisations, want one at start and one a reopen", got)
		}
		if i := slices.Index(a.reads, reopened[2]); i < 0 || a.reads[i+1]%100 != 0 {
			t.Errorf("after the recovery: reads %v, want at once and on the grid again", a.reads[max(i, 0):])
		}
	})
}

func TestOneAnsweringSensorKeepsTheBusOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		dead, alive := r.device(), r.device()
		dead.read = func(int, *drivers.Reading) (time.Duration, error) { return 0, drivers.ErrTimeout }
		reopened := 0
		r.bus(func() error { reopened++; return nil },
			dead.polled("dead", 100*time.Millisecond), alive.polled("alive", time.Hour))
		r.start()
		wait(10 * time.Minute)
		r.stopAll()
		if reopened != 0 {
			t.Errorf("reopened %d times", reopened)
		}
		// The slow neighbour is asked early once, to tell a device from the bus.
		if len(alive.reads) != 2 || alive.reads[1] > 2000 {
			t.Errorf("neighbour asked at %v ms", alive.reads)
		}
	})
}

func TestUnpluggedAdapterIsReopenedUntilItIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		var gone atomic.Bool
		var attempts []int64
		a, b := r.device(), r.device()
		a.read = func(n int, dst *drivers.Reading) (time.Duration, error) {
			if gone.Load() {
				return 0, drivers.ErrUnplugged
			}
			dst.Set(0, 1)
			return 0, nil
		}
		reopen := func() error {
			attempts = append(attempts, (r.now()-boot)/ms)
			if gone.Load() {
				return drivers.ErrUnplugged
			}
			return nil
		}
		r.bus(reopen, a.polled("a", 100*time.Millisecond), b.polled("b", time.Hour))
		r.start()
		wait(2 * time.Second)
		gone.Store(true)
		wait(3 * time.Minute)
		if got := r.AppendBuses(nil)[0]; !got.Broken || got.LastError != drivers.ErrUnplugged.Error() {
			t.Errorf("stats %+v", got)
		}
		gone.Store(false)
		wait(40 * time.Second)
		r.stopAll()
		for i := 2; i < len(attempts); i++ {
			if d := attempts[i] - attempts[i-1]; d < 1000 || d > 37500 {
				t.Errorf("attempt %d after %d ms", i, d)
			}
		}
		if n := len(attempts); n < 8 || n > 14 {
			t.Errorf("%d attempts in 3 minutes", n)
		}
		for c := range uint16(2) { // b was never asked while the adapter was away
			if s := r.out.statuses(c); len(s) != 2 {
				t.Errorf("channel %d: statuses %v, want lost and ok", c, s)
			}
		}
	})
}

// A sensor that is not there says nothing about the bus, until it is asked
// again: then it blames the bus as well.
func TestAbsentSensorDoesNotHideAStuckBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		var stuck atomic.Bool
		var reopened []int64
		absent, present := r.device(), r.device()
		read := func(n int, dst *drivers.Reading) (time.Duration, error) {
			if stuck.Load() {
				return 0, drivers.ErrTimeout
			}
			dst.Set(0, 1)
			return 0, nil
		}
		present.read = read
		absent.init = func(int) error {
			if stuck.Load() {
				return drivers.ErrTimeout
			}
			return drivers.ErrNACK
		}
		r.bus(func() error {
			reopened = append(reopened, (r.now()-boot)/ms)
			stuck.Store(false)
			return nil
		}, absent.polled("absent", time.Minute), present.polled("present", time.Second))
		r.start()
		wait(90 * time.Second)
		stuck.Store(true)
		wait(20 * time.Second)
		r.stopAll()
		if len(reopened) != 1 || reopened[0] > 100_000 {
			t.Errorf("reopened at %v ms, want once, soon after 90 s", reopened)
		}
		if got := len(r.out.statuses(1)); got != 2 {
			t.Errorf("statuses %v, want lost and ok", r.out.statuses(1))
		}
	})
}
