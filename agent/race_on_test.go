//go:build race

package agent

// raceEnabled: the race detector allocates by itself.
const raceEnabled = true
