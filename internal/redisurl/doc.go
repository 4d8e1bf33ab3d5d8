// Package redisurl reads the address of a Redis as telhub and ttp take it: one
// server, a socket, Sentinel or Cluster, with or without TLS. It also hides what is
// secret in one. It does no I/O and starts no goroutine.
package redisurl
