// Package redis is the uplink's sink: Redis Streams by way of one Lua script
// (append.lua) that appends a batch of frames exactly once. It runs on a
// single server, behind Sentinel and on a Cluster; on Redis 6 and later,
// Valkey, KeyDB and Dragonfly, because it needs nothing but EVALSHA, HGET,
// HSET and XADD.
//
// Keys (design: one slot per shard, so that a batch touches one node):
//
//	<stream>:{<shard>}:<lane>   a stream per lane, entries as in docs/wire.md
//	<stream>:{<shard>}:state    a hash: "<device>|<lane>" → "fence;epoch;seq"
//
// A user of the server's ACL needs no more than this (stream "telhub"):
//
//	ACL SETUSER telhub on >PASSWORD ~telhub:* +evalsha +eval +hget +hset +xadd +info +command|info +wait
//
// and besides
//
//	+waitaof                  from Redis and Valkey 7.2, which know it
//	+select                   for a database other than 0
//	+cluster|slots +asking    in a cluster
//	+xread +xrevrange         for `telhub tail`, which is the same user
//
// Without +info the level of durability is not found out and taken for "age";
// without +command|info WAITAOF is not used.
//
// The package starts no goroutine of its own (go-redis has some for Sentinel
// and for a cluster's map). One goroutine calls Open and Append, a second one
// Sync; each has its own connection. In the normal case an Append allocates
// nothing on a single server.
//
// It imports uplink for the contract that it satisfies, and go-redis.
package redis
