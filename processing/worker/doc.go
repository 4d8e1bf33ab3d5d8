// Package worker runs tasks of a queue: it fetches them by classes and credits,
// hands them to handlers, keeps their leases, and tells the queue what came of
// them. docs/task_queue.md describes what it promises.
//
// A Pool has, while Run runs,
//
//   - Options.Workers goroutines that run handlers, and Options.Reserved more
//     that run critical tasks only;
//   - for each shard a fetcher (the one that blocks in Redis), a committer (who
//     finishes in batches what handlers have ended), a keeper (who renews leases,
//     and takes over what dead workers held) and a promoter (delayed and
//     recurring tasks).
//
// Run returns when all of them have ended.
//
// A task runs at least once. It may run again when its worker died, when Redis
// could not be reached for longer than a lease, or when it gave no answer until
// its timeout and the grace behind it were over; its completion is accepted from
// its owner only.
package worker
