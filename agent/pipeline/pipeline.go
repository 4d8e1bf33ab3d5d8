package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/telhub/telhub/uplink/frame"
)

// stopGrace is how long Stop waits beyond its deadline for the record of what
// it had to give up.
const stopGrace = time.Second

// Pipeline moves samples from sensors to the outlet.
type Pipeline struct {
	in         intake
	buses      []*bus
	streams    []*stream
	flow       *flow
	dispatcher *dispatcher
	encoders   []encoder

	stop   chan struct{}        // closed: owners end
	drain  chan context.Context // capacity 1: the dispatcher empties the ring and ends
	owners sync.WaitGroup
	rest   sync.WaitGroup // dispatcher, workers, sequencer
}

// New allocates a pipeline. It calls no driver and starts nothing.
func New(o Options) (*Pipeline, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	p := &Pipeline{
		stop:  make(chan struct{}),
		drain: make(chan context.Context, 1),
	}
	p.in.init(&o)
	p.flow = newFlow(&p.in, &o)
	p.dispatcher = newDispatcher(&p.in, p.flow, &o)
	for range o.Workers {
		p.encoders = append(p.encoders, frame.NewEncoder(o.Schema, o.MaxSamples))
	}
	phases := phases(o.Buses)
	for i := range o.Buses {
		p.buses = append(p.buses, newBus(&p.in, &o.Buses[i], phases))
	}
	for i := range o.Streams {
		p.streams = append(p.streams, newStream(&p.in, &o.Streams[i]))
	}
	return p, nil
}

// Start begins sampling. Sensors that do not answer keep nothing from
// starting. Call it once.
func (p *Pipeline) Start() {
	now := p.in.now()
	p.rest.Go(p.flow.sequence)
	for _, e := range p.encoders {
		p.rest.Go(func() { p.flow.worker(e) })
	}
	p.rest.Go(func() { p.dispatcher.run(p.drain) })
	for _, b := range p.buses {
		b.start(now)
		p.owners.Go(func() { b.run(p.stop) })
	}
	for _, s := range p.streams {
		s.start(now)
		p.owners.Go(func() { s.run(p.stop) })
	}
}

// Stop ends a started pipeline, in this order: sampling stops, the dispatcher
// empties the rings, workers and sequencer finish. It returns when every sample
// acquired has been submitted or declared and all goroutines have ended. When
// ctx ends first, what is left is declared lost, and the error says what did
// not end. Call it once.
func (p *Pipeline) Stop(ctx context.Context) error {
	close(p.stop)
	ended := waitGroup(&p.owners)
	var errs []error
	select {
	case <-ended:
	case <-ctx.Done():
		if names := p.stuck(); len(names) > 0 {
			errs = append(errs, fmt.Errorf("sensors still in a driver's call: %v", names))
		}
	}
	p.in.closed.Store(true)
	p.drain <- ctx
	ended = waitGroup(&p.rest)
	select {
	case <-ended:
	case <-ctx.Done():
		select {
		case <-ended:
		case <-time.After(stopGrace):
			errs = append(errs, errors.New("the outlet did not take all frames"))
		}
	}
	if n := p.in.account.abandoned.Load(); n > 0 {
		errs = append(errs, fmt.Errorf("no frame was free for %d samples, declared lost", n))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("pipeline: stop: %w", err)
	}
	return nil
}

func waitGroup(g *sync.WaitGroup) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		g.Wait()
		close(done)
	}()
	return done
}

// stuck names the sensors whose driver has not returned.
func (p *Pipeline) stuck() (names []string) {
	for _, b := range p.buses {
		for _, s := range b.sensors {
			if s.count.inCall.Load() != 0 {
				names = append(names, s.name)
			}
		}
	}
	for _, s := range p.streams {
		if s.count.inCall.Load() != 0 {
			names = append(names, s.name)
		}
	}
	return names
}

// Wake tells the dispatcher that the outlet's Shape has changed. It never
// blocks.
func (p *Pipeline) Wake() {
	select {
	case p.dispatcher.kicked <- struct{}{}:
	default:
	}
}

// Latest gives access to the latest values and their history.
func (p *Pipeline) Latest() *Latest { return p.in.latest }
