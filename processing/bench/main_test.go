package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestWholeProtocol runs every part with every kind of system on real servers,
// in small: what it measures is worth nothing, but every audit must be exact.
func TestWholeProtocol(t *testing.T) {
	dir := t.TempDir()
	var out, progress bytes.Buffer
	args := "--quick --tasks 300 --for 200ms --open 50 --backlog 400 --rate 500 --workers 8 --systems ttp,asynq-tuned,raw --asynq-servers 2 " +
		"--payloads 200 --handlers 0s,1ms --aof off,everysec --masters 1,2 --rtt 1ms --pin off --json --plot " + dir
	if code := Main(t.Context(), strings.Fields(args), &out, &progress); code != 0 {
		t.Fatalf("code %d\n%s", code, &progress)
	}
	var r Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	runs, inexact := r.Audits()
	if len(inexact) > 0 {
		t.Errorf("not exact: %q", inexact)
	}
	for _, c := range []struct {
		what      string
		got, want int
	}{
		// 3 cases of two queues, and two bare loops
		{"floods", len(r.Floods), 3*2 + 2}, {"splits", len(r.Splits), 4}, {"ceilings", len(r.Ceilings), 4},
		{"round trips", len(r.Fars), 4}, {"workers", len(r.Workers), 4}, {"backlogs", len(r.Backlogs), 2}, {"lates", len(r.Lates), 2}, {"shards", len(r.Shards), 2},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d series, want %d", c.what, c.got, c.want)
		}
	}
	if len(r.Opens) < 4 || runs < 20 || r.Model == nil || len(r.Goals) < 8 {
		t.Errorf("%d open loops, %d runs, model %v, %d goals", len(r.Opens), runs, r.Model, len(r.Goals))
	}
	for _, s := range r.Floods {
		f := s.Runs[0]
		if f.PerSecond <= 0 || f.Cost.RedisUS <= 0 || f.Cost.ClientUS <= 0 || f.Cost.Allocs <= 0 || f.Audit.Tasks != s.Case.Tasks {
			t.Errorf("%s, %s: %+v", s.System, s.Label, f)
		}
	}
	for _, s := range r.Splits {
		if b := s.Runs[0].BytesQueued; b < 200 || b > 20_000 {
			t.Errorf("%s: %v bytes a queued task of 200", s.System, b)
		}
	}
	for _, name := range []string{"throughput.svg", "latency.svg", "workers.svg"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

func TestMainNamesWhatIsWrong(t *testing.T) {
	for args, want := range map[string]struct {
		code int
		text string
	}{
		"--rounds 0":                    {2, "--rounds 0"},
		"--nonsense":                    {2, "--help"},
		"--url http://x --parts flood":  {1, "url"},
		"--url rediss://x --parts late": {1, "without TLS"},
	} {
		var out, progress bytes.Buffer
		if code := Main(t.Context(), strings.Fields(args), &out, &progress); code != want.code || !strings.Contains(progress.String(), want.text) {
			t.Errorf("%s: code %d, %q; want %d and %q", args, code, &progress, want.code, want.text)
		}
	}
}

// A database in which somebody keeps something must stay as it is.
func TestGivenDatabaseMustBeEmpty(t *testing.T) {
	srv, err := StartServer(t.Context(), AOFOff, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	ctx := t.Context()
	if err := srv.admin.Set(ctx, "mine", "1", 0).Err(); err != nil {
		t.Fatal(err)
	}
	_, err = UseServer(ctx, srv.URL)
	if err == nil || !strings.Contains(err.Error(), "1 keys") || !strings.Contains(err.Error(), "/9") {
		t.Errorf("got error %v", err)
	}
	var out, progress bytes.Buffer
	url := strings.TrimSuffix(srv.URL, "/0") + "/9"
	if code := Main(ctx, strings.Fields("--quick --tasks 200 --parts flood,ceilings,shards --systems raw --handlers 0s --payloads 200 --pin off --url "+url), &out, &progress); code != 0 {
		t.Fatalf("code %d\n%s", code, &progress)
	}
	if strings.Contains(progress.String(), "shards") || !strings.Contains(progress.String(), "flood") {
		t.Error(progress.String())
	}
	if got, err := srv.admin.Get(ctx, "mine").Result(); err != nil || got != "1" {
		t.Errorf("mine: %q, %v", got, err)
	}
	if info, err := srv.admin.Info(ctx, "keyspace").Result(); err != nil || strings.Contains(info, "db9") {
		t.Errorf("database 9 is not empty: %q, %v", info, err)
	}
}

// What was measured before a run is broken off is reported.
func TestBrokenOffRunReportsWhatItHas(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var out bytes.Buffer
	progress := &breaker{word: "flood 2/", cancel: cancel}
	args := "--quick --rounds 50 --tasks 200 --parts flood --systems raw --handlers 0s --payloads 200 --aof off --pin off"
	if code := Main(ctx, strings.Fields(args), &out, progress); code != 1 {
		t.Errorf("code %d, want 1", code)
	}
	if !strings.Contains(out.String(), rawName(true)) || !strings.Contains(out.String(), "Audit: ") {
		t.Error(out.String())
	}
	if !strings.Contains(progress.String(), "canceled") {
		t.Error(progress.String())
	}
}

// breaker breaks a run off when its progress has a word in it.
type breaker struct {
	bytes.Buffer
	word   string
	cancel func()
}

func (b *breaker) Write(p []byte) (int, error) {
	n, err := b.Buffer.Write(p)
	if strings.Contains(b.String(), b.word) {
		b.cancel()
	}
	return n, err
}

// faulty is a queue in memory that loses some tasks and executes others twice.
type faulty struct {
	mu    sync.Mutex
	queue [][]byte
	lose  int
	twice int
}

func (f *faulty) Enqueue(_ context.Context, jobs []Job) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, j := range jobs {
		n, _, _ := Head(j.Payload)
		if n == f.lose {
			continue
		}
		f.queue = append(f.queue, bytes.Clone(j.Payload))
		if n == f.twice {
			f.queue = append(f.queue, bytes.Clone(j.Payload))
		}
	}
	return nil
}

func (f *faulty) Work(_ context.Context, _ int, handle func([]byte)) (func() error, error) {
	stop, ended := make(chan struct{}), make(chan struct{})
	take := func() []byte {
		f.mu.Lock()
		defer f.mu.Unlock()
		if len(f.queue) == 0 {
			return nil
		}
		p := f.queue[0]
		f.queue = f.queue[1:]
		return p
	}
	go func() { // until stop and an empty queue
		defer close(ended)
		for {
			if p := take(); p != nil {
				handle(p)
				continue
			}
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	return func() error { close(stop); <-ended; return nil }, nil
}

func (f *faulty) Close() error { return nil }

// The audit of a whole run must see what a queue does wrong.
func TestRunsSeeWhatIsExecutedTwice(t *testing.T) {
	c := Contender{Name: "faulty", Batch: 10, Producers: 2, Open: func(context.Context, *Server, OpenOptions) (System, error) {
		return &faulty{lose: -1, twice: 7}, nil
	}}
	k := Case{Tasks: 100, Payload: 64, Workers: 1}
	x, err := place{}.split(t.Context(), c, k)
	if err != nil {
		t.Fatal(err)
	}
	want := Audit{Tasks: 100, BeganTwice: 1, DoneTwice: 1}
	if x.Drain.Audit != want {
		t.Errorf("got %+v, want %+v", x.Drain.Audit, want)
	}
}

// A run that waits for a lost task ends with its context.
func TestRunEndsWithItsContext(t *testing.T) {
	c := Contender{Name: "faulty", Batch: 10, Producers: 2, Open: func(context.Context, *Server, OpenOptions) (System, error) {
		return &faulty{lose: 42, twice: -1}, nil
	}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := place{}.flood(ctx, c, Case{Tasks: 100, Payload: 64, Workers: 1})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got error %v", err)
	}
}
