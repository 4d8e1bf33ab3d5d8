package redis

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

func options(addr string) Options {
	return Options{Server: Address{Network: "tcp", Addrs: []string{addr}}, Device: "pi-01", Stream: "telhub", Shards: 1, MaxLen: 1000, Durability: "auto"}
}

func newSink(t testing.TB, o Options) *Sink {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// open opens the lanes and returns their marks.
func open(t testing.TB, s *Sink, fence uint64) [frame.Lanes]uplink.Mark {
	t.Helper()
	var marks [frame.Lanes]uplink.Mark
	if _, err := s.Open(t.Context(), fence, &marks); err != nil {
		t.Fatal(err)
	}
	return marks
}

// batch makes frames from..to of an epoch in lane live.
func batch(fence, epoch, from, to uint64) *uplink.Batch {
	b := &uplink.Batch{Lane: frame.Live, Fence: fence, Prev: frame.ID{Epoch: epoch, Seq: from - 1}}
	if from == 1 {
		b.Prev = frame.ID{}
	}
	for seq := from; seq <= to; seq++ {
		b.Items = append(b.Items, uplink.Item{
			ID: frame.ID{Epoch: epoch, Seq: seq}, N: 3, T0: 1000, T1: 2000,
			Quality: "ntp", Boot: "b", Encoding: "senml", Data: fmt.Appendf(nil, "frame %d", seq),
		})
	}
	return b
}

func client(t testing.TB, srv *redistest.Server) *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: srv.Addr(), MaxRetries: -1})
	t.Cleanup(func() { c.Close() })
	return c
}

// sequence returns the numbers in lane live's stream.
func sequence(t testing.TB, c redis.Cmdable) (seqs []string) {
	t.Helper()
	entries, err := c.XRange(context.Background(), "telhub:{0}:live", "-", "+").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		seqs = append(seqs, fmt.Sprint(e.Values["ep"], "/", e.Values["seq"]))
	}
	return seqs
}

func wantSequence(t *testing.T, c redis.Cmdable, want ...string) {
	t.Helper()
	if got := sequence(t, c); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("stream holds %v, want %v", got, want)
	}
}

func TestAppendWritesTheContract(t *testing.T) {
	srv := redistest.Start(t)
	s, c := newSink(t, options(srv.Addr())), client(t, srv)
	if m := open(t, s, 4); m[frame.Live] != (uplink.Mark{}) {
		t.Errorf("mark of an empty server is %+v", m[frame.Live])
	}
	if err := s.Append(t.Context(), batch(4, 4, 1, 1)); err != nil {
		t.Fatal(err)
	}
	got, err := c.Do(t.Context(), "XRANGE", "telhub:{0}:live", "-", "+").Slice()
	if err != nil {
		t.Fatal(err)
	}
	fields := got[0].([]any)[1]
	want := "[dev pi-01 ep 4 seq 1 n 3 t0 1000 t1 2000 q ntp boot b enc senml d frame 1]"
	if fmt.Sprint(fields) != want {
		t.Errorf("entry %v\nwant  %v", fields, want)
	}
	mark, err := c.HGet(t.Context(), "telhub:{0}:state", "pi-01|live").Result()
	if err != nil || mark != "4;4;1" {
		t.Errorf("mark %q, %v, want 4;4;1", mark, err)
	}
}

