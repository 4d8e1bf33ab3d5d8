package uplink

import (
	"context"
	"time"

	"github.com/telhub/telhub/uplink/frame"
)

const (
	syncEvery = 500 * time.Millisecond // how often durability is asked for
	settleAge = 5 * time.Second        // levels Age and AgedReplica: how old is durable
	snapshots = 16                     // of accepted marks, levels Age and AgedReplica

	levelEvery = time.Minute // how often a connected server is asked what it can confirm
)

// syncer asks the server how far the lanes are durable: one goroutine, on a
// connection of its own, because the answer may take as long as an fsync.
type syncer struct {
	busy    bool // keeper's
	jobs    chan struct{}
	results chan struct{}
	sink    Sink
	levels  Leveller // nil: the sink's level never changes while connected

	ask    bool // the job is to find out the level
	level  Durability
	err    error
	marks  [frame.Lanes]frame.ID // what the job is to confirm; what it confirmed
	asking [frame.Lanes]frame.ID // marks as they were asked for, the keeper's

	// keeper's:
	generation, asked uint64 // connection count now and when the job began
	next              time.Time
	nextLevel         time.Time
	confirmed         time.Time // when frames were confirmed last, or none waited for it
	ring              [snapshots]snapshot
	oldest, held      int
}

// snapshot is what was accepted at an instant.
type snapshot struct {
	at    time.Time
	marks [frame.Lanes]frame.ID
}

func (s *syncer) init(o *Options) {
	s.jobs, s.results = make(chan struct{}, 1), make(chan struct{}, 1)
	s.sink = o.Sink
	s.levels, _ = o.Sink.(Leveller)
}

// run is the syncer's goroutine. Uplink.Run starts it and ends it by closing
// jobs; ctx cuts a wait short.
func (s *syncer) run(ctx context.Context) {
	for range s.jobs {
		if s.ask {
			s.level, s.err = s.levels.Level(ctx)
		} else {
			s.err = s.sink.Sync(ctx, &s.marks)
		}
		s.results <- struct{}{}
	}
}

// restart forgets what was noted before a reconnect: a mark may have moved back.
func (s *syncer) restart() {
	s.generation++
	s.held, s.next, s.nextLevel = 0, time.Time{}, time.Time{}
}

// sync starts the next question when there is something to ask.
func (k *keeper) sync(now time.Time) {
	s := &k.syncer
	if !k.undurable() {
		s.confirmed = now
	}
	if k.askLevel(now) {
		return
	}
	if k.phase != connected || k.level == Memory || now.Before(s.next) || !k.undurable() {
		return
	}
	s.next = now.Add(syncEvery)
	if k.level == Age || k.level == AgedReplica {
		s.note(now, k)
		if s.busy || s.held == 0 || now.Sub(s.ring[s.oldest].at) < settleAge {
			return
		}
		s.marks = s.ring[s.oldest].marks
		s.oldest, s.held = (s.oldest+1)%snapshots, s.held-1
	} else if s.busy {
		return
	} else {
		for i := range k.lanes {
			s.marks[i] = k.lanes[i].accepted
		}
	}
	s.asked, s.asking, s.busy = s.generation, s.marks, true
	s.jobs <- struct{}{}
}

// askLevel asks once in a while what the server can confirm now: somebody may
// have turned its log on or added a replica.
func (k *keeper) askLevel(now time.Time) bool {
	s := &k.syncer
	if k.phase != connected || s.levels == nil || s.busy {
		return false
	}
	if s.nextLevel.IsZero() {
		s.nextLevel = now.Add(levelEvery)
	}
	if now.Before(s.nextLevel) {
		return false
	}
	s.nextLevel = now.Add(levelEvery)
	s.ask, s.asked, s.busy = true, s.generation, true
	s.jobs <- struct{}{}
	return true
}

// leveled takes the answer to that. Under level Memory all that is accepted
// counts as durable; what is accepted from now on does when it is confirmed.
func (k *keeper) leveled() {
	s := &k.syncer
	if s.err != nil || s.level == k.level {
		return
	}
	k.level, s.held = s.level, 0
	if k.level == Memory {
		for i := range k.lanes {
			k.settle(&k.lanes[i], k.lanes[i].accepted)
		}
	}
	k.o.Event(Event{Kind: EventLevel, Level: k.level})
}

// note remembers what is accepted now; when full, it keeps what it has.
func (s *syncer) note(now time.Time, k *keeper) {
	if s.held == snapshots {
		return
	}
	p := &s.ring[(s.oldest+s.held)%snapshots]
	p.at = now
	for i := range k.lanes {
		p.marks[i] = k.lanes[i].accepted
	}
	s.held++
}

func (k *keeper) undurable() bool {
	for i := range k.lanes {
		if k.lanes[i].durable.Less(k.lanes[i].accepted) {
			return true
		}
	}
	return false
}

// synced takes the syncer's answer.
func (k *keeper) synced(now time.Time) {
	s := &k.syncer
	asked := s.ask
	s.ask = false
	if s.asked != s.generation || k.phase != connected {
		return
	}
	if asked {
		k.leveled()
		return
	}
	if s.err != nil {
		// The appending connection finds out by itself what is wrong with the
		// server; until then nothing is released.
		s.next = now.Add(2 * syncEvery)
		return
	}
	for i := range k.lanes {
		if k.lanes[i].durable.Less(s.marks[i]) {
			s.confirmed = now
			k.settle(&k.lanes[i], s.marks[i])
		}
	}
	if s.marks != s.asking {
		k.phase = disconnected // the server lost frames: opening the lanes anew finds out which
	}
}
