// Package powercut cuts the power under the store at the level of blocks. Its
// files are tests; docs/power_cuts.md says what they prove and how to run them.
//
// A recording (journal_test.go) is what a disk was told, in order: every write
// with its data, every flush, and between them the marks of the workload: what
// it is about to put, what a Commit has returned for, what the sink has taken.
// A cut at any place of it leaves all that was flushed and any part of the
// rest (cut_test.go); the oracle (oracle_test.go) says what the store must
// then hold. Whoever judges opens the real store on the recovered file system.
//
// The recording of testdata is judged in every run of the tests, recovered by
// e2fsck as an unprivileged user. With the build tag powercut, recordings are
// made anew, on this machine's kernel: the disk is a loop device over a file
// that this process serves through /dev/fuse (disk_test.go), the workload is a
// process of its own, and each image is mounted, so that the kernel replays
// its journal. That needs root.
package powercut
