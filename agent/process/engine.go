package process

import (
	"math"
	"sync"
	"sync/atomic"

	"github.com/telhub/telhub/agent/process/alarm"
	"github.com/telhub/telhub/agent/process/chain"
	"github.com/telhub/telhub/drivers"
)

// unknown is the status of a channel of which nothing was heard yet: a first
// value makes it ok silently.
const unknown drivers.Quality = 255

// Engine carries out a Plan. One goroutine calls its methods, except Counts,
// Refused, Late, AppendAlarms and AppendCounters, which are for anybody.
type Engine struct {
	channels []channel
	derived  []derived // in topological order
	windowed []int     // channels with windows, in topological order
	silences []int     // channels whose alarm waits for silence

	// The reading that is being taken in, and the derived channels, one bit
	// each, that have a new input of it.
	sensor  int
	stamp   int64
	dirty   []uint64
	pending bool // dirty holds a bit

	now  int64 // latest that Advance was told
	next int64 // no window and no alarm is due before

	fixed, each int // of MaxOut
	onAlarm     func(channel int, from, to drivers.Alarm)
	observe     func(*drivers.Sample)
	shown       drivers.Sample // what observe is given: a local one would be allocated

	made, withheld, refused, late atomic.Uint64

	mu       sync.Mutex // guards alarms and the states in counters
	alarms   []AlarmState
	counters []counter
}

// channel is the state of one channel.
type channel struct {
	chain   *chain.Chain // nil: none
	alarm   *alarm.Alarm // nil: none
	windows []window
	users   []int // indices in Engine.derived of those that read it
	heirs   []int // and of those that take on its status, in topological order
	ahead   int   // how many of Engine.derived come before its windows are closed
	sensor  int
	slot    int  // in Engine.alarms
	source  bool // a driver measures it

	sender sender
	status drivers.Quality
	known  bool // value is of a time since when status is ok
	value  float64
}

// Process takes in samples as they come from the ring, in order, and appends
// what is to be sent to dst, which must not share memory with raw. dst does
// not grow if it has room for MaxOut(len(raw)) more samples.
//
// Samples of one reading may come in several calls: derived channels are
// evaluated when the next reading begins, or in Advance.
func (e *Engine) Process(dst, raw []drivers.Sample) []drivers.Sample {
	before, passed := len(dst), 0
	for i := range raw {
		s := &raw[i]
		c := int(s.Channel)
		if c >= len(e.channels) || !e.channels[c].source || s.Kind > drivers.KindStatus {
			e.refused.Add(1)
			continue
		}
		if e.pending && (s.Stamp != e.stamp || e.channels[c].sensor != e.sensor) {
			dst = e.settle(dst, len(e.derived))
		}
		e.sensor, e.stamp = e.channels[c].sensor, s.Stamp
		var sent bool
		if dst, sent = e.sample(dst, c, s); sent {
			passed++
		}
	}
	e.count(len(dst)-before-passed, len(raw)-passed)
	return dst
}

// sample takes in one raw sample and reports whether it goes on itself.
func (e *Engine) sample(dst []drivers.Sample, c int, s *drivers.Sample) (_ []drivers.Sample, sent bool) {
	if s.Kind == drivers.KindValue && s.Quality == drivers.OK {
		return e.take(dst, c, s.Value, s.Stamp)
	}
	q := s.Quality
	if q > drivers.Lost {
		q = drivers.Bad // no status that we know
	}
	ch := &e.channels[c]
	if q != drivers.OK && ch.chain != nil {
		ch.chain.Reset()
	}
	sent = s.Kind == drivers.KindStatus && ch.status != q
	return e.become(dst, c, q, s.Stamp), sent
}

func (e *Engine) count(made, withheld int) {
	if made > 0 {
		e.made.Add(uint64(made))
	}
	if withheld > 0 {
		e.withheld.Add(uint64(withheld))
	}
}

// Counts returns how many samples were made and how many raw ones did not go
// on, such that raw + made = sent + withheld between any two calls of Process,
// Advance and Finish. A value changed on its way is still the same sample.
func (e *Engine) Counts() (made, withheld uint64) { return e.made.Load(), e.withheld.Load() }

// Refused counts those withheld because no driver can have sent them: of a
// channel that does not exist or is computed, or of a kind that only an Engine
// makes.
func (e *Engine) Refused() uint64 { return e.refused.Load() }

// Late counts values that came too late for their aggregation window.
func (e *Engine) Late() uint64 { return e.late.Load() }

// Next says when Advance must be called: 0 for at once, math.MaxInt64 for not
// until there are samples again. It may be early, never late. The dispatcher
// calls Advance when it has no more samples at hand, or else a reading that is
// split over two calls of Process is evaluated twice.
func (e *Engine) Next() int64 {
	if e.pending {
		return 0
	}
	return e.next
}

// MaxOut is the most samples that Process makes of n raw ones, whatever they
// are; with n = 0, Advance and Finish.
func (e *Engine) MaxOut(n int) int { return e.fixed + n*e.each }

// tell shows a sample to the observer.
func (e *Engine) tell(s drivers.Sample) {
	if e.observe != nil {
		e.shown = s
		e.observe(&e.shown)
	}
}

// never is a Next that does not come.
const never = math.MaxInt64
