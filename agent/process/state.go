package process

import (
	"github.com/telhub/telhub/agent/process/expr"
	"github.com/telhub/telhub/drivers"
)

// AlarmState is what is known of a channel's alarm.
type AlarmState struct {
	Channel int
	State   drivers.Alarm
	Since   int64   // stamp of the event, ns of CLOCK_BOOTTIME; 0 = before this run, or never
	Value   float64 // of the channel at that event
	Level   string  // severity
}

// AppendAlarms appends the state of every alarm of the plan, raised or not, in
// the order of channels. Anybody may call it.
func (e *Engine) AppendAlarms(dst []AlarmState) []AlarmState {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append(dst, e.alarms...)
}

// RestoreAlarm sets the state in which an earlier run ended. It is no event.
// It reports false, and does nothing, if the channel has no alarm (any more).
// Call it before the first Process.
func (e *Engine) RestoreAlarm(channel int, state drivers.Alarm) bool {
	if channel < 0 || channel >= len(e.channels) || e.channels[channel].alarm == nil {
		return false
	}
	ch := &e.channels[channel]
	ch.alarm.Restore(state)
	e.mu.Lock()
	e.alarms[ch.slot].State = ch.alarm.State()
	e.mu.Unlock()
	return true
}

// Counter is the state of a derived channel that must outlive a run: sums of
// integrals, counters.
type Counter struct {
	Channel    int
	Expression string // canonical; State belongs to it
	State      []float64
}

// counter is a Counter with its program.
type counter struct {
	program *expr.Program
	channel int
	text    string
	moved   bool      // owned by the Engine's goroutine
	state   []float64 // guarded by Engine.mu; as of the last publish
}

// AppendCounters appends the states as of the latest Advance or Finish. The
// caller owns what it gets. Anybody may call it.
func (e *Engine) AppendCounters(dst []Counter) []Counter {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range e.counters {
		c := &e.counters[i]
		dst = append(dst, Counter{Channel: c.channel, Expression: c.text, State: append([]float64(nil), c.state...)})
	}
	return dst
}

// RestoreCounter sets the state in which an earlier run ended. It reports
// false, and changes nothing, if it cannot be that of the channel's
// expression. Call it before the first Process.
func (e *Engine) RestoreCounter(channel int, state []float64) bool {
	for i := range e.counters {
		if c := &e.counters[i]; c.channel == channel {
			ok := c.program.Restore(state)
			c.moved = true
			e.publish()
			return ok
		}
	}
	return false
}

// publish copies the states that have changed since it did so last.
func (e *Engine) publish() {
	for i := range e.counters {
		c := &e.counters[i]
		if !c.moved {
			continue
		}
		c.moved = false
		e.mu.Lock()
		c.state = c.program.AppendState(c.state[:0])
		e.mu.Unlock()
	}
}
