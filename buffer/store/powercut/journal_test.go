package powercut

import (
	"compress/gzip"
	"encoding/gob"
	"os"
	"testing"
)

// kind tells what an entry of a recording is.
type kind uint8

const (
	write kind = iota // Data at At
	flush             // all writes before it are durable
	mark              // Note: said by the workload, which waits until it is recorded
)

// entry is one thing that happened to the disk, or was said beside it.
type entry struct {
	Kind kind
	At   int64
	Data []byte
	Note string
}

// recording is a disk's content at first and what happened to it.
type recording struct {
	Base    []byte // the disk as it was
	Begin   lineage
	Entries []entry
	Drops   bool // the store is so small that it gives up frames
}

func loadRecording(t testing.TB, path string) *recording {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	r := &recording{}
	if err := gob.NewDecoder(z).Decode(r); err != nil {
		t.Fatal(err)
	}
	return r
}
