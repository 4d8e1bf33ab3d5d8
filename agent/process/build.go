package process

import (
	"math"
	"slices"
	"unsafe"

	"github.com/telhub/telhub/agent/process/alarm"
)

// New checks the plan, reports everything that is wrong with it, and allocates
// all that the Engine will need. The Engine takes the plan's chains and
// programs over: a plan makes one Engine.
func New(p Plan) (*Engine, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	order, err := p.order()
	if err != nil {
		return nil, err
	}
	e := &Engine{channels: make([]channel, len(p.Channels)), onAlarm: p.OnAlarm, observe: p.Observe, next: never}
	for i := range p.Channels {
		e.channels[i] = newChannel(&p.Channels[i])
		e.addAlarm(i, p.Channels[i].Alarm)
	}
	for _, c := range order {
		if p.Channels[c].Value != nil {
			e.addDerived(c, &p.Channels[c])
		}
		e.channels[c].ahead = len(e.derived)
		if len(e.channels[c].windows) > 0 {
			e.windowed = append(e.windowed, c)
		}
	}
	e.dirty = make([]uint64, (len(e.derived)+63)/64)
	e.link()
	e.bound(order)
	return e, nil
}

func newChannel(c *Channel) channel {
	ch := channel{
		chain: c.Chain, sensor: c.Sensor, sender: newSender(c.Send), status: unknown, source: c.Value == nil,
	}
	for _, a := range c.Aggregates {
		i := slices.IndexFunc(ch.windows, func(w window) bool { return w.size == int64(a.Window) })
		if i < 0 {
			i = len(ch.windows)
			ch.windows = append(ch.windows, window{size: int64(a.Window), open: math.MinInt64})
		}
		ch.windows[i].results = append(ch.windows[i].results, result{a.Of, a.Channel})
	}
	return ch
}

func (e *Engine) addAlarm(c int, o *alarm.Options) {
	if o == nil {
		return
	}
	a := alarm.New(*o)
	level := o.Level
	if level == "" {
		level = alarm.DefaultLevel
	}
	e.channels[c].alarm, e.channels[c].slot = a, len(e.alarms)
	e.alarms = append(e.alarms, AlarmState{Channel: c, Level: level})
	if a.Due() != alarm.Never {
		e.silences = append(e.silences, c)
		e.next = 0
	}
}

func (e *Engine) addDerived(c int, p *Channel) {
	d := derived{
		program: p.Value, channel: c, inputs: slices.Clone(p.Inputs),
		values: make([]float64, len(p.Inputs)), counter: -1,
	}
	if p.Value.Stateful() {
		d.counter = len(e.counters)
		e.counters = append(e.counters, counter{
			program: p.Value, channel: c, text: p.Value.String(), state: p.Value.AppendState(nil),
		})
	}
	e.derived = append(e.derived, d)
}

// link tells each channel who reads it, who takes on its status, and whether
// it carries results.
func (e *Engine) link() {
	for i := range e.derived {
		for _, in := range e.derived[i].inputs {
			if u := &e.channels[in].users; !slices.Contains(*u, i) {
				*u = append(*u, i)
			}
		}
	}
	for c := range e.channels {
		for _, w := range e.channels[c].windows {
			for _, r := range w.results {
				e.channels[r.channel].source = false
			}
		}
		e.channels[c].heirs = e.heirsOf(c)
	}
}

// heirsOf lists what is derived from c, or from what is, in topological order.
func (e *Engine) heirsOf(c int) (heirs []int) {
	from := map[int]bool{c: true}
	for i := range e.derived {
		d := &e.derived[i]
		if slices.ContainsFunc(d.inputs, func(in int) bool { return from[in] }) {
			from[d.channel] = true
			heirs = append(heirs, i)
		}
	}
	return heirs
}

// bound finds the constants of MaxOut. The most that a value makes on its own
// channel is itself, a status before it or instead of it, an event, the same
// of every heir's status, and the results of every window that it closes. On
// top of that comes one value of each channel that is derived from it, directly
// or through results.
func (e *Engine) bound(order []int) {
	most := make([]int, len(e.channels))     // on the channel
	behind := make([][]int, len(e.channels)) // derived channels that it can touch
	results, values := 0, 0
	for _, c := range slices.Backward(order) {
		ch := &e.channels[c]
		most[c] = 1 + ch.statuses()
		for _, d := range ch.heirs {
			most[c] += e.channels[e.derived[d].channel].statuses()
		}
		for _, d := range ch.users {
			behind[c] = union(behind[c], append(behind[e.derived[d].channel], d))
		}
		for _, w := range ch.windows {
			for _, r := range w.results {
				most[c] += most[r.channel]
				results += most[r.channel]
				behind[c] = union(behind[c], behind[r.channel])
			}
		}
	}
	for c := range e.channels {
		sum := most[c]
		for _, d := range behind[c] {
			sum += most[e.derived[d].channel]
		}
		if e.channels[c].source {
			e.each = max(e.each, sum)
		}
	}
	for i := range e.derived {
		values += most[e.derived[i].channel]
	}
	// A reading that was not complete gives each derived channel a value, and a
	// sweep, which goes in their order, another one.
	e.fixed = 2*values + results + len(e.silences)
}

// statuses is the most that a change of status makes of one channel: itself
// and an event.
func (ch *channel) statuses() int {
	if ch.alarm != nil {
		return 2
	}
	return 1
}

func union(a, b []int) []int {
	for _, x := range b {
		if !slices.Contains(a, x) {
			a = append(a, x)
		}
	}
	return a
}

// Bytes is the memory that the Engine occupies with its chains; it does not
// change.
func (e *Engine) Bytes() int {
	n := int(unsafe.Sizeof(*e)) + len(e.channels)*int(unsafe.Sizeof(channel{})) + 8*len(e.dirty) +
		len(e.derived)*int(unsafe.Sizeof(derived{})) + len(e.alarms)*int(unsafe.Sizeof(AlarmState{})) +
		len(e.counters)*int(unsafe.Sizeof(counter{})) + 8*(len(e.windowed)+len(e.silences))
	for i := range e.channels {
		ch := &e.channels[i]
		n += 8*(len(ch.users)+len(ch.heirs)) + len(ch.windows)*int(unsafe.Sizeof(window{}))
		for _, w := range ch.windows {
			n += len(w.results) * int(unsafe.Sizeof(result{}))
		}
		if ch.chain != nil {
			n += ch.chain.Bytes()
		}
		if ch.alarm != nil {
			n += int(unsafe.Sizeof(*ch.alarm))
		}
	}
	for i := range e.derived {
		n += 16 * len(e.derived[i].inputs)
	}
	return n
}
