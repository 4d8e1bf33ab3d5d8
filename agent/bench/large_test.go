package bench

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

// The first live sample of a start beside a large spool is in Redis within a
// second of exec: the backlog is opened without reading it, and follows behind.
// The spool is of 128 MB; in the long forms of 1.1 GB, also without what the
// kernel has of it in its cache.
func TestStartBesideALargeSpool(t *testing.T) {
	size := int64(128 << 20)
	if full() || os.Getenv("TELHUB_SOAK") != "" {
		size = 1100e6
	}
	t.Setenv("TELEMETRY_SPOOL_MAX_SIZE", "8GB")
	telhub, staged := build(t, program, ""), t.TempDir()
	begin := time.Now()
	s := fillStore(t, staged, 4096, size)
	t.Logf("%d samples, %.0f MB spooled in %.1f s", s.samples, float64(s.bytes)/1e6, time.Since(begin).Seconds())
	warm := starts(t, telhub, staged, func(string) {})
	t.Logf("first live sample: %.0f ms (%.0f to %.0f)", warm[1], warm[0], warm[2])
	if warm[1] > 1000 {
		t.Errorf("the first live sample came after %.0f ms, want 1 s at most", warm[1])
	}
	if size < 1e9 {
		return
	}
	cold := starts(t, telhub, staged, func(spool string) { forget(t, spool) })
	t.Logf("first live sample with cold caches: %.0f ms (%.0f to %.0f)", cold[1], cold[0], cold[2])
	if cold[1] > 1000 {
		t.Errorf("with cold caches the first live sample came after %.0f ms, want 1 s at most", cold[1])
	}
}

// forget lets the kernel drop what it has of a directory's files in its cache.
func forget(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.Sync(), unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// starts starts telhub three times beside a clone of a spool, each on a server
// of its own, and returns after how many milliseconds, sorted, a frame of lane
// live was there.
func starts(t *testing.T, telhub, staged string, before func(spool string)) (took []float64) {
	t.Helper()
	for range 3 {
		srv, d := redistest.Start(t), plug(t, 1)
		spool := filepath.Join(d.dir, "spool")
		bytes := cloneSpool(t, staged, spool)
		config := d.config(t, srv.URL(), "[uplink]\nencoding = \"compact\"")
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { d.speak(ctx, time.Millisecond) })
		before(spool)
		took = append(took, firstFrame(t, srv, telhub, config))
		cancel()
		wg.Wait()
		left := spoolSize(t, spool)
		t.Logf("%.0f ms beside %d MB; %d MB were left when the agent was stopped at once", took[len(took)-1], bytes>>20, left>>20)
		srv.Stop()
	}
	slices.Sort(took)
	return took
}

func spoolSize(t *testing.T, dir string) (bytes int64) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if st, err := os.Stat(f); err == nil {
			bytes += st.Size()
		}
	}
	return bytes
}
