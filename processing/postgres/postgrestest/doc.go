// Package postgrestest runs real PostgreSQL clusters for tests: made with initdb
// in a temporary directory, on the loopback and a unix socket, stopped by their
// own process id. It never touches a cluster of the system's. It installs
// nothing; what is missing it names.
package postgrestest
