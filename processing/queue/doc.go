// Package queue is a task queue on Redis Streams: tasks are taken in batches,
// wait in a stream for each class of urgency, are owned by one consumer at a
// time and are finished by their owner only. docs/task_queue.md describes keys,
// scripts and promises.
//
// A Queue may be used by any number of goroutines. It starts none itself but
// for the length of a call, and keeps connections only. All state is in Redis,
// changed by scripts each of which may be repeated after a lost reply: the
// second call changes nothing and answers as the first one did.
//
// The package knows go-redis and nothing of handlers, sinks or configuration
// files; processing/worker runs tasks, processing/config reads files.
package queue
