// Package chaos holds no code: behind the build tag "chaos" its tests run the
// telhub that goes on boards between pseudo-terminals and real Redis servers,
// break one thing after another, and let a consumer judge that saw nothing but
// the streams. `make chaos` runs them; docs/chaos_testing.md says what they do
// and what they found.
//
// A scenario is a test function of a file of its own:
//
//	func TestPartition(t *testing.T) {
//		b := newBench(t, "link down for 10 minutes")
//		srv := redistest.Start(t, "--appendonly", "yes")
//		p := b.proxy(srv.Addr())                 // toxic.Proxy; counts what the script is given and what it takes
//		b.feed(2, 250)                           // serial devices "f0", "f1", 250 lines a second each
//		b.agent(p.URL(), `uplink.flush = "200ms"`) // keys before any table; a later line replaces an earlier one
//		b.node.start()                           // the real program; b.node.kill, stop, reload, signal, wait for samples …
//		b.talk()                                 // the devices begin
//		…                                        // inject, and say so:
//		b.fault("link down", 1)
//		b.finish()                               // devices silent, all delivered, SIGTERM, audit, row of the table
//	}
//
// b.kill, b.restart and b.reload do what they say and note it; whoever closes ports or
// lets devices fail by other means notes it by b.deaf, since a line that a
// device says while nobody has its port open was never acquired. A scenario
// that replaces servers names by b.judge the address from which the consumer
// reads at the end; otherwise it is the agent's own. pick(quick, full) chooses
// lengths. b.node.wrap is put before the program's command line ("ip", "netns",
// "exec", …), b.node.spool may be set before b.agent.
//
// What b.audit demands, after every scenario:
//
//   - `telhub audit --whole`, the real command as a process of its own, exits with 0;
//   - in the streams, read and decoded without telhub's code where they are
//     SenML, no value of a device is twice, and none that nobody sent;
//   - a line that is missing lies inside a gap record, or in a time in which its
//     port was closed (a gap record without a beginning is refused, unless b.undated is set);
//   - the words of each device's alarm, which its field a raises and clears, take turns;
//   - the last log line of every run that ended in order adds up, and if all did,
//     received + derived − withheld = what the streams hold + what they declare lost.
//
// The test binary owns every process, proxy and network namespace, and ends or
// removes each by its own id or name.
package chaos
