// Package redistest runs real redis-server processes for tests: on loopback
// and a unix socket, in a temporary directory, stopped by their own process
// id. It also has a proxy that loses replies.
package redistest
