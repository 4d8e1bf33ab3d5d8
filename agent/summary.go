package agent

import "fmt"

// Summary says where samples went: Carried + Received = Delivered + Stored +
// InFlight + DeclaredLost. After Run has returned nothing is in flight.
type Summary struct {
	Carried      uint64 // in the spool when the run began
	Received     uint64 // from sensors
	Delivered    uint64 // accepted by Redis
	Stored       uint64 // in the spool, not delivered
	InFlight     uint64 // in memory
	DeclaredLost uint64 // by gap records, delivered or to be
}

// String is a line for people.
func (s Summary) String() string {
	text := fmt.Sprintf("received %d = delivered %d + stored %d + declared lost %d", s.Received, s.Delivered, s.Stored, s.DeclaredLost)
	if s.InFlight > 0 {
		text += fmt.Sprintf(" + in memory %d", s.InFlight)
	}
	if s.Carried > 0 {
		text = fmt.Sprintf("carried over %d + ", s.Carried) + text
	}
	return text
}

// Summary returns where samples went so far.
func (a *Agent) Summary() Summary {
	acc := a.pipeline.Accounting()
	up := a.uplink.Status()
	s := Summary{
		Received: acc.Acquired, InFlight: acc.Waiting + up.Memory,
		Stored: up.Stored - min(a.dropped(), up.Stored), DeclaredLost: up.Counters.LostTotal() + a.dropped(),
	}
	for _, n := range up.Counters.Delivered {
		s.Delivered += n
	}
	s.Carried = a.carried - up.Skipped
	if a.ended {
		s.Stored, s.InFlight = s.Stored+s.InFlight, 0 // the shutdown stored what was in memory
	}
	return s
}

// dropped is how many samples the store dropped for want of room. They are
// declared when their turn comes.
func (a *Agent) dropped() uint64 {
	if a.store == nil {
		return 0
	}
	return a.store.Stats().Dropped
}
