package main

import (
	"context"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
	"github.com/telhub/telhub/uplink/redis"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// testSchema is what the scripts' frames hold.
func testSchema() *frame.Schema {
	return &frame.Schema{Channels: []frame.Channel{
		{Name: "greenhouse/temperature", Unit: "Cel", Resolution: 0.01},
		{Name: "greenhouse/humidity", Unit: "%RH", Resolution: 0.1},
	}}
}

// noon is the offset from the scripts' boot to 2026-06-01T12:00:00Z, ms.
const noon = 1780315200000

// makeFrame seals a frame of two samples, a second after the last one.
func makeFrame(enc *frame.Encoder, seq uint64) (*frame.Frame, error) {
	at := int64(seq) * 1e9
	f := &frame.Frame{
		Lane: frame.Backfill, ID: frame.ID{Epoch: 1, Seq: seq}, Boot: frame.BootID{1, 2, 3},
		Dating: frame.Dating{Offset: noon, Quality: frame.NTP}, Payload: make([]byte, 0, 4096),
	}
	if seq > 1 {
		f.Prev = frame.ID{Epoch: 1, Seq: seq - 1}
	}
	return f, enc.Encode(f, []drivers.Sample{
		{Stamp: at, Channel: 0, Value: 21.5}, {Stamp: at, Channel: 1, Value: 60.2},
	})
}

func cmdMakeSpool(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: spool DIR FRAMES")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	s, _, err := store.Open(store.Options{
		Dir: ts.MkAbs(args[0]), MaxBytes: 8 << 20, SegmentBytes: 128 << 10, PendingBytes: 128 << 10,
		Boot: frame.BootID{1, 2, 3}, Now: func() int64 { return 1000 },
	})
	ts.Check(err)
	enc := frame.NewEncoder(testSchema(), 16)
	for seq := range uint64(n) {
		f, err := makeFrame(enc, seq+1)
		ts.Check(err)
		ts.Check(s.Put(f))
		if seq%50 == 49 {
			ts.Check(s.Commit())
		}
	}
	ts.Check(s.Commit())
	ts.Check(s.Close())
}

// scriptTB lets a script own a server of package redistest.
type scriptTB struct {
	testing.TB
	ts *testscript.TestScript
}

func (t scriptTB) Helper()                           {}
func (t scriptTB) Cleanup(f func())                  { t.ts.Defer(f) }
func (t scriptTB) Fatal(args ...any)                 { t.ts.Fatalf("%v", args) }
func (t scriptTB) Fatalf(format string, args ...any) { t.ts.Fatalf(format, args...) }

func cmdRedis(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: redis")
	}
	srv := redistest.Start(scriptTB{ts: ts})
	ts.Setenv("REDIS", srv.URL())
	ts.Setenv("REDIS_ADDR", srv.Addr())
	ts.Setenv("REDIS_SOCKET", srv.Socket())
}

// cmdFrames appends frames as the uplink would, and a gap record behind them.
func cmdFrames(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: frames ENCODING N")
	}
	n, err := strconv.ParseUint(args[1], 10, 64)
	ts.Check(err)
	sink, err := redis.New(redis.Options{
		Server: redis.Address{Network: "tcp", Addrs: []string{ts.Getenv("REDIS_ADDR")}},
		Device: "pi-01", Stream: "telhub", Shards: 1, Durability: "auto",
	})
	ts.Check(err)
	defer sink.Close()
	ctx := context.Background()
	var marks [frame.Lanes]uplink.Mark
	_, err = sink.Open(ctx, 1, &marks)
	ts.Check(err)
	enc, dec := frame.NewEncoder(testSchema(), 16), frame.Decoder{}
	prev := marks[frame.Live].ID
	for seq := prev.Seq + 1; seq <= prev.Seq+n; seq++ {
		f, err := makeFrame(enc, seq)
		ts.Check(err)
		it := uplink.Item{
			ID: f.ID, N: f.N, T0: f.T0 + noon, T1: f.T1 + noon, Quality: "ntp", Boot: f.Boot.String(), Encoding: args[0], Data: f.Payload,
		}
		if args[0] == "senml" {
			ts.Check(dec.Decode(f.Payload, f.N, f.T0))
			it.Data = frame.AppendSenML(nil, "pi-01", &dec, noon, true)
		}
		if args[0] == "gap" {
			info := frame.GapInfo{Cause: frame.PowerCut, N: -1, T1: f.T1}
			it.N = 0
			it.Data, err = frame.AppendGapJSON(nil, &info, noon)
			ts.Check(err)
		}
		ts.Check(sink.Append(ctx, &uplink.Batch{Lane: frame.Live, Fence: 1, Prev: f.Prev, Items: []uplink.Item{it}}))
	}
}
