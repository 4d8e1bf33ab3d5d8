package pipeline

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/bmx280"
	"github.com/telhub/telhub/drivers/sim"
)

// weather is two weather sensors on a simulated bus, read each second by their
// driver, and the log of what was done to the bus.
type weather struct {
	*rig
	bus   *sim.I2CBus
	steps []string     // "reopen 1000": the step and when, in ms
	cures atomic.Value // string: the step that ends the fault
}

func newWeather(t *testing.T, extra ...Polled) *weather {
	w := &weather{rig: newRig(t, 6+len(extra)), bus: sim.NewI2CBus("i2c1")}
	var sensors []Polled
	for i := range uint16(2) {
		w.bus.Attach(0x76+i, sim.NewBME280(sim.BMxTypical()))
		opts := bmx280.DefaultOpts(bmx280.BME280)
		opts.Addr += i
		dev, err := bmx280.New(w.bus, opts)
		if err != nil {
			t.Fatal(err)
		}
		sensors = append(sensors, Polled{Name: fmt.Sprintf("s%d", i), Use: "bme280", Sensor: dev, Every: time.Second})
	}
	w.rig.bus(func() error { return w.did("reopen") }, append(sensors, extra...)...)
	w.opts.Buses[0].Steps = []Step{
		{Name: "rebind", Act: func(<-chan struct{}) error { return w.did("rebind") }},
		{Name: "power", Devices: true, Act: func(<-chan struct{}) error {
			w.bus.PowerCycle() // the chips forget their settings, whether that helps or not
			return w.did("power")
		}},
	}
	return w
}

// did notes a step, which may be the one that helps.
func (w *weather) did(step string) error {
	w.steps = append(w.steps, fmt.Sprintf("%s %d", step, (w.now()-boot)/ms))
	if step == w.cures.Load() {
		w.bus.Inject(sim.Fault{})
	}
	return nil
}

// names lists the steps without their instants.
func (w *weather) names() string {
	var list []string
	for _, s := range w.steps {
		list = append(list, s[:strings.IndexByte(s, ' ')])
	}
	return strings.Join(list, " ")
}

func (w *weather) helped() map[string]uint64 {
	m := make(map[string]uint64)
	for _, s := range w.AppendBuses(nil)[0].Steps {
		if s.Helped > 0 {
			m[s.Name] = s.Helped
		}
	}
	return m
}

// A stuck bus recovers by the first step that helps, and is told which that was.
func TestStuckBusRecoversByTheFirstStepThatHelps(t *testing.T) {
	for _, tt := range []struct {
		cures, want string
		within      time.Duration
	}{
		{"reopen", "reopen", 2 * time.Second},
		{"rebind", "reopen rebind reopen", 5 * time.Second},
		{"power", "reopen rebind reopen power reopen", 8 * time.Second},
	} {
		t.Run(tt.cures, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWeather(t)
				w.cures.Store(tt.cures)
				w.start()
				wait(10 * time.Second)
				w.bus.Inject(sim.Fault{Kind: sim.Stuck})
				wait(tt.within)
				if got := w.names(); got != tt.want {
					t.Errorf("steps %v, want %s", w.steps, tt.want)
				}
				if got := w.helped(); len(got) != 1 || got[tt.cures] != 1 {
					t.Errorf("helped: %v, want %s once", got, tt.cures)
				}
				st := w.AppendBuses(nil)[0]
				if st.Broken || st.Step != tt.cures || st.Recoveries != 1 {
					t.Errorf("stats %+v", st)
				}
				if !slices.Contains(w.events, fmt.Sprintf("%d bus0 %s 0 <nil>", BusUp, tt.cures)) {
					t.Errorf("events %q tell of no recovery by %s", w.events, tt.cures)
				}
				wait(time.Minute)
				w.stopAll()
				for c := range uint16(6) { // what lost its supply was initialised again
					values := w.out.values(c)
					if n := len(values); n < 65 || n > 82 {
						t.Errorf("channel %d: %d values in some 80 s", c, n)
					}
					for _, v := range values {
						if v != values[0] {
							t.Errorf("channel %d: %v, want %v as ever", c, v, values[0])
						}
					}
				}
			})
		})
	}
}

