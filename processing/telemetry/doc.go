// Package telemetry reads telhub's streams (docs/wire.md) and hands what they
// hold to a Sink in batches. It acknowledges a frame after the sink has
// committed it and not before, so that a frame reaches the sink at least once;
// a sink that keeps a ledger of identities in the same transaction
// (processing/postgres) has its effect exactly once.
//
// A purpose is a consumer group of its own, for example "storage" for rows and
// "alarms" for notifications: each has its own progress and its own Consumer.
// Any number of processes may run a Consumer of the same group.
//
// Goroutines of a Consumer, all started and awaited by Run:
//
//	reader, one a shard   XREADGROUP, own pending after a lost reply, others'
//	                      after their lease, renewal, groups that are missing
//	worker                takes a batch, decodes, Store, XACK; the first one of
//	                      several takes nothing but lane alarm
//	watch                 asks how far the group is behind, for Stats
//
// Between them stands one queue with a place for each lane and a bound on
// entries and bytes. A reader asks for no more than there is room, so that
// memory is bounded however long the sink is away.
//
// What cannot be decoded, and what the sink refuses for what it is, goes to the
// dead letter stream "<stream>:{<shard>}:dead" with the reason, in one step
// with its acknowledgement. It blocks nothing and is never dropped.
//
// The package imports uplink/frame and go-redis and nothing else of ours.
package telemetry
