package agent

import (
	"fmt"

	"github.com/telhub/telhub/agent/pipeline"
	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

// uplinkEvent logs what happens to the uplink. The keeper's goroutine calls it.
func (a *Agent) uplinkEvent(e uplink.Event) {
	log := a.log.For("uplink")
	switch e.Kind {
	case uplink.EventConnected:
		log.Info().Str("server", a.server()).Stringer("durability", e.Level).Msg("connected; frames flow")
	case uplink.EventLevel:
		log.Info().Stringer("durability", e.Level).Msg("what Redis can confirm has changed")
	case uplink.EventDisconnected:
		log.Warn().Err(e.Err).Msg("connection lost; frames wait in memory, then in the spool")
	case uplink.EventBreakerOpened:
		log.Warn().Err(e.Err).Time("next_try", e.Until).Msg("server fails; the breaker is open and frames go to the spool")
	case uplink.EventFenced:
		log.Error().Err(e.Err).Str("device", a.cfg.Device).
			Msg("another agent runs under this device's name: nothing is sent any more, samples go to the spool; give one of the two another name and restart it")
	case uplink.EventRenumbered:
		log.Warn().Uint64("from", e.From.Epoch).Uint64("to", e.To.Epoch).
			Msg("Redis has seen later runs of this device than this spool: it is new or was restored, or another agent has this name")
	case uplink.EventRewound:
		log.Error().Stringer("lane", e.Lane).Stringer("after", e.From).Stringer("until", e.To).
			Msg("Redis has lost frames that it had confirmed; the gap is declared")
	case uplink.EventStoreFailed:
		a.log.For("store").Error().Err(e.Err).Msg("the spool does not take frames; what memory cannot keep will be declared lost")
	case uplink.EventStoreRecovered:
		a.log.For("store").Info().Msg("the spool takes frames again")
	}
}

// trace logs a delivered frame under its correlation ID, at level debug.
func (a *Agent) trace(lane frame.Lane, id frame.ID, samples uint32) {
	a.log.For("uplink").Debug().Str("frame", fmt.Sprintf("%s/%s/%v", a.cfg.Device, lane, id)).
		Uint32("samples", samples).Msg("delivered")
}

// pipelineEvent logs what happens to sensors and buses. The goroutine
// concerned calls it; e.Err is valid during the call only.
func (a *Agent) pipelineEvent(e pipeline.Event) {
	switch e.Kind {
	case pipeline.SensorUp:
		a.log.For("sensor").Info().Str("sensor", e.Name).Msg("answers")
	case pipeline.SensorDown:
		a.log.For("sensor").Warn().Str("sensor", e.Name).Err(e.Err).Msg("does not answer; it is asked again, less often")
	case pipeline.BusDown:
		a.log.For("bus").Warn().Str("bus", e.Name).Err(e.Err).Msg("fails for all its sensors; it is opened anew")
	case pipeline.BusUp:
		a.log.For("bus").Info().Str("bus", e.Name).Str("step", e.Step).Msg("works again")
	case pipeline.BusStep:
		a.stepEvent(e)
	case pipeline.Stretched:
		a.log.For("pipeline").Warn().Uint64("factor", e.N).Stringer("class", e.Class).Msg("the queue fills: periods are stretched")
	case pipeline.Overrun:
		a.log.For("pipeline").Error().Uint64("samples", e.N).Stringer("class", e.Class).Msg("samples were overwritten in the queue; the gap is declared")
	case pipeline.Unencodable:
		a.log.For("pipeline").Error().Uint64("samples", e.N).Err(e.Err).Msg("samples could not be encoded; the gap is declared")
	}
}

// stepEvent logs a harsh step of a bus's recovery. One that cannot be taken is
// told once.
func (a *Agent) stepEvent(e pipeline.Event) {
	log := a.log.For("bus")
	if e.Err != nil {
		log.Warn().Str("bus", e.Name).Str("step", e.Step).Err(e.Err).Msg("a step of recovery cannot be taken; the others go on")
		return
	}
	log.Warn().Str("bus", e.Name).Str("step", e.Step).Msg("opening it anew did not help; this was done")
}

// damaged logs damage that the store met while running.
func (a *Agent) damaged(s store.Salvage) {
	a.log.For("store").Error().Interface("salvage", s).Msg("a damaged segment was set aside; what could be read is kept")
}

// logStore tells what opening the spool found.
func (a *Agent) logStore() {
	log := a.log.For("store")
	if a.storeErr != nil {
		log.Error().Err(a.storeErr).Msg("no spool: an outage can lose what does not fit into memory")
		return
	}
	for _, s := range a.report.Salvaged {
		log.Warn().Interface("salvage", s).Msg("a damaged file was set aside; what could be read is kept")
	}
	if u := a.report.Unclean; u != nil {
		log.Warn().Uint64("epoch", u.Epoch).Msg("the last run did not end in order; what it may have lost is declared")
	}
	log.Info().Str("path", a.cfg.Spool.Path).Uint64("epoch", a.report.Epoch).Int("frames", a.report.Frames).Msg("spool is open")
}

func (a *Agent) logStart() {
	log := a.log.For("agent")
	log.Info().Str("version", a.opts.Version).Str("device", a.cfg.Device).Str("board", a.board.Name).
		Int("sensors", len(a.plan.sensors)).Int("channels", len(a.plan.schema.Channels)).
		Str("page", a.URL()).Msg("running")
	for _, w := range a.board.WatchOuts {
		log.Info().Str("watch_out", w.ID).Str("do", w.Do).Msg(w.Text)
	}
}

// logEnd tells where the run's samples went.
func (a *Agent) logEnd() {
	s := a.Summary()
	a.log.For("agent").Info().Uint64("carried", s.Carried).Uint64("received", s.Received).Uint64("derived", s.Derived).
		Uint64("delivered", s.Delivered).Uint64("stored", s.Stored).Uint64("declared_lost", s.DeclaredLost).
		Uint64("withheld", s.Withheld).Msg("ended")
}
