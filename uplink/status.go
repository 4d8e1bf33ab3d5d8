package uplink

import (
	"time"

	"github.com/telhub/telhub/uplink/frame"
)

// EventKind says what an Event tells.
type EventKind uint8

// The events of an uplink.
const (
	EventConnected      EventKind = iota // lanes are open; Level
	EventDisconnected                    // an attempt failed while connected; Err
	EventBreakerOpened                   // Err, Until
	EventFenced                          // another agent took over; nothing is sent any more; Err
	EventRenumbered                      // a higher epoch was taken; From.Epoch, To.Epoch
	EventRewound                         // the server lost frames that are not held here any more; Lane, From, To
	EventStoreFailed                     // Err
	EventStoreRecovered                  // a commit worked again
	EventLevel                           // the server can confirm more, or less, than when it was connected; Level
)

// Event is something worth a log line.
type Event struct {
	Kind     EventKind
	Err      error
	Level    Durability
	Lane     frame.Lane
	From, To frame.ID
	Until    time.Time
}

// LaneStatus is one lane's position.
type LaneStatus struct {
	Last     frame.ID // last number given out
	Accepted frame.ID // last frame that Redis took
	Durable  frame.ID // last frame that Redis holds durably
	Queued   int      // frames in memory that Redis has not taken
	Retained int      // frames in memory until Redis holds them durably
	Ahead    frame.ID // of lane alarm: last frame that was on flash before it was sent
}

// Status is a copy of the uplink's state.
type Status struct {
	Connected bool
	Fenced    bool
	Live      bool // new frames go out live
	// AwaitingTime: nothing is sent because Options.RequireSync waits for NTP
	// or GNSS.
	AwaitingTime bool
	Epoch        uint64
	Breaker      BreakerState
	NextTry      time.Time // when the breaker is open
	Trips        uint64
	Level        Durability
	Lanes        [frame.Lanes]LaneStatus
	Stored       uint64 // samples in the store that Redis has not accepted
	Skipped      uint64 // samples that the store carried over and Redis had already
	Memory       uint64 // samples in memory that Redis has not accepted
	// Unconfirmed is since when Redis has taken frames and confirmed none as
	// durable; zero while none waits for that.
	Unconfirmed time.Time
	Held        int // frames that wait for the store's memory
	LastError   error
	StoreErr    error
	Counters    Counters
}

// Status returns the state after the keeper's last step. Safe for concurrent use.
func (u *Uplink) Status() Status {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.status
}

// publish copies the state for Status.
func (k *keeper) publish() {
	u := k.u
	u.mu.Lock()
	defer u.mu.Unlock()
	s := &u.status
	s.Connected, s.Fenced = k.phase == connected, k.phase == fenced
	s.Live, s.Epoch, s.Level = k.goesLive(frame.Normal), k.epoch, k.level
	s.Breaker, s.NextTry, s.Trips = k.breaker.State(), k.breaker.Next(), k.breaker.Trips()
	s.AwaitingTime = k.awaiting
	s.Held, s.LastError, s.StoreErr = len(k.hold), k.lastErr, k.storeErr
	s.Counters = k.count
	if s.Unconfirmed = k.syncer.confirmed; !k.undurable() {
		s.Unconfirmed = time.Time{}
	}
	s.Stored, s.Skipped, s.Memory = uint64(max(k.stored, 0)), k.skipped, 0
	for _, f := range k.hold {
		s.Memory += samples(f)
	}
	for i := range k.lanes {
		l := &k.lanes[i]
		for _, f := range l.q[l.sent:] {
			s.Memory += samples(f)
		}
		s.Lanes[i] = LaneStatus{
			Last: l.last, Accepted: l.accepted, Durable: l.durable,
			Queued: len(l.q) - l.sent, Retained: len(l.q),
		}
	}
	s.Lanes[frame.Alarm].Ahead = k.ahead.durable
}

// samples is how many samples a frame holds; a gap record holds none.
func samples(f *frame.Frame) uint64 {
	if f.Kind != frame.Data {
		return 0
	}
	return uint64(f.N)
}
