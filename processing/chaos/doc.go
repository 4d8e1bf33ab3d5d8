// Package chaos holds no code: its tests run real worker processes against
// real Redis servers and a real PostgreSQL, break one thing after another
// under load, and judge by what the workers have written down and by what
// stands in the database. docs/ttp_chaos.md says what they do and what they found.
//
// `go test` runs half of the scenarios, briefly; with the build tag "chaos", as
// `make chaos-ttp`, all run, with full counts and times. A worker is this test
// binary itself, started again with the environment variable of role: it dies by
// SIGKILL like any other process.
//
// A scenario is a test function:
//
//	func TestWorkersKilled(t *testing.T) {
//		s := newScene(t, "workers killed")
//		srv := redistest.Start(t)
//		s.open(srv.URL())                  // the producer's connection; workers may be given another
//		s.crew(3, srv.URL())               // three worker processes
//		s.produce(pick(5000, 200_000))     // tasks c0, c1, …: begins, does not wait
//		…                                  // break something, and say so:
//		s.fault("worker killed", 1)
//		s.finish(promise{})                // all done, workers stopped in order, audit, row of the table
//	}
//
// What finish demands:
//
//   - each task that was enqueued stands in the table of effects exactly once:
//     nothing is lost and no effect is there twice. The table has no unique key
//     of its own that could hide one;
//   - each execution is accounted for: it took effect, or the ledger knew the
//     task and skipped it, or it failed, or its worker was killed in the middle, and
//     there were no more of the last kind than killed workers could hold;
//   - the queue is empty: nothing waits, is delayed, is pending or dead;
//   - workers that were told to stop ended with code 0.
//
// The test binary owns every process and ends each by its own id.
package chaos
