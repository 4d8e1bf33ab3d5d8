// Package streamtest writes telhub's streams for tests, with the codec and the
// append script that agents use: what stands in them is what an agent writes.
package streamtest
