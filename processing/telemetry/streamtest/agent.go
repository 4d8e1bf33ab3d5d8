package streamtest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
	"github.com/telhub/telhub/uplink/redis"
)

// Base is Unix time 0 of the devices' boots: 2026-06-01 12:00 UTC.
const Base = int64(1780315200000)

// Boot is the boot of an agent's first run.
const Boot = "0a0b0c0d-1111-2222-3333-444455556666"

// Agent is a device that keeps all it has sent and sends again what a server
// has lost, as the uplink does. One goroutine uses it.
type Agent struct {
	tb     testing.TB
	Device string
	Epoch  uint64
	// Quality and Boot are of the frames to come; Offset is added to their
	// stamps where they are dated.
	Quality string
	Boot    string
	Offset  int64

	sink   *redis.Sink
	enc    *frame.Encoder
	dec    frame.Decoder
	opened bool
	lanes  [frame.Lanes][]uplink.Item
	sent   [frame.Lanes]int // items that the server has, as far as known
	seq    [frame.Lanes]uint64
	Values int // samples sent: values and events
}

// schema has two channels of one sensor and one of another.
func schema() *frame.Schema {
	return &frame.Schema{Channels: []frame.Channel{
		{Name: "greenhouse/temperature", Unit: "Cel", Resolution: 0.01},
		{Name: "greenhouse/humidity", Unit: "%RH", Resolution: 0.1},
		{Name: "meter/count", Resolution: 1, Group: 1},
	}}
}

// New returns an agent of epoch 1 that has not connected yet.
func New(tb testing.TB, addr, stream string, shards int, device string) *Agent {
	tb.Helper()
	s, err := redis.New(redis.Options{
		Server: redis.Address{Network: "tcp", Addrs: []string{addr}}, Device: device, Stream: stream, Shards: shards, Durability: "memory",
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	return &Agent{
		tb: tb, Device: device, Epoch: 1, Quality: "ntp", Boot: Boot, Offset: Base, sink: s, enc: frame.NewEncoder(schema(), 4096),
	}
}

// Restart begins the next epoch.
func (a *Agent) Restart() {
	a.Epoch++
	a.opened = false
	a.seq = [frame.Lanes]uint64{}
}

// Frame makes a frame of n values of lane, the next number, and sends it: value
// i of frame s is s·1000 + i, at millisecond s·1000 + i since the boot. Frames
// of even numbers are SenML, others compact. Alarm frames hold alarms instead,
// high and clear in turn.
func (a *Agent) Frame(lane frame.Lane, n int) frame.ID {
	a.tb.Helper()
	a.seq[lane]++
	seq := a.seq[lane]
	samples := make([]drivers.Sample, n)
	for i := range samples {
		v := int64(seq)*1000 + int64(i)
		s := drivers.Sample{Stamp: v * int64(time.Millisecond), Channel: uint16(i % 3), Value: float64(v)}
		if lane == frame.Alarm {
			s.Kind, s.Value = drivers.KindAlarm, 0
			if i%2 == 0 {
				s.Alarm = drivers.AlarmHigh
			}
		}
		samples[i] = s
	}
	return a.Samples(lane, samples)
}

// Samples sends samples as the frame of the number that is current.
func (a *Agent) Samples(lane frame.Lane, samples []drivers.Sample) frame.ID {
	a.tb.Helper()
	f := &frame.Frame{Payload: make([]byte, 0, 1<<16)}
	if err := a.enc.Encode(f, samples); err != nil {
		a.tb.Fatal(err)
	}
	id := frame.ID{Epoch: a.Epoch, Seq: a.seq[lane]}
	offset := a.Offset
	if a.Quality == "unset" {
		offset = 0
	}
	it := uplink.Item{
		ID: id, N: f.N, T0: f.T0 + offset, T1: f.T1 + offset, Quality: a.Quality, Boot: a.Boot, Encoding: "compact", Data: f.Payload,
	}
	if id.Seq%2 == 0 {
		if err := a.dec.Decode(f.Payload, f.N, f.T0); err != nil {
			a.tb.Fatal(err)
		}
		it.Encoding, it.Data = "senml", frame.AppendSenML(nil, a.Device, &a.dec, offset, a.Quality != "unset")
	}
	a.Values += len(samples)
	a.add(lane, it)
	return id
}

// Gap sends a gap record that covers as many numbers as frames says, its own
// included, and declares n samples lost; n < 0: nobody knows.
func (a *Agent) Gap(lane frame.Lane, frames uint64, n int64, cause string) frame.ID {
	a.tb.Helper()
	a.seq[lane] += frames
	id := frame.ID{Epoch: a.Epoch, Seq: a.seq[lane]}
	t0 := int64(id.Seq)*1000 + a.Offset
	number := "null"
	if n >= 0 {
		number = fmt.Sprint(n)
	}
	a.add(lane, uplink.Item{
		ID: id, T0: t0, T1: t0 + 500, Quality: a.Quality, Boot: a.Boot, Encoding: "gap",
		Data: fmt.Appendf(nil, `{"cause":%q,"n":%s,"t0":%d,"t1":%d}`, cause, number, t0, t0+500),
	})
	return id
}

func (a *Agent) add(lane frame.Lane, it uplink.Item) {
	a.tb.Helper()
	a.lanes[lane] = append(a.lanes[lane], it)
	a.Flush()
}

// Flush sends what the server does not have. It tries for a minute.
func (a *Agent) Flush() {
	a.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		err := a.flush(ctx)
		if err == nil {
			return
		}
		a.opened = false
		select {
		case <-ctx.Done():
			a.tb.Fatalf("agent %s: %v", a.Device, err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (a *Agent) flush(ctx context.Context) error {
	if !a.opened {
		var marks [frame.Lanes]uplink.Mark
		if _, err := a.sink.Open(ctx, a.Epoch, &marks); err != nil {
			return err
		}
		for l := range a.lanes {
			a.sent[l] = 0
			for _, it := range a.lanes[l] {
				if !marks[l].ID.Less(it.ID) {
					a.sent[l]++
				}
			}
		}
		a.opened = true
	}
	for l := range a.lanes {
		for a.sent[l] < len(a.lanes[l]) {
			b := uplink.Batch{Lane: frame.Lane(l), Fence: a.Epoch}
			if a.sent[l] > 0 {
				b.Prev = a.lanes[l][a.sent[l]-1].ID
			}
			b.Items = a.lanes[l][a.sent[l]:min(a.sent[l]+uplink.MaxBatch, len(a.lanes[l]))]
			if err := a.sink.Append(ctx, &b); err != nil {
				return err
			}
			a.sent[l] += len(b.Items)
		}
	}
	return nil
}

// Reopen makes the agent look at what the server has, as after an error.
func (a *Agent) Reopen() { a.opened = false }

// Frames returns how many frames and gap records a lane has.
func (a *Agent) Frames(lane frame.Lane) int { return len(a.lanes[lane]) }

// Eventually waits until ok and fails the test when it never is.
func Eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	deadline := time.Now().Add(time.Minute)
	for !ok() {
		if time.Now().After(deadline) {
			tb.Fatalf("%s: not within a minute", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
