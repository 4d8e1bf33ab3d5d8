package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"syscall"
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
		if s, ok := p.(stopped); ok {
			*err = s.cause
			return
		}
		*err = fmt.Errorf("%w: %v", errPanic, p)
	}
}

// faultsPanic makes a read error under a mapping (SIGBUS) a panic of this
// goroutine instead of the end of the process; the caller defers the result's
// restoration with debug.SetPanicOnFault.
func faultsPanic() (before bool) { return debug.SetPanicOnFault(true) }

// openWriter makes a file for writing; there must be none. A file that bbolt
// has just made has a free list, so that it need not scan the file for one: it
// does that in a goroutine of its own, where no recover reaches. With noSync the
// caller syncs.
func openWriter(path string, mapSize int, noSync bool) (db *bolt.DB, err error) {
	defer rescue(&err)
	defer debug.SetPanicOnFault(faultsPanic())
	db, err = bolt.Open(path, fileMode, &bolt.Options{
		OpenFile:        makeFile,
		Logger:          &stopper{},
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

// makeFile opens a file that does not exist.
func makeFile(path string, flag int, mode os.FileMode) (*os.File, error) {
	return os.OpenFile(path, flag|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, mode)
}

// update runs fill in one transaction and returns how many bytes it wrote to
// the file. After an error the file must be closed, or abandoned if it is
// errStuck, and checked again. What bbolt will read of the file must be sound.
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
		// Nobody counts with it: it makes the file differ from any other of the
		// same shape, see fileMark.
		if err = b.SetSequence(rand.Uint64()); err != nil {
			return 0, err
		}
	}
	b.FillPercent = 1 // keys come in order, mostly
	if err = fill(b); err != nil {
		return 0, err
	}
	stop := tx.DB().Logger().(*stopper)
	stop.armed = true
	err = tx.Commit()
	stop.armed = false
	if err != nil {
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
