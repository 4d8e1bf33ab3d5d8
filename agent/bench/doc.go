// Package bench measures the agent's way from sensors to Redis beside
// redis-benchmark on the same server: the real pipeline, uplink and sink, fed
// by a synthetic sensor. Each measurement is repeated, the subjects by turns,
// because the speed of a shared machine moves between runs more than the
// subjects differ; ratios are therefore taken within a round.
//
// Nothing here runs unless `telhub bench` asks for it. The goroutine that
// calls Run owns everything.
package bench
