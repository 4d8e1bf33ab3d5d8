package agent

import (
	"time"

	"github.com/telhub/telhub/agent/clock"
	"github.com/telhub/telhub/agent/httpapi"
	"github.com/telhub/telhub/agent/process"
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink/frame"
)

// alarmLines is how many alarms a second are logged: a channel that flaps
// without hysteresis must not fill the journal, or hold up the dispatcher.
const alarmLines = 10

// alarmEvent logs an alarm and shows it. The dispatcher calls it.
func (a *Agent) alarmEvent(channel int, from, to drivers.Alarm) {
	a.indicators.changed()
	second := clock.Boottime() / int64(time.Second)
	if second != a.alarmLog.second {
		a.alarmLog.lines, a.alarmLog.second = 0, second
	}
	if a.alarmLog.lines++; a.alarmLog.lines > alarmLines {
		a.alarmLog.silent++
		return
	}
	level := a.plan.process.channels[channel].Alarm.Level
	log := a.log.For("alarm").Warn()
	switch {
	case to == drivers.AlarmClear || level == "info":
		log = a.log.For("alarm").Info()
	case level == "critical":
		log = a.log.For("alarm").Error()
	}
	if a.alarmLog.silent > 0 {
		log, a.alarmLog.silent = log.Uint64("not_logged_before", a.alarmLog.silent), 0
	}
	log.Str("channel", a.plan.schema.Channels[channel].Name).Stringer("was", from).Stringer("is", to).
		Str("severity", level).Float64("value", a.plan.latest.Get(channel).Value).Msg("alarm")
}

// alarmLog limits what is logged of alarms. The dispatcher owns it.
type alarmLog struct {
	second int64  // of CLOCK_BOOTTIME
	lines  int    // in it
	silent uint64 // alarms that were not logged since the last line
}

// alarms appends the state of every alarm, raised or not.
func (a *Agent) alarms(dst []process.AlarmState) []process.AlarmState {
	if a.plan.engine == nil {
		return dst
	}
	return a.plan.engine.AppendAlarms(dst)
}

// raisedAlarms lists the alarms that are raised, for people.
func (a *Agent) raisedAlarms(now frame.Dating) []httpapi.Alarm {
	list := []httpapi.Alarm{}
	for _, s := range a.alarms(nil) {
		if s.State == drivers.AlarmClear {
			continue
		}
		ch := &a.plan.schema.Channels[s.Channel]
		x := httpapi.Alarm{Channel: ch.Name, State: s.State.String(), Level: s.Level, Unit: ch.Unit, Age: -1}
		if v := a.plan.latest.Get(s.Channel); v.Stamp != 0 {
			x.Value = &v.Value
		}
		a.sinceWhen(&x, s, now)
		list = append(list, x)
	}
	return list
}

// sinceWhen fills in since when an alarm has been raised, by this run or by an
// earlier one, perhaps of another boot.
func (a *Agent) sinceWhen(x *httpapi.Alarm, s process.AlarmState, here frame.Dating) {
	boot, stamp := a.boot, s.Since/1e6
	if s.Since == 0 {
		old, ok := a.raised[s.Channel]
		if !ok {
			return
		}
		boot, stamp = old.Boot, old.Stamp
	}
	there := a.clock.Of(boot, stamp)
	if there.Quality != frame.Unset {
		x.Since = rfc3339(stamp + there.Offset)
	}
	now := clock.Boottime() / 1e6
	switch {
	case boot == a.boot:
		x.Age = float64(now-stamp) / 1e3
	case there.Quality != frame.Unset && here.Quality != frame.Unset:
		x.Age = float64(now+here.Offset-stamp-there.Offset) / 1e3
	}
}

// rfc3339 writes Unix milliseconds as a date.
func rfc3339(ms int64) string {
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}
