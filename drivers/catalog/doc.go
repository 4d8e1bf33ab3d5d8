// Package catalog knows every sensor engine: by what names a configuration
// calls it, what kind of bus it needs, which options it takes and how a
// sensor is made of them. It is the only package that imports all engines.
//
// It opens no bus and touches no device: OpenSensor and OpenStream construct,
// and a sensor's Init, called by the bus's owner, is the first transaction.
// That is why Check can construct a sensor without hardware, to learn whether
// its options fit together and what it measures.
//
// The package starts no goroutine. It imports drivers and the engines, never
// the agent; agent/config takes its strictness about options from here.
package catalog
