package process

import (
	"math"

	"github.com/telhub/telhub/agent/process/chain"
	"github.com/telhub/telhub/drivers"
)

// take lets a value go its way on channel c, as the package comment tells. It
// reports whether the value itself is sent.
func (e *Engine) take(dst []drivers.Sample, c int, v float64, stamp int64) (_ []drivers.Sample, sent bool) {
	ch := &e.channels[c]
	if ch.chain != nil {
		var verdict chain.Verdict
		switch v, verdict = ch.chain.Apply(v, stamp); verdict {
		case chain.Hold:
			return dst, false
		case chain.Invalid:
			v = math.NaN()
		}
	}
	if v-v != 0 { // NaN or ±Inf
		return e.become(dst, c, drivers.Bad, stamp), false
	}
	for i := range ch.windows {
		dst = e.collect(dst, &ch.windows[i], v, stamp)
	}
	switch ch.status {
	case drivers.OK:
	case unknown:
		ch.status = drivers.OK
	default:
		dst = e.become(dst, c, drivers.OK, stamp)
	}
	ch.value, ch.known = v, true
	value := drivers.Sample{Stamp: stamp, Value: v, Channel: uint16(c)}
	e.tell(value)
	for _, d := range ch.users {
		e.touch(d, stamp)
	}
	state, changed := drivers.AlarmClear, false
	if ch.alarm != nil {
		state, changed = ch.alarm.Value(v, stamp)
	}
	if sent = ch.sender.wants(v, stamp, changed); sent {
		dst = append(dst, value)
	}
	if changed {
		e.next = min(e.next, ch.alarm.Due())
		dst = e.event(dst, c, state, stamp)
	}
	return dst, sent
}

// become gives channel c a status, and all that are computed from it the worst
// of their inputs'. Nothing happens where it is the same already.
func (e *Engine) become(dst []drivers.Sample, c int, q drivers.Quality, stamp int64) []drivers.Sample {
	if e.channels[c].status == q {
		return dst
	}
	dst = e.show(dst, c, q, stamp)
	for _, d := range e.channels[c].heirs {
		dst = e.inherit(dst, &e.derived[d], stamp)
	}
	return dst
}

// inherit gives a derived channel the worst status of its inputs. When they
// are all ok, the next value will say so.
func (e *Engine) inherit(dst []drivers.Sample, d *derived, stamp int64) []drivers.Sample {
	worst := drivers.OK
	for _, in := range d.inputs {
		if q := e.channels[in].status; q != unknown {
			worst = max(worst, q)
		}
	}
	ch := &e.channels[d.channel]
	if worst == drivers.OK {
		return dst
	}
	d.program.Reset()
	if ch.chain != nil {
		ch.chain.Reset()
	}
	if worst == ch.status {
		return dst
	}
	return e.show(dst, d.channel, worst, stamp)
}

// show sends a status that is new, and what the alarm makes of it.
func (e *Engine) show(dst []drivers.Sample, c int, q drivers.Quality, stamp int64) []drivers.Sample {
	ch := &e.channels[c]
	ch.status = q
	status := drivers.Sample{Stamp: stamp, Channel: uint16(c), Quality: q, Kind: drivers.KindStatus}
	e.tell(status)
	dst = append(dst, status)
	if q == drivers.OK {
		return dst
	}
	ch.known, ch.sender.sent = false, false
	if ch.alarm != nil {
		if state, changed := ch.alarm.Status(q, stamp); changed {
			dst = e.event(dst, c, state, stamp)
		}
	}
	return dst
}

// event sends a new state of channel c's alarm, and records it.
func (e *Engine) event(dst []drivers.Sample, c int, state drivers.Alarm, stamp int64) []drivers.Sample {
	ch := &e.channels[c]
	slot := &e.alarms[ch.slot]
	from := slot.State // written by this goroutine only
	e.mu.Lock()
	slot.State, slot.Since, slot.Value = state, stamp, ch.value
	e.mu.Unlock()
	if e.onAlarm != nil {
		e.onAlarm(c, from, state)
	}
	change := drivers.Sample{Stamp: stamp, Channel: uint16(c), Kind: drivers.KindAlarm, Alarm: state}
	e.tell(change)
	return append(dst, change)
}
