package pipeline

import (
	"sync/atomic"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink/frame"
)

// encoder turns samples into a frame's payload, N, T0 and T1. Each worker has
// one of its own.
type encoder interface {
	Encode(f *frame.Frame, samples []drivers.Sample) error
}

// job is a run of samples on its way to becoming a frame.
type job struct {
	samples []drivers.Sample // capacity MaxSamples, allocated once
	frame   *frame.Frame
	lost    uint64        // for a gap record: how many samples it declares
	gap     bool          // frame is a gap record
	done    chan struct{} // capacity 1: the frame is ready to be submitted
}

func newJob(samples int) *job {
	return &job{samples: make([]drivers.Sample, 0, samples), done: make(chan struct{}, 1)}
}

// flow is the ordered worker pool. Every job that enters work enters order
// too, in the order of sealing; both channels hold all jobs there are, so that
// sending to them never blocks.
type flow struct {
	in         *intake
	outlet     Outlet
	channels   int // of the schema
	processing Observer

	free  chan *job
	work  chan *job
	order chan *job

	busy     atomic.Int64
	repaired atomic.Uint64 // samples that held no number and became a status
}

func newFlow(in *intake, o *Options) *flow {
	n := o.jobs()
	f := &flow{
		in: in, outlet: o.Outlet, processing: o.Processing, channels: len(o.Schema.Channels),
		free: make(chan *job, n), work: make(chan *job, n), order: make(chan *job, n),
	}
	for range n {
		f.free <- newJob(o.MaxSamples)
	}
	return f
}

// send starts a sealed job on its way. A gap record needs no worker.
func (f *flow) send(j *job) {
	f.order <- j
	if j.gap {
		j.done <- struct{}{}
		return
	}
	f.work <- j
}

// close ends workers and sequencer after what is under way.
func (f *flow) close() {
	close(f.work)
	close(f.order)
}

// worker is a worker's goroutine: begun by Start, ended by close.
func (f *flow) worker(enc encoder) {
	for j := range f.work {
		f.busy.Add(1)
		start := f.in.now()
		f.encode(enc, j)
		if f.processing != nil {
			f.processing.Observe(time.Duration(f.in.now() - start).Seconds())
		}
		f.busy.Add(-1)
		j.done <- struct{}{}
	}
}

// encode fills the job's frame. Samples that the codec refuses are declared as
// lost: they must neither vanish nor stop those behind them.
func (f *flow) encode(enc encoder, j *job) {
	f.check(j.samples)
	err := enc.Encode(j.frame, j.samples)
	if err == nil {
		return
	}
	first, last := j.samples[0].Stamp, j.samples[len(j.samples)-1].Stamp
	j.declare(frame.NotEncoded, uint64(len(j.samples)), first, last)
	f.in.notify(Event{Kind: Unencodable, N: j.lost, Err: err})
}

// check turns a value that is no number into its channel's status, which is
// what it means: no arithmetic or codec downstream meets one. Drivers that use
// Reading.Set never produce it. Samples are checked before a Processor sees
// them, and before they are encoded.
func (f *flow) check(samples []drivers.Sample) {
	for i := range samples {
		s := &samples[i]
		if s.Kind == drivers.KindValue && s.Value-s.Value != 0 {
			s.Value, s.Kind, s.Quality = 0, drivers.KindStatus, drivers.Bad
			f.repaired.Add(1)
		}
	}
}

// declare makes the job's frame a gap record.
func (j *job) declare(cause frame.Cause, n uint64, first, last int64) {
	j.gap, j.lost = true, n
	g := frame.GapInfo{
		Cause: cause, N: int64(n), T0Known: true,
		T0: first / int64(time.Millisecond), T1: last / int64(time.Millisecond),
	}
	// Marshalling a struct of numbers and a fixed word cannot fail.
	_ = g.Seal(j.frame)
}

// sequence is the sequencer's goroutine: begun by Start, ended by close once
// all jobs are submitted.
func (f *flow) sequence() {
	for j := range f.order {
		<-j.done
		n, gap := uint64(len(j.samples)), j.gap
		if gap {
			n = j.lost
		}
		f.outlet.Submit(j.frame)
		f.in.account.leave(n, gap, f.in.now())
		j.frame, j.samples, j.gap, j.lost = nil, j.samples[:0], false, 0
		f.free <- j
	}
}
