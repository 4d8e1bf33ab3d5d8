// Package uplink carries sealed frames to Redis exactly once, through outages.
//
// Frames come in by Submit. The keeper goroutine (keeper.go) owns all state: it
// gives each frame its lane and number, keeps it until Redis has it durably,
// and hands frames that cannot go live to the store. It waits for
// neither network nor disk, but for the one small write of Store.Reassign at
// a first connect, and for the store's lock. Three goroutines do the waiting,
// each with one job at a time that passes back and forth by channel:
//
//	sender     one connection: opens lanes, appends frames, reads the backlog (sender.go)
//	committer  makes what the store has pending durable on flash (commit.go)
//	syncer     asks Redis how far it is durable (sync.go)
//
// A frame's way: Submit → keeper numbers it → lane queue → sender → append
// script → accepted → durable → Free. With the breaker open, or the queue too
// old: Submit → keeper numbers it in lane backfill → Store.Put → commit; later
// the sender reads it back with Store.Next and appends it.
//
// What goes to the store, and what waits for it, stands in spool.go. Alarms
// have a lane that goes before all others and are on flash before they are
// sent (ahead.go). Where some frames are of class High, a narrow link diverts
// the others first (admit.go). A frame gets its date when it goes, by what is
// known of its boot then (render.go).
//
// Lane queues (lane.go) and the circuit breaker (breaker.go) are pure state
// machines that take the time as an argument.
//
// The package declares the store and the sink that it needs (sink.go);
// buffer/store and uplink/redis satisfy them. It logs nothing: what happens is
// told through Options.Event.
package uplink
