package bench

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	client "github.com/redis/go-redis/v9"
	"golang.org/x/sys/unix"

	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
	"github.com/telhub/telhub/uplink/redis"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// drain is the end of a long outage: the board's own program finds a backlog,
// kept before by the agent's pipeline, uplink and store, takes 1,000 samples a
// second from a serial port, and Redis comes back.
type drain struct {
	t       testing.TB
	srv     *redistest.Server
	ctl     *client.Client
	telhub  string
	staged  string // spool, cloned for each round
	samples uint64 // in it
	budget  int    // what `telhub check` prints, bytes
	rates   struct{ reference, bare, reading, drain, share, times []float64 }
	idle    latency
	during  latency
	anon    [3]int // most of outage, drain, idle
}

// latency is how long it took until Redis accepted the frames of lane live,
// from the stamp of the first sample, and of the last, which the frame did not
// wait for; in Redis' own milliseconds.
type latency struct{ first, last []time.Duration }

const (
	liveEvery = 3 * time.Millisecond // a line of three values
	liveFlush = "10ms"               // the least that is possible
)

// TestDrainOfAnOutage is the drain of TELHUB_DRAIN samples, in several rounds,
// once of readings with a resolution and once of bare floats, which are twenty
// times as many bytes. Without it the drain is small and judged by what is not
// noise: the balance and the memory.
func TestDrainOfAnOutage(t *testing.T) {
	size, rounds := uint64(3e6), 1
	if full() {
		n, err := strconv.ParseUint(os.Getenv("TELHUB_DRAIN"), 10, 64)
		if err != nil {
			t.Fatal("TELHUB_DRAIN: ", err)
		}
		size, rounds = n, 3
	}
	telhub := build(t, program, "")
	t.Run("resolved", func(t *testing.T) {
		newDrain(t, telhub, func(dir string) uint64 {
			n, took := spoolUp(t, dir, size)
			t.Logf("%d samples spooled in %.1f s, %.2fM samples/s", n, took.Seconds(), float64(n)/took.Seconds()/1e6)
			return n
		}).rounds(rounds)
	})
	if full() {
		t.Run("floats", func(t *testing.T) {
			newDrain(t, telhub, func(dir string) uint64 {
				return fillStore(t, dir, outageFrame, int64(size)*15/2).samples
			}).rounds(rounds)
		})
	}
}

func newDrain(t testing.TB, telhub string, stage func(dir string) uint64) *drain {
	t.Helper()
	t.Setenv("TELEMETRY_REDIS_MAXLEN", "0")
	t.Setenv("TELEMETRY_SPOOL_MAX_SIZE", "8GB")
	d := &drain{t: t, srv: redistest.Start(t), telhub: telhub, staged: t.TempDir()}
	d.ctl = client.NewClient(&client.Options{Addr: d.srv.Addr(), MaxRetries: -1})
	t.Cleanup(func() { d.ctl.Close() })
	d.samples = stage(d.staged)
	return d
}

func (d *drain) rounds(n int) {
	d.t.Helper()
	for range n {
		d.round()
	}
	d.report()
}

// pin keeps the server on the first CPU, where there are others.
func (d *drain) pin() {
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) != nil || set.Count() < 2 {
		return
	}
	first := 0
	for !set.IsSet(first) {
		first++
	}
	set.Zero()
	set.Set(first)
	if err := unix.SchedSetaffinity(d.srv.Pid(), &set); err != nil {
		d.t.Error(err)
	}
}

// round measures the references and then a drain.
func (d *drain) round() {
	t := d.t
	t.Helper()
	d.pin()
	m, err := newServer(redis.Options{Server: redis.Address{Network: "tcp", Addrs: []string{d.srv.Addr()}}})
	if err != nil {
		t.Fatal(err)
	}
	defer m.client.Close()
	reference, err := m.reference(t.Context(), 400_000)
	if err != nil {
		t.Fatal(err)
	}
	bare, reading := d.bare()
	d.srv.Stop() // it has no persistence: it comes back empty

	dev := plug(t, 1)
	dev.clone(t, d.staged)
	config := dev.config(t, d.srv.URL(), "[uplink]\nencoding = \"compact\"\nflush = \""+liveFlush+
		"\"\n[uplink.breaker]\nopen = \"100ms\"\nopen_max = \"200ms\"")
	d.check(config)
	p := start(t, d.telhub, config)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	w := newWatch(p)
	wg.Go(func() { w.run(ctx, t) })
	wg.Go(func() { dev.speak(ctx, liveEvery) })
	api := dev.api()
	wait(t, "the outage", p, func() bool { return api.metric("telemetry_samples_received_total") >= 1500 })
	w.enter(1)
	d.srv.Start()
	d.pin()
	wait(t, "the drain", p, func() bool {
		return api.metric("telemetry_uplink_live") == 1 && api.metric("telemetry_spool_frames") == 0
	})
	w.enter(2)
	idle := time.Now().Add(500 * time.Millisecond)
	<-time.After(5500 * time.Millisecond)
	cancel()
	wg.Wait()
	p.stop(t)
	for i := range d.anon {
		d.anon[i] = max(d.anon[i], w.most[i])
	}
	d.rates.reference, d.rates.bare, d.rates.reading = append(d.rates.reference, reference), append(d.rates.bare, bare), append(d.rates.reading, reading)
	d.judge(config, idle)
}

