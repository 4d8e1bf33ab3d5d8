package agent

import "fmt"

// Summary says where samples went: Carried + Received + Derived = Delivered +
// Stored + InFlight + DeclaredLost + Withheld. After Run has returned nothing
// is in flight.
type Summary struct {
	Carried      uint64 // in the spool when the run began
	Received     uint64 // from sensors
	Derived      uint64 // made by processing
	Delivered    uint64 // accepted by Redis
	Stored       uint64 // in the spool, not delivered
	InFlight     uint64 // in memory
	DeclaredLost uint64 // by gap records, delivered or to be
	Withheld     uint64 // by the configuration: deadband, filters, limits
}

// String is a line for people.
func (s Summary) String() string {
	text := fmt.Sprintf("received %d", s.Received)
	if s.Derived > 0 {
		text += fmt.Sprintf(" + derived %d", s.Derived)
	}
	text += fmt.Sprintf(" = delivered %d + stored %d + declared lost %d", s.Delivered, s.Stored, s.DeclaredLost)
	if s.Withheld > 0 {
		text += fmt.Sprintf(" + withheld %d", s.Withheld)
	}
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
	dropped := min(a.dropped(), up.Stored)
	s := Summary{
		Received: acc.Acquired, Derived: acc.Made, Withheld: acc.Withheld, InFlight: acc.Waiting + up.Memory,
		Stored: up.Stored - dropped, DeclaredLost: up.Counters.LostTotal() + dropped,
	}
	for _, n := range up.Counters.Delivered {
		s.Delivered += n
	}
	s.Carried = a.carried - up.Skipped
	if a.ended.Load() {
		s.Stored, s.InFlight = s.Stored+s.InFlight, 0 // the shutdown stored what was in memory
	}
	return s
}

// dropped is how many samples the store gave up for want of room and has yet
// to declare, when their turn comes.
func (a *Agent) dropped() uint64 {
	if a.store == nil {
		return 0
	}
	return a.store.Stats().Undeclared
}