// Nothing helps for a day: the steps come ever more rarely, and the bus is
// asked on.
func TestTheLadderBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWeather(t)
		w.bus.Inject(sim.Fault{Kind: sim.Stuck})
		w.start()
		wait(24 * time.Hour)
		count := make(map[string]int)
		for _, s := range w.AppendBuses(nil)[0].Steps {
			count[s.Name] = int(s.Taken)
		}
		// 1, 2, 4 … 60 min, lengthened by up to a quarter; reopened each 30 to 40 s.
		if n := count["power"]; n < 20 || n > 31 {
			t.Errorf("power was cycled %d times in a day", n)
		}
		if n := count["rebind"]; n < 20 || n > 31 {
			t.Errorf("the driver was bound %d times in a day", n)
		}
		if n := count["reopen"]; n < 2000 || n > 2900 {
			t.Errorf("reopened %d times in a day", n)
		}
		w.cures.Store("reopen")
		wait(time.Minute)
		if got := w.AppendBuses(nil)[0]; got.Recoveries != 1 || got.Broken {
			t.Errorf("stats %+v after a reopen that helps", got)
		}
		w.stopAll()
	})
}

// A bus that sticks again and again does not have its supply switched each time.
func TestAFlappingBusIsNotCycledEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWeather(t)
		w.cures.Store("power")
		w.start()
		for range 60 {
			wait(10 * time.Second)
			w.bus.Inject(sim.Fault{Kind: sim.Stuck})
		}
		// 10 minutes: at most at 0, 1, 3 and 7.
		if n := strings.Count(w.names(), "power"); n < 3 || n > 4 {
			t.Errorf("power was cycled %d times in ten minutes: %v", n, w.steps)
		}
		w.stopAll()
	})
}

// A dead device must not cost its neighbours their supply, whether it does not
// acknowledge or hangs, and whether they are asked often or once an hour.
func TestADeadDeviceDoesNotCostItsNeighboursTheirSupply(t *testing.T) {
	for _, kind := range []sim.FaultKind{sim.NACK, sim.Stuck, sim.Arbitration, sim.Unplugged} {
		t.Run(fmt.Sprint(kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWeather(t)
				w.opts.Buses[0].Sensors[1].Every = 20 * time.Minute
				w.start()
				wait(10 * time.Second)
				w.bus.InjectAt(0x76, sim.Fault{Kind: kind})
				wait(time.Hour)
				if len(w.steps) > 0 {
					t.Errorf("steps %v for one dead device", w.steps)
				}
				if s := w.sensor(1); !s.Up || s.Readings < 3 {
					t.Errorf("the neighbour: up %v, %d readings", s.Up, s.Readings)
				}
				w.stopAll()
			})
		})
	}
}

// One of two sensors fails for an hour. The other's samples are all there, none
// of them late, whether the first does not acknowledge or speaks nonsense; where
// it holds the bus until the timeout, that comes between now and then.
func TestANeighbourOfADeadSensorLosesNothing(t *testing.T) {
	for _, tt := range []struct {
		kind    sim.FaultKind
		skipped uint64
		late    time.Duration
	}{
		{sim.NACK, 0, 0},
		{sim.Damaged, 0, 0},
		{sim.Arbitration, 0, 0},
		{sim.Stuck, 0, 100 * time.Millisecond}, // the bus's timeout
	} {
		t.Run(fmt.Sprint(tt.kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWeather(t)
				w.bus.InjectAt(0x76, sim.Fault{Kind: tt.kind})
				w.start()
				wait(time.Hour)
				w.stopAll()
				s := w.sensor(1)
				if s.Skipped != tt.skipped || s.LateMax > tt.late {
					t.Errorf("%d slots skipped, %v late at worst, want %d and %v", s.Skipped, s.LateMax, tt.skipped, tt.late)
				}
				for c := uint16(3); c < 6; c++ {
					if n := len(w.out.values(c)); n != 3600 {
						t.Errorf("channel %d: %d values in an hour, want 3600", c, n)
					}
				}
				stamps := w.out.stamps(3)
				for i, at := range stamps {
					// On its grid, half a second after its neighbour's, 10 ms for the conversion.
					if off := (at - boot - 500*ms) % (1000 * ms); off < 0 || off > int64(tt.late)+20*ms {
						t.Fatalf("value %d is dated %v after its instant", i, time.Duration(off))
					}
				}
				if len(w.steps) > 0 {
					t.Errorf("steps %v", w.steps)
				}
			})
		})
	}
}

