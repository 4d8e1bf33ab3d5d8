//go:build race

package model

// raceEnabled: the race detector makes all of this ten times slower.
const raceEnabled = true
