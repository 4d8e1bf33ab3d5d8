package bench

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/telhub/telhub/agent/clock"
	"github.com/telhub/telhub/agent/pipeline"
	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

// away is a server that nobody reaches.
type away struct{ nowhere }

// Open implements uplink.Sink.
func (away) Open(context.Context, uint64, *[frame.Lanes]uplink.Mark) (uplink.Durability, error) {
	return 0, uplink.ErrUnreachable
}

// outageFrame is the agent's own size of a frame for the store.
const outageFrame = 4096

// spoolUp lets the agent's pipeline, codec, uplink and store keep so many
// samples, or a few more, of an outage, as fast as they can. It returns how
// many they are and how long it took.
func spoolUp(t testing.TB, dir string, want uint64) (samples uint64, took time.Duration) {
	t.Helper()
	boot := bootID(t)
	st, report, err := store.Open(store.Options{
		Dir: dir, MaxBytes: 8 << 30, PendingBytes: 512 << 10, Boot: boot, Now: nowMilli,
	})
	if err != nil {
		t.Fatal(err)
	}
	g, p, m := newGate(ahead), &plan{}, &machine{table: newTable()}
	sources := m.sources(g, p)
	for _, s := range sources { // the outage ends now
		s.millis -= int64(want) / int64(len(sources)*len(fields)) * 1000
	}
	var stored atomic.Uint64
	enough := make(chan struct{})
	put := func(f *frame.Frame) { // by the keeper alone
		n := stored.Add(uint64(f.N))
		if n < want {
			g.give(int(f.N))
		} else if n-uint64(f.N) < want {
			close(enough)
		}
	}
	pool := frame.NewPool(frame.PoolSize{
		Small: 64, SmallBytes: frame.MaxPayload(&p.schema, 256), Large: 64, LargeBytes: frame.MaxPayload(&p.schema, outageFrame),
	})
	up := uplink.New(uplink.Options{
		Device: "board", Boot: boot, Epoch: report.Epoch, Encoding: "compact", Flush: time.Second, Frame: 256, LargeFrame: outageFrame,
		LargeBytes: frame.MaxPayload(&p.schema, outageFrame), MaxLoss: 5 * time.Second,
		Breaker: uplink.BreakerOptions{Failures: 1, Open: time.Hour, OpenMax: time.Hour},
		Store:   kept{Store: st, put: put}, Sink: away{}, Pool: pool, Frames: 128, Boottime: clock.Boottime, Dates: right(boot), Seed: 1,
	})
	pipe, err := pipeline.New(pipeline.Options{
		Streams: p.streams, Schema: &p.schema, Pool: pool, Outlet: up, Capacity: ringCapacity, Workers: workers, MaxSamples: outageFrame,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var wg sync.WaitGroup
	safe := false
	wg.Go(func() { safe = up.Run(ctx) })
	begin := time.Now()
	pipe.Start()
	<-enough
	took = time.Since(begin)
	g.close()
	if err := pipe.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop()
	wg.Wait()
	acc := pipe.Accounting()
	kept, err := st.Samples()
	if err != nil || !safe || acc.Lost > 0 || acc.Waiting > 0 || kept != acc.Acquired {
		t.Fatalf("of %d samples the store holds %d, %d were lost (%v)", acc.Acquired, kept, acc.Lost, err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	return kept, took
}

// cloneSpool makes a spool of the files of another, which stays as it is:
// segments that nobody writes to again are linked, so that what is known of
// them stays true, the others copied.
func cloneSpool(t testing.TB, from, to string) (bytes int64) {
	t.Helper()
	if err := os.MkdirAll(to, 0o700); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	last := ""
	for _, f := range files {
		if filepath.Ext(f.Name()) == ".seg" {
			last = f.Name()
		}
	}
	for _, f := range files {
		a, b := filepath.Join(from, f.Name()), filepath.Join(to, f.Name())
		if filepath.Ext(a) == ".seg" && f.Name() != last {
			if err := os.Link(a, b); err != nil {
				t.Fatal(err)
			}
		} else if data, err := os.ReadFile(a); err != nil {
			t.Fatal(err)
		} else if err := os.WriteFile(b, data, 0o600); err != nil {
			t.Fatal(err)
		}
		var st syscall.Stat_t
		if err := syscall.Stat(b, &st); err != nil {
			t.Fatal(err)
		}
		bytes += st.Blocks * 512
	}
	return bytes
}
