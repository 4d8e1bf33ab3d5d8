package pipeline

import (
	"sync/atomic"
	"time"

	"github.com/telhub/telhub/drivers"
)

// unknown is the status of a channel of which nothing was heard yet. A first
// value makes it OK silently: a value says so itself.
const unknown drivers.Quality = 255

// source is what polled sensors and streams have in common: the way from a
// Reading to samples in the ring. It belongs to the goroutine that owns the
// sensor; only its counters are read by others.
type source struct {
	name, use, bus string

	in      *intake
	feed    *feed // the ring that takes its samples
	outputs []output
	stale   int64           // ns of silence after which a channel is stale
	reading drivers.Reading // being filled by the driver
	batch   []drivers.Sample
	judged  bool // count.up says something
	varies  bool // a device of this kind need not send all outputs

	textKind ErrorKind // of the error whose text is kept
	textAt   int64     // boottime ns when it was taken; 0 = none yet

	count counters
}

// output is the state of one output that is sent.
type output struct {
	index   int // in the driver's Outputs
	channel uint16
	status  drivers.Quality
	heard   int64 // boottime ns of the last value or verdict
}

// counters are a source's statistics, written by its owner, read by anybody.
type counters struct {
	samples  atomic.Uint64
	readings atomic.Uint64
	errors   [ErrorKinds]atomic.Uint64
	skipped  atomic.Uint64
	spared   atomic.Uint64
	inits    atomic.Uint64 // initialisations after the first
	retries  atomic.Uint64 // calls that were repeated at once
	retried  atomic.Uint64 // of these, such that succeeded
	reopens  atomic.Uint64
	good     atomic.Uint64 // well-formed units of a stream
	corrupt  atomic.Uint64

	lateMax   atomic.Int64 // ns
	lastOK    atomic.Int64 // boottime ns
	lastError atomic.Int64 // boottime ns
	inCall    atomic.Int64 // boottime ns when the driver call under way began; 0 = none

	up   atomic.Bool
	text errorText
}

func (s *source) init(in *intake, high bool, name, use, bus string, channels []int) {
	s.in, s.feed, s.name, s.use, s.bus = in, in.feed(high), name, use, bus
	for i, ch := range channels {
		if ch >= 0 {
			s.outputs = append(s.outputs, output{index: i, channel: uint16(ch), status: unknown})
		}
	}
	// Each output can add a status and a value to one batch.
	s.batch = make([]drivers.Sample, 0, 2*len(s.outputs))
}

// start lets the silence of every channel begin now.
func (s *source) start(now int64) {
	for i := range s.outputs {
		s.outputs[i].heard = now
	}
}

// date gives the stamp of the reading: the driver's own, or else stamp. A
// device's own wall time is told with it.
func (s *source) date(stamp int64) int64 {
	if s.reading.Stamp != 0 {
		stamp = s.reading.Stamp
	}
	if s.reading.UTC != 0 && s.in.utc != nil {
		s.in.utc(s.reading.UTC, stamp)
	}
	return stamp
}

// publish turns the reading, taken at stamp, into samples and hands them to
// the ring.
func (s *source) publish(stamp, now int64) {
	for i := range s.outputs {
		o := &s.outputs[i]
		switch {
		case s.reading.Has(o.index):
			s.become(o, drivers.OK, stamp)
			o.heard = now
			s.batch = append(s.batch, drivers.Sample{
				Stamp: stamp, Value: s.reading.Values[o.index], Channel: o.channel,
			})
		case s.reading.IsBad(o.index):
			s.become(o, drivers.Bad, stamp)
			o.heard = now
		}
	}
	s.count.readings.Add(1)
	s.count.lastOK.Store(now)
	s.flush(now)
}

// become appends a status sample to the batch if the status changes.
func (s *source) become(o *output, q drivers.Quality, stamp int64) {
	was := o.status
	o.status = q
	if was == q || was == unknown && q == drivers.OK {
		return
	}
	s.batch = append(s.batch, drivers.Sample{
		Stamp: stamp, Channel: o.channel, Quality: q, Kind: drivers.KindStatus,
	})
}

// absent reports whether an output is one that this very device does not
// send: a receiver without a depth sounder has no depth, and no status of it.
func (s *source) absent(o *output) bool {
	return s.varies && o.status == unknown && s.count.readings.Load() > 0
}

// all gives every channel the status q.
func (s *source) all(q drivers.Quality, now int64) {
	for i := range s.outputs {
		if o := &s.outputs[i]; !s.absent(o) {
			s.become(o, q, now)
		}
	}
	s.flush(now)
}

// checkStale marks the channels that have been silent for too long. A lost
// channel stays lost: that says more.
func (s *source) checkStale(now int64) {
	for i := range s.outputs {
		o := &s.outputs[i]
		if o.status != drivers.Lost && now-o.heard >= s.stale && !s.absent(o) {
			s.become(o, drivers.Stale, now)
		}
	}
	s.flush(now)
}

func (s *source) flush(now int64) {
	if len(s.batch) == 0 {
		return
	}
	s.count.samples.Add(uint64(len(s.batch)))
	s.feed.push(s.batch, now)
	s.batch = s.batch[:0]
}

// textEvery is how often at most a new kind of error renews the text that is
// kept, textStale when an error of the same kind does: making the text may
// allocate.
const textEvery, textStale = int64(time.Second), int64(10 * time.Second)

// failed counts an error and keeps its text now and then.
func (s *source) failed(err error, now int64) ErrorKind {
	kind := classify(err)
	s.count.errors[kind].Add(1)
	s.count.lastError.Store(now)
	age := now - s.textAt
	if s.textAt == 0 || age >= textStale || kind != s.textKind && age >= textEvery {
		s.textKind, s.textAt = kind, now
		s.count.text.set(err)
	}
	return kind
}

// setUp records whether the sensor answers and tells of a change.
func (s *source) setUp(up bool, err error) {
	if s.judged && s.count.up.Load() == up {
		return
	}
	s.judged = true
	s.count.up.Store(up)
	if up {
		s.in.notify(Event{Kind: SensorUp, Name: s.name})
	} else {
		s.in.notify(Event{Kind: SensorDown, Name: s.name, Err: err})
	}
}
