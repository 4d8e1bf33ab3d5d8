package nmea

import "github.com/telhub/telhub/drivers"

// Indices of the outputs, in the order of Outputs.
const (
	outLat = iota
	outLon
	outAlt
	outSpeed
	outCourse
	outSatellites
	outInView
	outHDOP
	outPDOP
	outVDOP
	outFix
	outMode
	outGeoid
	outVariation
	outDepth
	outDepthOffset
	outWaterTemp
	outHeading
	outHeadingMag
	outTurn
	outTemperature
	outPressure
	outHumidity
	outPitch
	outRoll
	outVoltage
	outCurrent
	outRotation
	numOutputs
)

const (
	// ofFix are the outputs that mean nothing without a fix.
	ofFix uint64 = 1<<outLat | 1<<outLon | 1<<outAlt | 1<<outSpeed | 1<<outCourse |
		1<<outHDOP | 1<<outPDOP | 1<<outVDOP | 1<<outGeoid | 1<<outVariation

	// ofEpoch are the outputs that a receiver's instant has once.
	ofEpoch = ofFix | 1<<outSatellites | 1<<outInView | 1<<outFix | 1<<outMode
)

// outputs is the fixed list. SenML has no unit for a rate of turn: it stays in
// NMEA's degrees a minute, to starboard positive. Resolutions are those of
// common receivers, and hints only.
func outputs() []drivers.Output {
	return []drivers.Output{
		outLat:         {Name: "lat", Unit: "lat", Resolution: 1e-7},
		outLon:         {Name: "lon", Unit: "lon", Resolution: 1e-7},
		outAlt:         {Name: "alt", Unit: "m", Resolution: 0.1}, // above mean sea level
		outSpeed:       {Name: "speed", Unit: "m/s", Resolution: 0.0001},
		outCourse:      {Name: "course", Unit: "deg", Resolution: 0.01}, // true
		outSatellites:  {Name: "satellites", Unit: "count", Resolution: 1},
		outInView:      {Name: "satellites_in_view", Unit: "count", Resolution: 1},
		outHDOP:        {Name: "hdop", Resolution: 0.01},
		outPDOP:        {Name: "pdop", Resolution: 0.01},
		outVDOP:        {Name: "vdop", Resolution: 0.01},
		outFix:         {Name: "fix", Resolution: 1},  // 0 none 1 GNSS 2 DGNSS 3 PPS 4 RTK 5 RTK float 6 dead reckoning 7 manual 8 simulated
		outMode:        {Name: "mode", Resolution: 1}, // 1 none 2 2-D 3 3-D
		outGeoid:       {Name: "geoid_separation", Unit: "m", Resolution: 0.1},
		outVariation:   {Name: "magnetic_variation", Unit: "deg", Resolution: 0.1}, // east positive
		outDepth:       {Name: "depth", Unit: "m", Resolution: 0.1},                // below the transducer
		outDepthOffset: {Name: "depth_offset", Unit: "m", Resolution: 0.1},         // to the water line, or negative to the keel
		outWaterTemp:   {Name: "water_temperature", Unit: "Cel", Resolution: 0.1},
		outHeading:     {Name: "heading", Unit: "deg", Resolution: 0.1}, // true
		outHeadingMag:  {Name: "heading_magnetic", Unit: "deg", Resolution: 0.1},
		outTurn:        {Name: "rate_of_turn", Resolution: 0.1},
		outTemperature: {Name: "temperature", Unit: "Cel", Resolution: 0.1},
		outPressure:    {Name: "pressure", Unit: "Pa", Resolution: 10},
		outHumidity:    {Name: "humidity", Unit: "%RH", Resolution: 0.1},
		outPitch:       {Name: "pitch", Unit: "deg", Resolution: 0.1},
		outRoll:        {Name: "roll", Unit: "deg", Resolution: 0.1},
		outVoltage:     {Name: "voltage", Unit: "V", Resolution: 0.01},
		outCurrent:     {Name: "current", Unit: "A", Resolution: 0.01},
		outRotation:    {Name: "rotation", Unit: "1/min", Resolution: 1},
	}
}
