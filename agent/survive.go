package agent

import (
	"context"
	"path/filepath"
	"time"

	"github.com/telhub/telhub/agent/checkpoint"
	"github.com/telhub/telhub/agent/clock"
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink/frame"
)

// What survives a restart beside samples: alarms, counters, dates of boots.
// A write costs some 20 kB of flash: it happens once a minute while there are
// counters, which is what a power cut takes from them; else after an alarm has
// changed, when flash's budget stretches the loss window, and once in saveBoots
// minutes.
const (
	saveBoots = 60
	saveFlash = 20 << 10
)

// openCheckpoint reads what an earlier run has left. Without a spool, or when
// the file cannot be read, the run begins with nothing and keeps nothing.
func (a *Agent) openCheckpoint() {
	if a.store == nil {
		return
	}
	log := a.log.For("store")
	c, damage, err := checkpoint.Open(filepath.Join(a.cfg.Spool.Path, checkpoint.Name))
	if damage != nil {
		log.Error().Err(damage).Msg("alarms, counters and dates of earlier boots begin anew")
	}
	if err == nil {
		err = c.Replay(spool{Store: a.store}, &frame.Frame{})
	}
	if err != nil {
		log.Error().Err(err).Msg("what is remembered of alarms may be older than what was sent of them")
	}
	a.checkpoint = c
}

// restore sets alarms and counters as an earlier run left them.
func (a *Agent) restore() {
	if a.checkpoint == nil || a.plan.engine == nil {
		return
	}
	for name, alarm := range a.checkpoint.Alarms() {
		at, ok := a.plan.process.names[name]
		state, known := alarmState(alarm.State)
		if !ok || !known || !a.plan.engine.RestoreAlarm(at, state) {
			a.log.For("agent").Warn().Str("channel", name).Str("alarm", alarm.State).
				Msg("an alarm was raised that the configuration does not know any more; it stays as it is in the stream")
			continue
		}
		a.raised[at] = alarm
	}
	for name, c := range a.checkpoint.Counters() {
		at, ok := a.plan.process.names[name]
		if !ok {
			a.log.For("agent").Warn().Str("channel", name).Str("was", c.Expression).Floats64("state", c.State).
				Msg("the configuration has no such counter any more; it is forgotten")
			continue
		}
		if !a.counts(at, c.Expression) || !a.plan.engine.RestoreCounter(at, c.State) {
			a.log.For("agent").Warn().Str("channel", name).Str("was", c.Expression).
				Msg("the expression has changed; its counter begins anew")
		}
	}
}

// counts reports whether a channel's counter is that of an expression.
func (a *Agent) counts(channel int, expression string) bool {
	for _, c := range a.plan.counters() {
		if c.Channel == channel {
			return c.Expression == expression
		}
	}
	return false
}

func alarmState(word string) (drivers.Alarm, bool) {
	for s := drivers.AlarmClear; s <= drivers.AlarmStale; s++ {
		if s.String() == word {
			return s, true
		}
	}
	return 0, false
}

// remember is the checkpoint's goroutine: Run starts it, ctx ends it. The last
// save is the shutdown's.
func (a *Agent) remember(ctx context.Context) {
	minute := time.NewTicker(time.Minute)
	defer minute.Stop()
	saved := uint64(0) // Run has saved once, but news may have come since
	for n := 1; ; {
		select {
		case <-ctx.Done():
			return
		case <-a.dated:
			if a.clock.Generation() == saved {
				continue
			}
		case <-a.wear.longer:
		case <-minute.C:
			n++
			a.wear.note(false)
			if len(a.plan.counters()) == 0 && !a.checkpoint.Changed() && n%saveBoots != 0 {
				continue
			}
		}
		saved = a.clock.Generation()
		a.save(false)
	}
}

// save writes the checkpoint; end says that the run ends with it.
func (a *Agent) save(end bool) {
	state := a.wear.governor.State(clock.Boottime(), end)
	a.checkpoint.SetFlash(state)
	counters := make(map[string]checkpoint.Counter)
	for _, c := range a.plan.counters() {
		counters[a.plan.schema.Channels[c.Channel].Name] = checkpoint.Counter{Expression: c.Expression, State: c.State}
	}
	err := a.checkpoint.Save(counters, a.clock.Boots())
	a.wear.saved()
	if err == nil {
		a.wear.governor.Saved(state)
		a.logWindow(state)
	}
	if text := errorText(err); text != a.saveText {
		a.saveText = text
		if err != nil {
			a.log.For("store").Error().Err(err).Msg("alarms and counters are not saved")
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// clockChanged hears of news about the date, from the clock's goroutine.
func (a *Agent) clockChanged(c clock.Change) {
	log := a.log.For("clock").Info()
	if c.From.Quality == c.To.Quality && c.Step.Abs() < time.Second {
		log = a.log.For("clock").Debug()
	}
	log.Stringer("was", c.From.Quality).Stringer("is", c.To.Quality).
		Dur("step", c.Step).Bool("redated", c.Redated).Msg("what is known of the date has changed")
	select {
	case a.dated <- struct{}{}:
	default:
	}
}
