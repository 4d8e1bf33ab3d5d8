// Package pipeline owns everything between sensors and sealed frames.
//
// # Flow
//
//  1. One goroutine owns each bus and its sensors (bus.go, poller.go); one
//     owns each stream port (stream.go). A reading becomes samples in the
//     owner's scratch buffer and enters the ring as one batch (source.go).
//  2. One dispatcher (dispatch.go) moves samples from the ring into the frame
//     being built and seals it when it is full or its oldest sample is old
//     enough. The same job then enters a work queue and an order queue.
//  3. Workers (worker.go) take jobs from the work queue and encode them side
//     by side. One sequencer takes them from the order queue, waits until each
//     is encoded and submits its frame to the Outlet: in the order of sealing.
//
// # Ownership
//
// A job and its samples belong to exactly one of: the free list, the
// dispatcher, a worker, the sequencer; channels hand it over. A frame belongs
// to its job until Submit. A sensor is touched by its bus owner only.
//
// # Loss and back-pressure
//
// Without a free frame nothing is drained: samples wait in the ring, which
// overwrites its oldest when it is full. What it overwrote is declared by a
// gap record submitted between the samples before and after it, so that
// acquired = framed + lost + waiting at any time and waiting is zero after
// Stop. Above 80 % ring use the bus owners stretch their periods.
//
// # Bounds
//
// New allocates everything; from Read to Submit nothing is allocated, on error
// paths neither. Gap records are the exception: they are rare, and their JSON
// is made when they are needed.
//
// The package imports drivers, buffer, uplink/frame and agent/clock. It logs nothing: rare
// transitions go to Options.Notify, numbers are copied out of Stats methods.
package pipeline
