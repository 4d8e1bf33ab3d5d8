package frame

import "github.com/telhub/telhub/drivers"

// Channel is one named quantity of one sensor.
type Channel struct {
	Name       string  // "<sensor>/<output>", as in "greenhouse/temperature"
	Unit       string  // SenML unit; empty for a bare number
	Resolution float64 // the sensor's own step, 0 when unknown: a hint, never a loss
	Group      uint16  // channels of one group are read together and share stamps
}

// Schema is the agent's channel table; drivers.Sample.Channel indexes it. It
// is immutable once the agent runs.
type Schema struct {
	Channels []Channel
}

// GroupOf returns the group of a sample's channel.
func (s *Schema) GroupOf(x *drivers.Sample) uint16 { return s.Channels[x.Channel].Group }
