// Package slowdisk is for tests: it serves a directory through /dev/fuse as a
// file system that can be made slow, broken, hung or full while programs use
// it. All data stand in the directory behind it, as the program wrote them.
//
// It needs root and the fuse module. A Disk is served by goroutines of its
// own, from Mount to Close; the process that serves it must not use the mount
// itself while it hangs. Protocol: linux/fuse.h, 7.31.
package slowdisk
