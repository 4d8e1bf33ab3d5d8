//go:build !race

package bench

// raceEnabled: the race detector allocates by itself.
const raceEnabled = false
