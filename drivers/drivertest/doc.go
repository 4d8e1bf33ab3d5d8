// Package drivertest holds a driver to what the agent relies on. A driver's
// test describes one device and what it measures; Run does the rest:
//
//   - constructing it touches no bus, and its outputs have names and units
//   - Init and Read give the truth, and no single wait is longer than a minute
//   - a chip that is not there, a stuck bus, a lost arbitration, a short
//     answer, an adapter that is gone: each is told by its sentinel of package
//     drivers, and the next Init and Read give the truth again
//   - an error at any one transaction ends in an error or the truth, never in
//     another value
//   - after a dip of the supply no value is wrong, and Init brings it back
//   - Read allocates nothing, neither when it succeeds nor in a storm of errors
//
// The chip is simulated by package sim, or by the test itself: any sim.Chip
// will do, sim.NewRegisters is one for plain registers.
package drivertest
