// Package toxic is a bad network between an agent and its Redis, for tests: a
// TCP proxy that knows where messages of the Redis protocol begin and end, and
// that delays, throttles, holds back, cuts and loses them as it is told.
//
// Hold keeps what is under way and delivers it when released, as a link does
// whose packets vanished for a while and were then sent again: a request may
// reach the server long after its sender has hung up and has sent it again by
// another connection. DropReplies loses what the server says after it has
// executed a call, Tear cuts a connection in the middle of a request, Cut resets
// all of them.
//
// It counts what the append script is given and what it takes, so that a test
// knows how many frames came once more and were not appended again.
//
// New starts the goroutine that accepts; each connection has four more. Close
// ends all of them and waits. The package is for tests only and imports nothing
// of telhub's.
package toxic