// All devices of a sound bus are silent: they may hang, and a power cycle is
// what may help. The controller is left alone.
func TestDevicesThatHangAreCycled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWeather(t)
		w.cures.Store("power")
		w.start()
		wait(10 * time.Second)
		w.bus.Inject(sim.Fault{Kind: sim.NACK})
		wait(20 * time.Second)
		if got := w.names(); got != "power reopen" {
			t.Errorf("steps %v, want power and reopen", w.steps)
		}
		if got := w.helped(); got["power"] != 1 || len(got) != 1 {
			t.Errorf("helped: %v", got)
		}
		if !w.sensor(0).Up || !w.sensor(1).Up {
			t.Error("they do not answer")
		}
		w.stopAll()
	})
}

// A step that cannot be taken is told once and passed over.
func TestAStepThatCannotBeTakenIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWeather(t)
		refused := errors.New("no permission")
		w.opts.Buses[0].Steps[0].Act = func(<-chan struct{}) error { return refused }
		w.bus.Inject(sim.Fault{Kind: sim.Stuck})
		w.start()
		wait(3 * time.Hour)
		if got := w.names(); !strings.HasPrefix(got, "reopen power reopen") || strings.Contains(got, "rebind") {
			t.Errorf("steps %v", w.steps[:min(8, len(w.steps))])
		}
		told := 0
		for _, e := range w.events {
			if strings.Contains(e, "rebind") {
				told++
			}
		}
		if told != 1 {
			t.Errorf("told %d times, want once: %q", told, w.events)
		}
		w.stopAll()
	})
}

// Retries count as the mildest step.
func TestARetryThatHelpsIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWeather(t)
		w.start()
		wait(10 * time.Second)
		for range 5 {
			w.bus.InjectAt(0x76, sim.Fault{Kind: sim.NACK, Times: 1})
			wait(2 * time.Second)
		}
		if got := w.helped(); got["retry"] != 5 || len(got) != 1 {
			t.Errorf("helped: %v, want 5 retries", got)
		}
		if !w.sensor(0).Up {
			t.Error("a retry that helps is no failure")
		}
		w.stopAll()
	})
}

// The ladder allocates nothing while nothing helps, so that a bus which is
// stuck for a year does not feed the collector.
func TestTheLadderAllocatesNothing(t *testing.T) {
	p, _, _ := served(t, &quad{}, 64)
	stuck := func(n int) error { return drivers.ErrTimeout }
	plan := BusPlan{
		Name: "b", Reopen: func() error { return nil }, Look: func() uint64 { return 1 },
		Steps: []Step{{Name: "power", Act: func(<-chan struct{}) error { return nil }, Devices: true}},
		Sensors: []Polled{
			{Name: "a", Sensor: &quad{fail: stuck}, Every: time.Second, Channels: []int{0, 1, 2, 3}},
			{Name: "b", Sensor: &quad{fail: stuck}, Every: time.Second, Channels: []int{-1, -1, -1, -1}},
		},
	}
	b := newBus(&p.in, &plan, nil)
	b.start(p.in.now())
	stop := make(chan struct{})
	round := func() {
		for !b.broken {
			s, _ := b.earliest()
			b.serve(s)
		}
		b.ladder[1].due = 0
		b.recover(stop)
	}
	for range 5 {
		round()
	}
	if got := testing.AllocsPerRun(200, round); got != 0 {
		t.Errorf("%v allocations a round", got)
	}
	if st := b.stats(); st.Steps[2].Taken < 50 {
		t.Errorf("steps %+v: the ladder was not climbed", st.Steps)
	}
}