// Bounds stand at the end of an entry, each only if it is known.
func TestBoundsOfUndatedFrames(t *testing.T) {
	for _, maxLen := range []int64{0, 1000} {
		srv := redistest.Start(t)
		o := options(srv.Addr())
		o.MaxLen = maxLen
		s, c := newSink(t, o), client(t, srv)
		open(t, s, 1)
		b := batch(1, 1, 1, 5)
		for i := range b.Items[:4] {
			b.Items[i].Quality = "unset"
		}
		b.Items[1].After = 1700000000000
		b.Items[2].Before = 1700000005000
		b.Items[3].After, b.Items[3].Before = math.MinInt64, math.MaxInt64
		mustAppend(t, s, b)
		mustAppend(t, s, b) // again changes nothing
		got, err := c.Do(t.Context(), "XRANGE", "telhub:{0}:live", "-", "+").Slice()
		if err != nil || len(got) != 5 {
			t.Fatalf("%d entries, %v, want 5", len(got), err)
		}
		for i, want := range []string{"unset", "unset after 1700000000000", "unset before 1700000005000",
			"unset after -9223372036854775808 before 9223372036854775807", "ntp"} {
			q, bounds, _ := strings.Cut(want, " ")
			want := fmt.Sprintf("[dev pi-01 ep 1 seq %d n 3 t0 1000 t1 2000 q %s boot b enc senml d frame %d %s", i+1, q, i+1, bounds)
			want = strings.TrimSuffix(want, " ") + "]"
			if fields := fmt.Sprint(got[i].([]any)[1]); fields != want {
				t.Errorf("entry %v\nwant  %v", fields, want)
			}
		}
		var bounds [][2]int64
		if _, err := newReader(t, o, false).Next(t.Context(), -1, func(_ frame.Lane, _ string, e Entry) error {
			bounds = append(bounds, [2]int64{e.After, e.Before})
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if want := "[[0 0] [1700000000000 0] [0 1700000005000] [-9223372036854775808 9223372036854775807] [0 0]]"; fmt.Sprint(bounds) != want {
			t.Errorf("read bounds %v, want %v", bounds, want)
		}
	}
}

func TestAppendTwiceChangesNothing(t *testing.T) {
	srv := redistest.Start(t)
	s, c := newSink(t, options(srv.Addr())), client(t, srv)
	open(t, s, 1)
	for range 3 {
		if err := s.Append(t.Context(), batch(1, 1, 1, 3)); err != nil {
			t.Fatal(err)
		}
	}
	wantSequence(t, c, "1/1", "1/2", "1/3")
}

func TestAppendSkipsThePrefixThatIsThere(t *testing.T) {
	srv := redistest.Start(t)
	s, c := newSink(t, options(srv.Addr())), client(t, srv)
	open(t, s, 1)
	for _, b := range []*uplink.Batch{batch(1, 1, 1, 2), batch(1, 1, 1, 4), batch(1, 1, 4, 5)} {
		if err := s.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	wantSequence(t, c, "1/1", "1/2", "1/3", "1/4", "1/5")
}

func TestAppendRefusesAHole(t *testing.T) {
	srv := redistest.Start(t)
	s, c := newSink(t, options(srv.Addr())), client(t, srv)
	open(t, s, 1)
	if err := s.Append(t.Context(), batch(1, 1, 1, 2)); err != nil {
		t.Fatal(err)
	}
	err := s.Append(t.Context(), batch(1, 1, 4, 5))
	var gap *uplink.GapError
	if !errors.As(err, &gap) || gap.Mark.ID != (frame.ID{Epoch: 1, Seq: 2}) {
		t.Fatalf("error %v, want a gap after 1/2", err)
	}
	// a gap record covers (1/3, 1/5] while the mark is inside
	record := batch(1, 1, 5, 5)
	record.Prev = frame.ID{Epoch: 1, Seq: 1}
	if err := s.Append(t.Context(), record); !errors.As(err, &gap) {
		t.Fatalf("error %v for a record that covers more than is missing, want a gap", err)
	}
	wantSequence(t, c, "1/1", "1/2")
}

func TestAppendGoesOnInANewEpoch(t *testing.T) {
	srv := redistest.Start(t)
	s, c := newSink(t, options(srv.Addr())), client(t, srv)
	open(t, s, 1)
	if err := s.Append(t.Context(), batch(1, 1, 1, 2)); err != nil {
		t.Fatal(err)
	}
	if m := open(t, s, 2)[frame.Live]; m.Fence != 1 || m.ID != (frame.ID{Epoch: 1, Seq: 2}) {
		t.Errorf("mark %+v, want fence 1 and 1/2", m)
	}
	b := batch(2, 2, 1, 1)
	b.Prev = frame.ID{Epoch: 1, Seq: 2}
	if err := s.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	wantSequence(t, c, "1/1", "1/2", "2/1")
}

func TestALaterAgentFencesTheEarlier(t *testing.T) {
	srv := redistest.Start(t)
	first, second, c := newSink(t, options(srv.Addr())), newSink(t, options(srv.Addr())), client(t, srv)
	open(t, first, 1)
	open(t, second, 2)
	err := first.Append(t.Context(), batch(1, 1, 1, 1))
	var fenced *uplink.FencedError
	if !errors.As(err, &fenced) || fenced.Mark.Fence != 2 {
		t.Fatalf("error %v, want fenced by 2", err)
	}
	var marks [frame.Lanes]uplink.Mark
	if _, err := first.Open(t.Context(), 1, &marks); !errors.As(err, &fenced) {
		t.Fatalf("open: %v, want fenced", err)
	}
	wantSequence(t, c)
}

func TestAppendSurvivesScriptFlush(t *testing.T) {
	srv := redistest.Start(t)
	s, c := newSink(t, options(srv.Addr())), client(t, srv)
	open(t, s, 1)
	for seq := uint64(1); seq <= 3; seq++ {
		if err := c.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		if err := s.Append(t.Context(), batch(1, 1, seq, seq)); err != nil {
			t.Fatal(err)
		}
	}
	wantSequence(t, c, "1/1", "1/2", "1/3")
}

func TestStreamIsTrimmedToMaxLen(t *testing.T) {
	srv := redistest.Start(t)
	o := options(srv.Addr())
	o.MaxLen = 100
	s, c := newSink(t, o), client(t, srv)
	open(t, s, 1)
	for seq := uint64(1); seq < 1600; seq += 16 {
		if err := s.Append(t.Context(), batch(1, 1, seq, seq+15)); err != nil {
			t.Fatal(err)
		}
	}
	n, err := c.XLen(t.Context(), "telhub:{0}:live").Result()
	if err != nil || n < 100 || n > 300 {
		t.Errorf("stream holds %d entries, %v; want about 100", n, err)
	}
}

func TestLostRepliesMakeNoDuplicates(t *testing.T) {
	srv := redistest.Start(t)
	proxy := redistest.NewProxy(t, srv.Addr())
	s, c := newSink(t, options(proxy.Addr())), client(t, srv)
	open(t, s, 1)
	proxy.DropOneIn.Store(9)
	for seq := uint64(1); seq <= 300; seq++ {
		b := batch(1, 1, seq, seq)
		for s.Append(t.Context(), b) != nil {
			var marks [frame.Lanes]uplink.Mark
			for {
				if _, err := s.Open(t.Context(), 1, &marks); err == nil {
					break
				}
			}
		}
	}
	if proxy.Dropped.Load() < 15 {
		t.Fatalf("only %d replies were lost", proxy.Dropped.Load())
	}
	if got := sequence(t, c); len(got) != 300 || got[299] != "1/300" {
		t.Errorf("stream holds %d entries, want 300", len(got))
	}
}

func TestAppendHealsAfterClientKill(t *testing.T) {
	srv := redistest.Start(t)
	s, c := newSink(t, options(srv.Addr())), client(t, srv)
	open(t, s, 1)
	for seq := uint64(1); seq <= 20; seq++ {
		if err := c.ClientKillByFilter(t.Context(), "TYPE", "normal", "SKIPME", "yes").Err(); err != nil {
			t.Fatal(err)
		}
		for s.Append(t.Context(), batch(1, 1, seq, seq)) != nil {
		}
	}
	if got := sequence(t, c); len(got) != 20 {
		t.Errorf("stream holds %d entries, want 20", len(got))
	}
}

func TestAppendAllocatesNothing(t *testing.T) {
	srv := redistest.Start(t)
	o := options(srv.Addr())
	s := newSink(t, o)
	open(t, s, 1)
	b := batch(1, 1, 1, 4)
	b.Prev = frame.ID{}
	ctx := context.Background()
	seq := uint64(0)
	step := func() {
		for i := range b.Items {
			seq++
			b.Items[i].ID.Seq = seq
		}
		if err := s.Append(ctx, b); err != nil {
			t.Fatal(err)
		}
		b.Prev = frame.ID{Epoch: 1, Seq: seq}
	}
	step()
	if n := testing.AllocsPerRun(200, step); n != 0 {
		t.Errorf("an append allocates %v times, want 0", n)
	}
	for i := range b.Items {
		b.Items[i].Quality, b.Items[i].After, b.Items[i].Before = "unset", 1700000000000, 1700000001000
	}
	if n := testing.AllocsPerRun(200, step); n != 0 {
		t.Errorf("an append of undated frames allocates %v times, want 0", n)
	}
}

func BenchmarkAppend(b *testing.B) {
	srv := redistest.Start(b)
	for _, undated := range []bool{false, true} {
		b.Run(fmt.Sprintf("bounds=%v", undated), func(b *testing.B) {
			s := newSink(b, options(srv.Addr()))
			lane := batch(1, 1, 1, 16)
			lane.Lane, lane.Prev = frame.Backfill, open(b, s, 1)[frame.Backfill].ID
			seq := lane.Prev.Seq
			b.ReportAllocs()
			for b.Loop() {
				for i := range lane.Items {
					seq++
					lane.Items[i].ID.Seq = seq
					if undated {
						lane.Items[i].Quality, lane.Items[i].After, lane.Items[i].Before = "unset", 1700000000000, 1700000001000
					}
				}
				mustAppend(b, s, lane)
				lane.Prev = frame.ID{Epoch: 1, Seq: seq}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/16, "ns/frame")
		})
	}
}
