// Package postgres keeps what telhub's streams hold in PostgreSQL (14 or
// later, nothing else in it), each frame with its effect exactly once: rows, the
// ledger of identities and the alarm outbox change in one transaction.
//
//	Open, Migrate   a pool of connections; the schema "telhub", made and
//	                brought up to date
//	Storage         telemetry.Sink of the group "storage": samples, events, gaps
//	Alarms          telemetry.Sink of the group "alarms": the outbox
//	Dispatcher      outbox → tasks alarm.notify in processing/queue
//	Once            for any handler: a task's effect and its ID in one
//	                transaction
//	Keeper          dates for frames without, partitions, clean-up
//	Audit           acquired = rows + declared losses, device by device
//
// Run of Dispatcher and Keeper are goroutines of the caller, which end with
// their context. Any number of processes may run them side by side.
//
// It imports processing/telemetry, whose Sink it satisfies, processing/queue for
// tasks, agent/audit to compare with what the streams hold, and pgx.
package postgres
