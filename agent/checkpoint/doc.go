// Package checkpoint keeps what must survive a restart beside samples: which
// alarms are raised, how far counters have counted, what is left of flash's
// budget, and when earlier boots were. It is one small file in the spool's
// directory, replaced as a whole.
//
// # Alarms are told exactly once
//
// An alarm's frame is in the store, committed, before Redis gets it. A File
// learns of it when it is committed (Put, Begin, End), and the store keeps the
// frame until the File has itself been saved (Saved). So after a power cut the
// state of all alarms is what the file says plus what the store's alarm frames
// behind it say (Replay): an alarm is raised there if and only if its frame can
// still reach Redis, or has.
//
// Counters and boots are saved now and then, and when the agent ends: a power
// cut takes a counter back to its last save.
//
// It starts no goroutine; its methods may be called from several.
package checkpoint
