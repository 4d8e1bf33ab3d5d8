package uplink

import (
	"context"
	"time"

	"github.com/telhub/telhub/uplink/frame"
)

// op is what the sender is asked to do.
type op uint8

const (
	opNone  op = iota
	opProbe    // can the server be reached?
	opOpen     // open the lanes
	opSend     // append frames from memory
	opGap      // append a gap record
	opDrain    // append frames from the store
)

// job is one errand of the sender and its result. Keeper and sender own it by
// turns: it is the sender's from start until a value arrives on results.
type job struct {
	op      op
	lane    frame.Lane
	prev    frame.ID // the lane's mark
	fence   uint64
	before  frame.ID // opDrain: this frame and later ones are not wanted; zero: all are
	frames  [MaxBatch]*frame.Frame
	n       int  // frames in this batch
	first   bool // opOpen: count what Redis has of what the store holds
	look    bool // opOpen, first: ask where the streams end, for the gap record of a run without an end
	suspect bool // opOpen, first: another store was here under this name
	gap     gap
	started time.Time

	err        error
	storeFault bool         // err came from the store
	broken     *frame.Frame // opSend: nothing was sent, because this one does not decode
	reachable  bool
	level      Durability
	marks      [frame.Lanes]Mark
	seen       [frame.Lanes]Seen // opOpen, first: where the streams end
	skipped    uint64            // opOpen, first: samples in the store that Redis has
	overtaken  bool              // opOpen, first: … or another agent's in their place
	last       frame.ID          // opDrain: the last frame appended
	bytes      int               // of payload; after opDrain on the wire, if the sink knows
	end        frame.ID          // opDrain: the lane's last frame in the store before it was read
	exhausted  bool              // opDrain: the store has no more of what was asked for
}

// sender does the network's work: one goroutine, one job at a time. Nothing
// is allocated between jobs.
type sender struct {
	job     job
	busy    bool // keeper's
	jobs    chan struct{}
	results chan struct{}

	o       *Options
	batch   Batch
	items   [MaxBatch]Item
	buf     []byte // rendered payloads of a batch
	dec     frame.Decoder
	scratch [MaxBatch]frame.Frame // frames read from the store …
	lost    [MaxBatch]lost        // … and what those that are gap records declare
	boot    string                // o.Boot as text
	most    int                   // bytes of a batch of backlog
}

func (s *sender) init(o *Options) {
	s.o = o
	s.jobs, s.results = make(chan struct{}, 1), make(chan struct{}, 1)
	s.buf = make([]byte, 0, max(2*batchBytes, o.SenMLBytes))
	s.boot, s.most = o.Boot.String(), drainBytes(o.BackfillRate)
	s.batch.Items = s.items[:0]
	for i := range s.scratch {
		s.scratch[i].Payload = make([]byte, 0, o.LargeBytes)
	}
}

func (s *sender) start() {
	s.busy = true
	s.jobs <- struct{}{}
}

// run is the sender's goroutine. Uplink.Run starts it and ends it by closing
// jobs; ctx cuts a job short.
func (s *sender) run(ctx context.Context) {
	for range s.jobs {
		s.do(ctx, &s.job)
		s.results <- struct{}{}
	}
}

func (s *sender) do(ctx context.Context, j *job) {
	switch j.op {
	case opProbe:
		if p, ok := s.o.Sink.(Prober); ok {
			j.reachable = p.Reachable(ctx)
		}
	case opOpen:
		j.level, j.err = s.o.Sink.Open(ctx, j.fence, &j.marks)
		if j.err == nil && j.first && s.o.Store != nil {
			if j.err = s.countAccepted(ctx, j); j.err == nil {
				s.look(ctx, j)
			}
		}
	case opSend:
		s.begin(j)
		for _, f := range j.frames[:j.n] {
			if s.render(f) != nil {
				j.broken = f
				return
			}
		}
		j.err = s.o.Sink.Append(ctx, &s.batch)
	case opGap:
		s.sendGap(ctx, j)
	case opDrain:
		s.drain(ctx, j)
	}
}

// countAccepted counts the samples of earlier runs that lie in the store and
// that Redis has already, or their gap record: at most a segment of each lane.
// Those of a lane that another agent may have written to are told apart.
func (s *sender) countAccepted(ctx context.Context, j *job) error {
	suspect := s.suspects(j)
	f := &s.scratch[0]
	for i := range j.marks {
		lane, mark := frame.Lane(i), j.marks[i].ID
		after, any := s.o.Store.Released(lane), false
		for {
			ok, err := s.o.Store.Next(lane, after, f)
			if err != nil || !ok || mark.Less(f.ID) {
				break
			}
			j.skipped += samples(f) + givenUp(f)
			after, any = f.ID, true
		}
		if !any || !suspect {
			continue
		}
		ours, err := s.ours(ctx, lane, mark)
		if err != nil {
			return err
		}
		j.overtaken = j.overtaken || !ours
	}
	return nil
}

// drain appends what the store holds after the lane's mark, as much as fits.
func (s *sender) drain(ctx context.Context, j *job) {
	s.begin(j)
	after := j.prev
	for len(s.batch.Items) < MaxBatch {
		f := &s.scratch[len(s.batch.Items)]
		ok, err := s.o.Store.Next(j.lane, after, f)
		if err != nil {
			j.err, j.storeFault = err, true
			return
		}
		if !ok || j.before != (frame.ID{}) && !f.ID.Less(j.before) {
			j.exhausted = true
			break
		}
		if j.err = s.renderOrDeclare(f, j); j.err != nil {
			return
		}
		after = f.ID
		if j.bytes >= s.most {
			break
		}
	}
	if j.n = len(s.batch.Items); j.n == 0 {
		return
	}
	if j.err = s.o.Sink.Append(ctx, &s.batch); j.err == nil {
		j.last = after
		j.bytes = max(j.bytes, s.batch.Wire)
	}
}
