package bench

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/telhub/telhub/agent/clock"
	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

// stock is what a store was filled with beforehand.
type stock struct {
	samples uint64
	bytes   int64 // of payload
}

// stockSchema are four channels without a resolution: eight bytes a value, so
// that a backlog of many bytes needs few samples.
var stockSchema = frame.Schema{Channels: []frame.Channel{
	{Name: "stock/a"}, {Name: "stock/b"}, {Name: "stock/c"}, {Name: "stock/d"},
}}

// variants is how many different frames a stock is made of.
const variants = 16

// stockFrames encodes frames of so many samples of noise.
func stockFrames(t testing.TB, samples int) (all [variants]frame.Frame) {
	t.Helper()
	enc := frame.NewEncoder(&stockSchema, samples)
	rng := rand.New(rand.NewPCG(1, 2))
	now := clock.Boottime()
	for i := range all {
		s := make([]drivers.Sample, samples)
		for k := range s {
			s[k] = drivers.Sample{Stamp: now + int64(k/4)*1e6, Channel: uint16(k % 4), Value: rng.NormFloat64()}
		}
		all[i].Payload = make([]byte, 0, frame.MaxPayload(&stockSchema, samples))
		if err := enc.Encode(&all[i], s); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// fillStore puts frames of so many samples into lane backfill of a store, until
// their payload is that large, commits them and closes it in order.
func fillStore(t testing.TB, dir string, samples int, bytes int64) (s stock) {
	t.Helper()
	boot := bootID(t)
	st, report, err := store.Open(store.Options{
		Dir: dir, MaxBytes: 8 << 30, PendingBytes: 2 << 20, Boot: boot, Now: nowMilli,
	})
	if err != nil {
		t.Fatal(err)
	}
	all := stockFrames(t, samples)
	prev := st.Last(frame.Backfill)
	for n := uint64(1); s.bytes < bytes; n++ {
		f := &all[n%variants]
		f.Lane, f.ID, f.Prev, f.Boot, f.Dating = frame.Backfill, frame.ID{Epoch: report.Epoch, Seq: n}, prev, boot, now()
		err := st.Put(f)
		if errors.Is(err, store.ErrPendingFull) {
			if err = st.Commit(); err == nil {
				err = st.Put(f)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		prev = f.ID
		s.samples += uint64(f.N)
		s.bytes += int64(len(f.Payload))
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	return s
}

func bootID(t testing.TB) frame.BootID {
	t.Helper()
	boot, err := clock.ReadBootID()
	if err != nil {
		t.Fatal(err)
	}
	return boot
}

func nowMilli() int64 { return clock.Boottime() / 1e6 }

// now is a clock that is right.
func now() frame.Dating { return frame.Dating{Offset: wallOffset(), Quality: frame.NTP} }

// right is a clock that is right, and knows of this boot only.
type right frame.BootID

func (r right) Dating() frame.Dating { return now() }

func (r right) Of(b frame.BootID, _ int64) frame.Dating {
	if b != frame.BootID(r) {
		return frame.Dating{}
	}
	return now()
}

func (right) Bounds(frame.BootID, int64) (after, before int64) { return 0, 0 }

// kept is a store as the uplink wants it, with an ear for what it takes.
type kept struct {
	*store.Store
	put    func(*frame.Frame) // told of frames that were taken; may be nil
	commit func(func() error) error
}

// Put implements uplink.Store.
func (k kept) Put(f *frame.Frame) error {
	err := k.Store.Put(f)
	if errors.Is(err, store.ErrPendingFull) {
		return uplink.ErrPending
	}
	if err == nil && k.put != nil {
		k.put(f)
	}
	return err
}

// Commit implements uplink.Store.
func (k kept) Commit() error {
	if k.commit != nil {
		return k.commit(k.Store.Commit)
	}
	return k.Store.Commit()
}
