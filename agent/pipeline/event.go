package pipeline

import "github.com/telhub/telhub/uplink/frame"

// EventKind names a rare transition.
type EventKind uint8

// The kinds of event.
const (
	SensorUp    EventKind = iota // Name answers, first or again
	SensorDown                   // Name failed with Err after its retries
	BusDown                      // all sensors of bus Name fail as if it were stuck, or its adapter is gone
	BusUp                        // a sensor of bus Name answered after Step
	BusStep                      // the harsh Step was taken for bus Name; or, told once, it could not be, with Err
	Stretched                    // the ring is filling: periods are now N times as long; 1 = back to normal
	Overrun                      // N samples were overwritten in the ring and declared
	Unencodable                  // N samples could not be encoded, with Err, and were declared
)

// Event tells of a rare transition, once for each.
type Event struct {
	Kind EventKind
	Name string // of the sensor or bus
	Step string // of a bus's recovery
	// Class tells the ring: Stretched and Overrun concern the sensors of high
	// priority or those of normal priority.
	Class frame.Class
	Err   error // valid during the call only: drivers reuse their errors
	N     uint64
}
