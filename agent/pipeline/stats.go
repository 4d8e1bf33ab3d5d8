package pipeline

import "time"

// SensorStats is a copy of one sensor's numbers. Counts are totals since New.
type SensorStats struct {
	Name, Use string
	Bus       string // empty for a stream

	Up       bool   // it answered last time
	Samples  uint64 // acquired, status samples included
	Readings uint64
	Errors   [ErrorKinds]uint64 // by ErrorKind; each try counts
	Skipped  uint64             // slots that passed entirely while the bus was busy
	Spared   uint64             // measurements left out because back-pressure stretched the period
	Inits    uint64             // initialisations after the first
	Reopens  uint64             // of a stream's port
	Good     uint64             // well-formed units of a stream
	Corrupt  uint64             // corrupt units of a stream
	LateMax  time.Duration      // worst lateness of a measurement's beginning
	LastOK   int64              // boottime ns of the last reading; 0 = none

	// InCall is how long the driver's call under way has lasted; a hung
	// device shows here.
	InCall time.Duration

	Steps []StepStats // of a stream's recovery: reopening, then its plan's Steps

	LastError   string // text of the last error, or of one of the last 10 s
	LastErrorAt int64  // boottime ns of the last error; 0 = none
}

// BusStats is a copy of one bus's numbers.
type BusStats struct {
	Name           string
	Broken         bool   // nobody is asked: it is to be reopened, or has just been
	Reopens        uint64 // attempts
	ReopenFailures uint64
	Recoveries     uint64 // a sensor answered again after a reopen, whatever came before it
	Step           string // taken last
	Steps          []StepStats
	LastError      string // of a reopen
	LastErrorAt    int64  // boottime ns; 0 = none
}

// StepStats is how a step of recovery fared.
type StepStats struct {
	Name   string
	Taken  uint64
	Helped uint64 // the bus worked again after it
}

// Stats is a copy of what concerns no single sensor.
type Stats struct {
	Accounting
	RingStats                // of the sensors of normal priority
	High           RingStats // of those of high priority; zero without any
	Workers, Busy  int
	Repaired       uint64 // values that were no number and became a status
	PressureEvents uint64 // times a factor on periods was raised
	Wakeups        uint64 // of the dispatcher
}

// RingStats is a copy of a ring's numbers.
type RingStats struct {
	RingLen, RingCap int
	RingHigh         int    // most samples the ring ever held
	RingLost         uint64 // overwritten in the ring; declared, or about to be
	Stretch          int    // factor on the periods of its sensors, 1 without back-pressure
}

// Stats copies the totals.
func (p *Pipeline) Stats() Stats {
	x := Stats{
		Accounting:     p.in.account.read(),
		RingStats:      p.in.normal.stats(),
		Workers:        len(p.encoders),
		Busy:           int(p.flow.busy.Load()),
		Repaired:       p.flow.repaired.Load(),
		PressureEvents: p.in.normal.pressure.events.Load(),
		Wakeups:        p.dispatcher.wakeups.Load(),
	}
	if h := p.in.high; h != nil {
		x.High = h.stats()
		x.PressureEvents += h.pressure.events.Load()
	}
	return x
}

func (f *feed) stats() RingStats {
	n := f.ring.Counts()
	return RingStats{
		RingLen: f.ring.Len(), RingCap: f.ring.Cap(), RingHigh: n.High, RingLost: n.Lost,
		Stretch: int(f.pressure.factor.Load()),
	}
}

// Accounting says where all samples went.
func (p *Pipeline) Accounting() Accounting { return p.in.account.read() }

// AppendSensors appends every sensor's numbers to dst, in the order of the
// plans, streams last.
func (p *Pipeline) AppendSensors(dst []SensorStats) []SensorStats {
	now := p.in.now()
	for _, b := range p.buses {
		for _, s := range b.sensors {
			dst = append(dst, s.source.stats(now))
		}
	}
	for _, s := range p.streams {
		x := s.source.stats(now)
		for _, r := range s.ladder {
			x.Steps = append(x.Steps, r.stats())
		}
		x.Steps[0].Taken = x.Reopens
		dst = append(dst, x)
	}
	return dst
}

func (s *source) stats(now int64) SensorStats {
	c := &s.count
	x := SensorStats{
		Name: s.name, Use: s.use, Bus: s.bus,
		Up: c.up.Load(), Samples: c.samples.Load(), Readings: c.readings.Load(),
		Skipped: c.skipped.Load(), Spared: c.spared.Load(), Inits: c.inits.Load(), Reopens: c.reopens.Load(),
		Good: c.good.Load(), Corrupt: c.corrupt.Load(),
		LateMax: time.Duration(c.lateMax.Load()), LastOK: c.lastOK.Load(),
		LastError: c.text.get(), LastErrorAt: c.lastError.Load(),
	}
	for k := range x.Errors {
		x.Errors[k] = c.errors[k].Load()
	}
	if since := c.inCall.Load(); since != 0 {
		x.InCall = time.Duration(now - since)
	}
	return x
}

// AppendBuses appends every bus's numbers to dst.
func (p *Pipeline) AppendBuses(dst []BusStats) []BusStats {
	for _, b := range p.buses {
		dst = append(dst, b.stats())
	}
	return dst
}

// Bus copies the numbers of the plans' bus i.
func (p *Pipeline) Bus(i int) BusStats { return p.buses[i].stats() }

func (b *bus) stats() BusStats {
	c := &b.count
	x := BusStats{
		Name: b.name, Broken: c.broken.Load(), Reopens: c.reopens.Load(), ReopenFailures: c.failures.Load(),
		Step: b.ladder[b.rung.Load()].Name, LastError: c.text.get(), LastErrorAt: c.lastError.Load(),
		Steps: []StepStats{{Name: stepRetry}},
	}
	for _, s := range b.sensors {
		x.Steps[0].Helped += s.count.retried.Load()
		x.Steps[0].Taken += s.count.retries.Load()
	}
	for i, r := range b.ladder {
		step := r.stats()
		if i == 0 {
			step.Taken = x.Reopens
		}
		x.Recoveries += step.Helped
		x.Steps = append(x.Steps, step)
	}
	return x
}

// Progress is for a watchdog. moved grows with every sample that left, sent,
// declared or withheld;
// overdue is by how much the oldest sample still inside has exceeded the time
// that frames may take. Silent sensors are no hang: without samples nothing is
// overdue.
func (p *Pipeline) Progress() (moved uint64, overdue time.Duration) {
	x := p.in.account.read()
	moved = x.Framed + x.Lost + x.Withheld
	if x.Waiting == 0 {
		return moved, 0
	}
	_, age := p.dispatcher.outlet.Shape()
	waited := time.Duration(p.in.now() - p.in.account.lastMove.Load())
	return moved, max(0, waited-age)
}
