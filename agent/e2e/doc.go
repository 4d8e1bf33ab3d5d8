// Package e2e holds no code: its tests build the telhub that goes on boards,
// run it as a process of its own between pseudo-terminals and a real
// redis-server, break what can break, and then judge by the streams alone.
// docs/testing.md says what they show and how to run them at full length.
//
// The test binary owns every process that it starts and ends each by its own
// id. The tests import the agent's packages only to decode what arrived.
package e2e
