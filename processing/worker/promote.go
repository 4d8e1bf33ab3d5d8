package worker

import (
	"context"
	"time"
)

// promote moves delayed tasks that are due and fires recurring ones, until the
// pool stops. Run starts it.
func (s *shard) promote(ctx context.Context) {
	var tick time.Time
	for {
		next := s.promoteDue(ctx)
		if now := time.Now(); !now.Before(tick) {
			tick = s.tick(ctx)
		}
		if tick.Before(next) {
			next = tick
		}
		if !pause(time.Until(next), s.p.stop) {
			return
		}
	}
}

// promoteDue moves what is due; it returns when to do so again.
func (s *shard) promoteDue(ctx context.Context) time.Time {
	moved, next, err := s.p.q.Promote(ctx, s.number)
	if err != nil {
		return s.later(ctx, "promote", err)
	}
	if moved > 0 {
		s.p.o.Observer.Happened(Event{Kind: Promoted, Shard: s.number, N: moved})
	}
	return next
}

// tick fires what is due; it returns when to do so again.
func (s *shard) tick(ctx context.Context) time.Time {
	fired, next, err := s.p.q.Tick(ctx, s.number)
	if fired > 0 {
		s.p.o.Observer.Happened(Event{Kind: Fired, Shard: s.number, N: fired})
	}
	if err != nil {
		return s.later(ctx, "tick", err)
	}
	return next
}

func (s *shard) later(ctx context.Context, what string, err error) time.Time {
	if ctx.Err() == nil {
		s.trouble(what, err)
	}
	return time.Now().Add(maxTrouble)
}
