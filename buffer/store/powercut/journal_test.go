package powercut

import (
	"compress/gzip"
	"encoding/gob"
	"os"
	"sync"
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

// recorder takes entries from several goroutines until it is stopped.
type recorder struct {
	mu      sync.Mutex
	entries []entry
	flushed int // flushes among them
	off     bool
}

func (r *recorder) add(e entry) {
	r.mu.Lock()
	if !r.off {
		r.entries = append(r.entries, e)
		if e.Kind == flush {
			r.flushed++
		}
	}
	r.mu.Unlock()
}

// flushes returns how many barriers are recorded so far.
func (r *recorder) flushes() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.flushed
}

// stop ends the recording: this is the moment of the last possible cut.
func (r *recorder) stop() []entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.off = true
	return r.entries
}

// flushes counts the barriers.
func (r *recording) flushes() (n int) {
	for i := range r.Entries {
		if r.Entries[i].Kind == flush {
			n++
		}
	}
	return n
}

func (r *recording) save(t testing.TB, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z, _ := gzip.NewWriterLevel(f, gzip.BestCompression)
	if err := gob.NewEncoder(z).Encode(r); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
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
