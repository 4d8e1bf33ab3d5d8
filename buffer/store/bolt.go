package store

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// A file of ours is always open under the directory's lock, so bbolt's own
// lock is free or something is wrong: do not wait for it.
const boltLockWait = time.Millisecond

// errPanic is a panic of bbolt or a fault in its mapping, made an error.
var errPanic = errors.New("bbolt stopped")

// errStuck is an errPanic that left bbolt's locks held: Close would wait for
// ever, so the handle is abandoned with its file descriptor and mapping. That
// is one a damaged file, at most.
var errStuck = errors.New("bbolt stopped holding its locks")

// rescue turns a panic below it into *err. It catches faults in a mapping too
// if faultsPanic is in force.
func rescue(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%w: %v", errPanic, p)
	}
}

// faultsPanic makes a read error under a mapping (SIGBUS) a panic of this
// goroutine instead of the end of the process; the caller defers the result's
// restoration with debug.SetPanicOnFault.
func faultsPanic() (before bool) { return debug.SetPanicOnFault(true) }

// openWriter opens or makes a file for writing. An existing one must have
// passed checkFile: bbolt rebuilds its free list in a goroutine of its own,
// which panics on a broken page. With noSync the caller syncs.
func openWriter(path string, mapSize int, noSync bool) (db *bolt.DB, err error) {
	defer rescue(&err)
	db, err = bolt.Open(path, fileMode, &bolt.Options{
		Timeout:         boltLockWait,
		NoFreelistSync:  true,
		NoGrowSync:      true, // fdatasync covers the length; files stay as long as their pages
		FreelistType:    bolt.FreelistArrayType,
		InitialMmapSize: mapSize, // never remapped, so readers never block the writer
		PageSize:        pageSize,
		NoStatistics:    true,
		NoSync:          noSync,
	})
	return db, err
}

// openReader opens a checked file for reading: no free list, no goroutine.
func openReader(path string) (db *bolt.DB, err error) {
	defer rescue(&err)
	defer debug.SetPanicOnFault(faultsPanic())
	return bolt.Open(path, fileMode, &bolt.Options{
		ReadOnly: true, Timeout: boltLockWait, PageSize: pageSize, NoStatistics: true,
	})
}

// update runs fill in one transaction and returns how many bytes it wrote to
// the file. After an error the file must be closed, or abandoned if it is
// errStuck, and checked again.
func update(db *bolt.DB, fill func(*bolt.Bucket) error) (written int64, err error) {
	defer debug.SetPanicOnFault(faultsPanic())
	tx, err := begin(db, true)
	if err != nil {
		return 0, err
	}
	if written, err = fillAndCommit(tx, fill); err != nil {
		err = errors.Join(err, rollback(tx))
	}
	return written, err
}

func fillAndCommit(tx *bolt.Tx, fill func(*bolt.Bucket) error) (written int64, err error) {
	defer rescue(&err)
	b := tx.Bucket([]byte(bucketName))
	if b == nil {
		if b, err = tx.CreateBucket([]byte(bucketName)); err != nil {
			return 0, err
		}
	}
	b.FillPercent = 1 // keys come in order, mostly
	if err = fill(b); err != nil {
		return 0, err
	}
	if err = tx.Commit(); err != nil {
		return 0, err
	}
	stats := tx.Stats()
	return stats.GetPageAlloc() + pageSize, nil
}

// begin begins a transaction. A fault in the mapping meanwhile leaves bbolt's
// locks held.
func begin(db *bolt.DB, writable bool) (tx *bolt.Tx, err error) {
	defer func() {
		if errors.Is(err, errPanic) {
			err = fmt.Errorf("%w: %w", errStuck, err)
		}
	}()
	defer rescue(&err)
	return db.Begin(writable)
}

// rollback ends a transaction that may have ended already. Without it, Close
// would wait for the transaction's locks.
func rollback(tx *bolt.Tx) (err error) {
	defer func() {
		if errors.Is(err, errPanic) {
			err = fmt.Errorf("%w: %w", errStuck, err)
		}
	}()
	defer rescue(&err)
	if err = tx.Rollback(); errors.Is(err, bolterrors.ErrTxClosed) {
		err = nil
	}
	return err
}

// nextPowerOf2 returns the size of bbolt's mapping for a file of n bytes.
func nextPowerOf2(n int64) int64 {
	size := int64(32 << 10)
	for size < n {
		size *= 2
	}
	return size
}
