package pipeline

import (
	"sync/atomic"
	"time"
)

// Step is something harsher than reopening that may bring a bus back.
type Step struct {
	Name string // of one word, for metrics and people: "rebind", "power"

	// Act takes the step; closing stop ends its waits. The bus's owner calls it,
	// and reopens the transport afterwards. An error says that the step was not
	// taken, and why: then the next one is.
	Act func(stop <-chan struct{}) error

	// Devices says that the step reaches the devices, not only the controller.
	// Such a step is also tried when the bus works and none of its devices
	// answers: they may hang.
	Devices bool
}

// The two mildest steps, which every bus has. A retry belongs to the sensor
// (poller.go) and concerns nobody else.
const (
	stepRetry  = "retry"
	stepReopen = "reopen"
)

// StepNames lists the steps of a bus, the mildest first, as BusStats has them.
func (b *BusPlan) StepNames() []string {
	return append([]string{stepRetry}, stepNames(b.Steps)...)
}

// StepNames lists the steps of a stream, the mildest first, as SensorStats has
// them.
func (s *StreamPlan) StepNames() []string { return stepNames(s.Steps) }

func stepNames(steps []Step) []string {
	names := []string{stepReopen}
	for i := range steps {
		names = append(names, steps[i].Name)
	}
	return names
}

// A harsh step is taken again after these waits, however often the bus fails:
// neighbours lose their supply, and the kernel's drivers their chips.
const harshMin, harshMax = time.Minute, time.Hour

// rung is a step and how often it was taken. The bus's owner climbs, others
// read the counters.
type rung struct {
	Step             // without Act: reopening alone
	due      int64   // boottime ns: not before
	taken    int64   // boottime ns
	backoff  backoff //
	reported bool    // that it could not be taken; told once

	tries  atomic.Uint64
	helped atomic.Uint64
}

// newLadder makes the rungs of a bus, the first of which is reopening.
func newLadder(steps []Step) []*rung {
	rungs := []*rung{{Step: Step{Name: stepReopen}}}
	for _, s := range steps {
		rungs = append(rungs, &rung{Step: s, backoff: backoff{base: harshMin, limit: harshMax}})
	}
	return rungs
}

// climb takes the next step that may be taken now, or begins again with
// reopening alone.
func (b *bus) climb(stop <-chan struct{}) {
	now := b.in.now()
	for i := int(b.rung.Load()) + 1; i < len(b.ladder); i++ {
		r := b.ladder[i]
		if r.due <= now && (r.Devices || !b.deaf) && r.take(b.in, b.name, stop) {
			b.rung.Store(int32(i))
			return
		}
	}
	b.rung.Store(0)
}

// take takes one harsh step for the bus called name; false means that it could
// not be taken.
func (r *rung) take(in *intake, name string, stop <-chan struct{}) bool {
	err := r.Act(stop)
	now := in.now()
	if now-r.taken > 2*int64(harshMax) { // there was peace
		r.backoff.reset()
	}
	r.taken, r.due = now, now+int64(r.backoff.next())
	if err != nil {
		if !r.reported {
			r.reported = true
			in.notify(Event{Kind: BusStep, Name: name, Step: r.Name, Err: err})
		}
		return false
	}
	r.reported = false
	r.tries.Add(1)
	in.notify(Event{Kind: BusStep, Name: name, Step: r.Name})
	return true
}

// stats copies the rung's numbers.
func (r *rung) stats() StepStats {
	return StepStats{Name: r.Name, Taken: r.tries.Load(), Helped: r.helped.Load()}
}

// cycles reports whether a step that reaches the devices may be taken now.
func (b *bus) cycles(now int64) bool {
	for _, r := range b.ladder {
		if r.Devices && r.due <= now {
			return true
		}
	}
	return false
}
