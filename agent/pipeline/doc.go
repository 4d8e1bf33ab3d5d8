// Package pipeline owns everything between sensors and sealed frames.
//
// # Flow
//
//  1. One goroutine owns each bus and its sensors (bus.go, poller.go); one
//     owns each stream port (stream.go). A reading becomes samples in the
//     owner's scratch buffer and enters the ring as one batch (source.go).
//     Sensors of high priority have a ring of their own (intake.go).
//  2. One dispatcher (dispatch.go) drains the rings, that of high priority
//     first, one batch at a time. A Processor, if there is one, makes of each
//     batch what is to be sent (processor.go).
//  3. The dispatcher moves that into the frame being built of each sample's
//     class (builder.go): alarms, high, normal. It seals a frame when it is
//     full or its oldest sample is old enough; alarms at once. The same job
//     then enters a work queue and an order queue.
//  4. Workers (worker.go) take jobs from the work queue and encode them side
//     by side. One sequencer takes them from the order queue, waits until each
//     is encoded and submits its frame to the Outlet: in the order of sealing.
//
// Processing is stateful and depends on order, hence it is the dispatcher's;
// encoding depends on nothing, hence it is the workers'.
//
// # Ownership
//
// A job and its samples belong to exactly one of: the free list, the
// dispatcher, a worker, the sequencer; channels hand it over. A frame belongs
// to its job until Submit. A sensor is touched by its bus owner only, the
// Processor by the dispatcher only.
//
// # Loss and back-pressure
//
// Without a free frame nothing is drained: samples wait in their ring, which
// overwrites its oldest when it is full. What it overwrote is declared by a
// gap record submitted between what became of the samples before and after it
// (loss.go), so that
//
//	acquired + made = framed + lost + withheld + waiting
//
// at any time, and waiting is zero after Stop (account.go). Above 80 % use of
// a ring the bus owners stretch the periods of the sensors that fill it.
//
// # Time
//
// Readings lie on absolute grids (grid.go) and are dated to the middle of
// their transaction, or of the one that began a conversion. Buses whose slots
// are close together, or shared with other buses, leave the end of each sleep
// to the kernel's high-resolution timers (sleeper.go).
//
// # Bounds
//
// New allocates everything; from Read to Submit nothing is allocated, on error
// paths neither. Gap records are the exception: they are rare, and their JSON
// is made when they are needed.
//
// The package imports drivers, buffer, uplink/frame and agent/clock. It logs
// nothing: rare transitions go to Options.Notify, numbers are copied out of
// Stats methods.
package pipeline
