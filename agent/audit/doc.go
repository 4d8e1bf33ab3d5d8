// Package audit proves, from what a consumer can read and nothing else, that
// the streams of docs/wire.md hold each frame once and in order and that
// whatever is missing was declared: acquired = delivered + declared lost.
//
// It is an online algorithm. Entries go in by Auditor.Add in the order of
// their streams, and what the state hash says of a lane by Auditor.Mark;
// Finish gives the Report. For each device and lane it keeps counters, the
// epochs, the holes that are open and the ranges that gap records cover, each
// list bounded, so that a stream may be as long as it likes.
//
// Lines feeds it from an export instead (docs/audit.md has the formats).
//
// It shares the codec with the rest of the project, because that is the format,
// and no counter, no reader and no rule of the uplink: what checks must not make
// the same mistake. It starts no goroutine, opens nothing, and imports
// uplink/frame only; agent/cmd/telhub brings the entries from Redis.
package audit
