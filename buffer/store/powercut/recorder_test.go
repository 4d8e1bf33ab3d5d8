//go:build powercut

package powercut

import (
	"compress/gzip"
	"encoding/gob"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/telhub/telhub/uplink/frame"
)

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

func formatIDs(ids [frame.Lanes]frame.ID) string {
	return fmt.Sprintf("%d/%d %d/%d %d/%d", ids[0].Epoch, ids[0].Seq, ids[1].Epoch, ids[1].Seq, ids[2].Epoch, ids[2].Seq)
}
