// Package store keeps frames on flash while the uplink is away: segments of a
// few MB, each a bbolt file of its own that is only appended to, and a small
// bbolt file with the store's state.
//
//	<dir>/lock            flock: one process owns the directory
//	<dir>/meta.db         epoch, clean mark, drop notes, see state
//	<dir>/0000002a.seg    a segment; the highest number is written to
//	<dir>/00000028-00000029.seg  a thinned one, in the place of those two
//	<dir>/segments.sum    what is in segments: a cache, so that Open need not read them
//	<dir>/*.seg.tmp       being made, as is meta.db.tmp; removed at Open
//	<dir>/*.bad-<time>    damaged, set aside after salvage; never deleted
//
// A segment that is acknowledged whole is unlinked: nothing is ever deleted by
// key, so no free list grows, space comes back at once and damage stays inside
// one segment. A key is (lane, epoch, seq, chunk), big-endian; a value is a
// chunk of a frame with its own CRC-32C over key and data, so that a record
// proves itself wherever in a damaged file it is found.
//
// When the store is full, Normal frames go first (thin.go): the oldest segment
// is written anew with the frames of a higher class and, in the place of the
// others, gap records that count them. Segments so always cover ranges that
// follow each other, and one commit is one transaction of one file, whatever
// classes are in it. Where all frames are Normal, segments are unlinked whole.
//
// "It always starts", and no damage ends the process: bbolt panics on broken
// pages, once in a goroutine of its own where recover does not reach, follows a
// branch that leads back to itself until memory ends, and reads through a
// mapping, where a read error or a file cut short is a SIGBUS. So it only
// writes, and only files that it made itself (bolt.go); the pages that a commit
// will go through are proved before (proveWay), its goroutine is kept away
// (stopper.go), and faults are made errors. All reading is done here, with plain
// reads that trust nothing (check.go, cursor.go). A file that fails is salvaged
// by its records' CRCs, renamed and reported, never fatal. A disk that refuses is
// no damage: what it holds is read later (heal.go). docs/power_cuts.md
// lists what bbolt can do and why it cannot take the agent down.
//
// Goroutines: the package starts none. Put and Next belong to the uplink,
// Commit and Sweep to one committer; all may run side by side. Put touches
// neither disk nor heap. A disk that hangs holds up who writes (Commit, Sweep,
// Reassign, Close) and who reads (Next, Peek, Samples), and nobody else.
//
// It imports uplink/frame for its types, bbolt, and nothing else of ours.
package store
