package store

import (
	"os"
	"path/filepath"
	"sync"

	bolt "go.etcd.io/bbolt"

	"github.com/telhub/telhub/uplink/frame"
)

// fuzzBaseOnce makes a sound segment once for all runs of a fuzz target.
var fuzzBaseOnce = sync.OnceValues(func() ([]byte, bool) {
	dir, err := os.MkdirTemp("", "store-fuzz")
	if err != nil {
		return nil, false
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "base")
	db, err := openWriter(path, 0, true)
	if err != nil {
		return nil, false
	}
	l := lanePut{lane: frame.Live}
	for range 4 {
		_, err = update(db, func(b *bolt.Bucket) error {
			for range 5 {
				f := l.next(1, 2000)
				l.last = f.ID
				for rest := appendRecords(nil, f); len(rest) > 0; {
					var k, v []byte
					if k, v, rest = cutRecord(rest); b.Put(k, v) != nil {
						return errRecord
					}
				}
			}
			return nil
		})
		if err != nil {
			return nil, false
		}
	}
	if db.Close() != nil {
		return nil, false
	}
	base, err := os.ReadFile(path)
	return base, err == nil
})
