package agent

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/agent/process"
	"github.com/telhub/telhub/drivers"
)

// bulb is a lamp that can fail.
type bulb struct {
	mu         *sync.Mutex // the rig's
	on, closed bool
	sets       int
	err        error // of Set
	closeErr   error
}

func (b *bulb) Set(on bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sets++
	if b.err == nil {
		b.on = on
	}
	return b.err
}

func (b *bulb) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed, b.on = true, false
	return b.closeErr
}

// lampRig is indicators with bulbs and alarms that a test sets.
type lampRig struct {
	*indicators
	mu      sync.Mutex // guards all but done; held by the test but while it waits
	bulbs   map[string]*bulb
	missing map[string]error // cannot be opened
	opened  int
	states  []process.AlarmState
	log     *logBuffer
	cancel  context.CancelFunc
	done    chan struct{}
}

// newLampRig starts indicators "horn" (channels 0 and 1) and "lamp" (channel 1).
func newLampRig(missing map[string]error) *lampRig {
	r := &lampRig{
		missing: missing, log: &logBuffer{}, done: make(chan struct{}),
		states: []process.AlarmState{{Channel: 0}, {Channel: 1}, {Channel: 2}},
	}
	r.bulbs = map[string]*bulb{"horn": {mu: &r.mu}, "lamp": {mu: &r.mu}}
	conf := []config.Indicator{{Name: "horn", LED: "H"}, {Name: "lamp", Chip: "gpiochip0", Line: 17}}
	r.indicators = newIndicators(NewLog(config.Log{Level: "info"}, r.log), conf, map[int][]string{0: {"horn"}, 1: {"horn", "lamp"}})
	r.open = func(c *config.Indicator) (Lamp, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.opened++
		if err := r.missing[c.Name]; err != nil {
			var none *bulb
			return none, err // a typed nil, as openLamp's are
		}
		return r.bulbs[c.Name], nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	go func() {
		defer close(r.done)
		r.run(ctx, r.alarms)
	}()
	synctest.Wait()
	r.mu.Lock()
	return r
}

func (r *lampRig) alarms(dst []process.AlarmState) []process.AlarmState {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append(dst, r.states...)
}

// pass lets time pass.
func (r *lampRig) pass(d time.Duration) {
	r.mu.Unlock()
	time.Sleep(d)
	synctest.Wait()
	r.mu.Lock()
}

// set changes the alarms of channels 0, 1, … as the dispatcher does.
func (r *lampRig) set(states ...drivers.Alarm) {
	for i, s := range states {
		r.states[i].State = s
	}
	r.changed()
	r.pass(0)
}

func (r *lampRig) want(t *testing.T, when string, horn, lamp bool) {
	t.Helper()
	if r.bulbs["horn"].on != horn || r.bulbs["lamp"].on != lamp {
		t.Errorf("%s horn and lamp are %v and %v, want %v and %v", when, r.bulbs["horn"].on, r.bulbs["lamp"].on, horn, lamp)
	}
}

func (r *lampRig) stop() {
	r.mu.Unlock()
	r.cancel()
	<-r.done
	r.mu.Lock()
}

// logged counts lines of the log with a text.
func (r *lampRig) logged(text string) int { return strings.Count(r.log.String(), text) }

func TestIndicatorsFollowAlarms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newLampRig(nil)
		r.want(t, "at the start", false, false)
		r.set(drivers.AlarmHigh)
		r.want(t, "with one alarm", true, false)
		r.set(drivers.AlarmHigh, drivers.AlarmStale)
		r.want(t, "with two", true, true)
		r.set(drivers.AlarmClear, drivers.AlarmStale)
		r.want(t, "with the other", true, true)
		r.set(drivers.AlarmClear, drivers.AlarmClear, drivers.AlarmHigh)
		r.want(t, "with one that drives nothing", false, false)
		sets := r.bulbs["horn"].sets
		r.pass(10 * lampRetry)
		if r.bulbs["horn"].sets != sets || r.opened != 2 {
			t.Errorf("a quiet minute switched %d times and opened %d lamps", r.bulbs["horn"].sets-sets, r.opened)
		}
		r.set(drivers.AlarmLow)
		r.stop()
		r.want(t, "at the end", false, false)
		if !r.bulbs["horn"].closed || !r.bulbs["lamp"].closed {
			t.Error("a lamp was not closed")
		}
	})
}

// A lamp that cannot be opened is told of once, tried again, and shows what is
// raised as soon as it is there. Its neighbour works meanwhile.
func TestIndicatorThatCannotBeOpened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newLampRig(map[string]error{"lamp": errors.New("gpio gpiochip0/17: permission denied")})
		r.set(drivers.AlarmClear, drivers.AlarmHigh)
		r.want(t, "without the lamp", true, false)
		r.pass(5 * lampRetry)
		if n := r.logged("permission denied"); n != 1 {
			t.Errorf("the log tells %d times of the lamp, want once: %s", n, r.log)
		}
		if r.opened < 6 {
			t.Errorf("%d attempts to open, want one each %v", r.opened, lampRetry)
		}
		delete(r.missing, "lamp")
		r.pass(lampRetry)
		r.want(t, "with the lamp", true, true)
		if r.logged("works again") != 1 {
			t.Errorf("the log does not tell that the lamp works again: %s", r.log)
		}
		r.stop()
		r.want(t, "at the end", false, false)
	})
}

// A lamp that was never opened ends with the rest.
func TestIndicatorThatNeverWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newLampRig(map[string]error{"horn": errors.New("none"), "lamp": errors.New("none")})
		r.set(drivers.AlarmHigh)
		r.stop()
	})
}

// A lamp that does not obey is tried again until it does.
func TestIndicatorThatCannotBeSwitched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newLampRig(nil)
		horn := r.bulbs["horn"]
		horn.err = errors.New("input/output error")
		r.set(drivers.AlarmHigh)
		r.pass(3 * lampRetry)
		r.want(t, "while it fails", false, false)
		if n := r.logged("input/output error"); n != 1 || horn.sets < 4 {
			t.Errorf("%d attempts, told of %d times; want one each %v, told of once", horn.sets, n, lampRetry)
		}
		horn.err = nil
		r.pass(lampRetry)
		r.want(t, "when it obeys", true, false)
		horn.closeErr = errors.New("no such device")
		r.stop()
		if r.logged("switch off: no such device") != 1 {
			t.Errorf("the log does not tell that the horn may still be on: %s", r.log)
		}
	})
}