// bare is the ceiling: the same frames in the same batches by a loop that does
// nothing but append them, and by one that reads each batch from the store
// first. It returns samples a second of both.
func (d *drain) bare() (appending, reading float64) {
	t := d.t
	t.Helper()
	dir := t.TempDir()
	cloneSpool(t, d.staged, dir)
	st, _, err := store.Open(store.Options{Dir: dir, MaxBytes: 8 << 30, PendingBytes: 512 << 10, Now: nowMilli})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	var kept []uplink.Batch
	each(t, st, func(b *uplink.Batch) {
		c := *b
		c.Items = slices.Clone(b.Items)
		for i := range c.Items {
			c.Items[i].Data = slices.Clone(c.Items[i].Data)
		}
		kept = append(kept, c)
	})
	send := func(device string, all func(func(*uplink.Batch))) float64 {
		sink, err := redis.New(redis.Options{
			Server: redis.Address{Network: "tcp", Addrs: []string{d.srv.Addr()}}, Device: device, Stream: device, Shards: 1, Durability: "memory",
		})
		if err != nil {
			t.Fatal(err)
		}
		defer sink.Close()
		var marks [frame.Lanes]uplink.Mark
		if _, err := sink.Open(t.Context(), 1, &marks); err != nil {
			t.Fatal(err)
		}
		samples, begin := uint64(0), time.Now()
		all(func(b *uplink.Batch) {
			if err := sink.Append(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			for i := range b.Items {
				samples += uint64(b.Items[i].N)
			}
		})
		return float64(samples) / time.Since(begin).Seconds()
	}
	appending = send("bare", func(f func(*uplink.Batch)) {
		for i := range kept {
			f(&kept[i])
		}
	})
	kept = nil
	return appending, send("reading", func(f func(*uplink.Batch)) { each(t, st, f) })
}

// each reads lane backfill of a store in batches as the sender makes them; they
// are valid during the call only.
func each(t testing.TB, st *store.Store, f func(*uplink.Batch)) {
	t.Helper()
	var frames [uplink.MaxBatch]frame.Frame
	for i := range frames {
		frames[i].Payload = make([]byte, 0, 64<<10)
	}
	boot := bootID(t).String()
	var prev frame.ID
	b := uplink.Batch{Lane: frame.Backfill, Fence: 1}
	for bytes, more := 0, true; more; {
		x := &frames[len(b.Items)]
		var err error
		if more, err = st.Next(frame.Backfill, prev, x); err != nil {
			t.Fatal(err)
		}
		if more {
			b.Items = append(b.Items, uplink.Item{
				ID: x.ID, N: x.N, T0: x.T0 + x.Dating.Offset, T1: x.T1 + x.Dating.Offset,
				Quality: x.Dating.Quality.String(), Boot: boot, Encoding: "compact", Data: x.Payload,
			})
			bytes, prev = bytes+len(x.Payload), x.ID
		}
		if n := len(b.Items); n > 0 && (!more || n == len(frames) || bytes >= 64<<10) {
			f(&b)
			b.Prev, b.Items, bytes = b.Items[n-1].ID, b.Items[:0], 0
		}
	}
}

// clone gives the devices' agent a backlog.
func (d *devices) clone(t testing.TB, staged string) {
	t.Helper()
	cloneSpool(t, staged, filepath.Join(d.dir, "spool"))
}

// check reads what the configuration may take of memory.
func (d *drain) check(config string) {
	d.t.Helper()
	out, err := exec.Command(d.telhub, "check", "--json", "--config", config).Output()
	if err != nil {
		d.t.Fatal(err)
	}
	var cost struct {
		Memory int `json:"memory_bytes"`
	}
	if err := json.Unmarshal(out, &cost); err != nil {
		d.t.Fatal(err)
	}
	d.budget = cost.Memory
}

// wait polls until ok.
func wait(t testing.TB, what string, p *process, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(5 * time.Minute); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waiting for %s\n%s", what, &p.log)
		}
	}
}
