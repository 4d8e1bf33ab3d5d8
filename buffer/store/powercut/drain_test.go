package powercut

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/telhub/telhub/agent/clock"
	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
	"github.com/telhub/telhub/uplink/redis"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// drain forwards what cuts left of stores, through the real uplink, into a real
// redis-server, and audits the streams. Each cut has streams of its own.
type drain struct {
	server *redistest.Server
	cuts   atomic.Int64
	forget bool         // the server forgets its marks between the two runs: a control
	absorb atomic.Int64 // frames that came a second time, or that the server had
}

func newDrain(t testing.TB) *drain { return &drain{server: redistest.Start(t)} }

const (
	drainDevice = "pi-01"
	drainTime   = 30 * time.Second
)

// run forwards the store in dir twice and audits the streams. The server has
// what the sink had taken, and perhaps more: frames whose reply was lost when
// the power went. The first run forwards everything; then the board dies
// before flash knows of it, so that the second run begins with all of it again.
// Each frame must come to stand in its stream once. dir holds what judge left.
func (d *drain) run(ctx context.Context, dir string, v *verdict, drops bool, dice *rand.Rand) error {
	o := redis.Options{Server: redis.Address{Network: "tcp", Addrs: []string{d.server.Addr()}}, Device: drainDevice,
		Stream: fmt.Sprint("cut", d.cuts.Add(1)), Shards: 1, Durability: "auto"}
	owed, err := d.seed(&o, v, dice)
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "drain")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	again := filepath.Join(tmp, spoolDir)
	killed := func() error { return os.CopyFS(again, os.DirFS(dir)) }
	for i, life := range []struct {
		dir    string
		opened func() error
	}{{dir, killed}, {again, func() error { return nil }}} {
		if i > 0 && d.forget {
			d.server.Do("DEL " + redis.StateKey(o.Stream, 0))
		}
		if err := forwardAll(ctx, o, life.dir, drops, life.opened); err != nil {
			return fmt.Errorf("drain %d: %w", i+1, err)
		}
		if err := audit(ctx, o, &owed, i); err != nil {
			return fmt.Errorf("drain %d: %w", i+1, err)
		}
	}
	for lane := range frame.Lanes {
		d.absorb.Add(int64(len(owed[lane])))
		d.server.Do("DEL " + redis.StreamKey(o.Stream, 0, frame.Lane(lane).String()))
	}
	d.server.Do("DEL " + redis.StateKey(o.Stream, 0))
	return nil
}

// seed sets the server's marks and returns what it is still owed.
func (d *drain) seed(o *redis.Options, v *verdict, dice *rand.Rand) (owed [frame.Lanes][]item, err error) {
	v.Items[frame.Live] = append(v.Items[frame.Live], item{ID: frame.ID{Epoch: v.Begun, Seq: 1}}) // goOn's
	for lane := range frame.Lanes {
		owed[lane] = v.Items[lane]
		mark := v.Marks[lane]
		if n := dice.IntN(len(owed[lane])/2 + 1); n > 0 && dice.IntN(2) == 0 {
			mark, owed[lane] = owed[lane][n-1].ID, owed[lane][n:]
			d.absorb.Add(int64(n))
		}
		if mark.Epoch == 0 {
			continue
		}
		reply := d.server.Do(fmt.Sprintf("HSET %s %s|%s %d;%d;%d", redis.StateKey(o.Stream, 0), drainDevice, frame.Lane(lane), v.Epoch, mark.Epoch, mark.Seq))
		if reply != ":1\r\n" {
			return owed, fmt.Errorf("set the server's mark: %q", reply)
		}
	}
	return owed, nil
}

// dated knows the date of every boot.
type dated struct{}

func (dated) Dating() frame.Dating                             { return frame.Dating{Offset: 1 << 40, Quality: frame.NTP} }
func (d dated) Of(frame.BootID, int64) frame.Dating            { return d.Dating() }
func (dated) Bounds(frame.BootID, int64) (after, before int64) { return 0, 0 }

// queue maps the store's error as the agent does.
type queue struct{ *store.Store }

func (q queue) Put(f *frame.Frame) error {
	err := q.Store.Put(f)
	if errors.Is(err, store.ErrPendingFull) {
		return uplink.ErrPending
	}
	return err
}

// forwardAll runs an agent's uplink over the store in dir until the server has
// everything. opened is called when the store is open and nothing was sent.
func forwardAll(ctx context.Context, ro redis.Options, dir string, drops bool, opened func() error) error {
	s, report, err := store.Open(storeOptions(dir, drops))
	if err != nil {
		return err
	}
	defer s.Close()
	// The workload has no uplink, which would have noted which epochs the
	// server knows of.
	s.SetOpened(report.Epoch)
	if err := errors.Join(s.Commit(), opened()); err != nil {
		return err
	}
	sink, err := redis.New(ro)
	if err != nil {
		return err
	}
	defer sink.Close()
	o := uplink.Options{
		Device: drainDevice, Boot: frame.BootID{9}, Epoch: report.Epoch, Encoding: "compact",
		Flush: 20 * time.Millisecond, Frame: 10, LargeFrame: 10, LargeBytes: 16 << 10, MaxLoss: 100 * time.Millisecond, BackfillRate: 1 << 30,
		Breaker: uplink.BreakerOptions{Failures: 2, Open: 20 * time.Millisecond, OpenMax: 100 * time.Millisecond},
		Pool:    frame.NewPool(frame.PoolSize{Small: 8, SmallBytes: 1 << 10, Large: 4, LargeBytes: 16 << 10}), Frames: 16,
		Store: queue{s}, Sink: sink, Boottime: clock.Boottime, Dates: dated{}, Seed: 1,
	}
	if u := report.Unclean; u != nil {
		o.PowerCut = &frame.GapInfo{Cause: frame.PowerCut, N: -1, T0: u.LastT1, T0Known: true, T1: clock.Boottime() / 1e6}
	}
	if o.Carried, err = s.Samples(); err != nil {
		return err
	}
	up, done := uplink.New(o), make(chan bool, 1)
	run, stop := context.WithCancel(ctx)
	defer stop()
	go func() { done <- up.Run(run) }()
	for deadline := time.Now().Add(drainTime); !empty(up, s, report); {
		if time.Now().After(deadline) {
			stop()
			<-done
			return fmt.Errorf("does not end: %+v, store %+v", up.Status(), s.Stats().Lanes)
		}
		time.Sleep(time.Millisecond) // real processes: nothing tells that a server has all
	}
	stop()
	if !<-done {
		return errors.New("the run ended with losses that nothing declares")
	}
	return s.Close()
}

// empty reports whether the server has all that the store held, and the gap
// record of the power cut, if one is due.
func empty(up *uplink.Uplink, s *store.Store, r *store.Report) bool {
	st := up.Status()
	if st.Stored+st.Memory > 0 || st.Held > 0 {
		return false
	}
	declared := r.Unclean == nil
	for lane, l := range st.Lanes {
		if l.Queued+l.Retained > 0 || l.Accepted.Less(l.Last) || s.Released(frame.Lane(lane)).Less(s.Last(frame.Lane(lane))) {
			return false
		}
		declared = declared || l.Accepted.Epoch == r.Epoch
	}
	return declared
}

// audit reads the streams as a consumer does. They hold what is owed, each
// frame once and in order, and beyond it only what the drains themselves had to
// declare: the power cut, once a life.
func audit(ctx context.Context, o redis.Options, owed *[frame.Lanes][]item, cuts int) error {
	reader := redis.NewReader(o, false)
	defer reader.Close()
	var at [frame.Lanes]int
	var last [frame.Lanes]frame.ID
	for {
		some, err := reader.Next(ctx, -1, func(lane frame.Lane, _ string, e redis.Entry) error {
			if !last[lane].Less(e.ID) {
				return fmt.Errorf("%s: %v comes after %v", lane, e.ID, last[lane])
			}
			last[lane] = e.ID
			if at[lane] < len(owed[lane]) {
				want := owed[lane][at[lane]]
				at[lane]++
				return same(lane, &e, want)
			}
			var gap struct{ Cause string }
			if json.Unmarshal(e.Data, &gap) != nil || e.Encoding != "gap" || gap.Cause != string(frame.PowerCut) || cuts == 0 {
				return fmt.Errorf("%s: %v (%s, %.60s) is owed to nobody", lane, e.ID, e.Encoding, e.Data)
			}
			cuts--
			return nil
		})
		if err != nil {
			return err
		}
		if !some {
			break
		}
	}
	for lane := range frame.Lanes {
		if n := len(owed[lane]); at[lane] < n {
			return fmt.Errorf("%s: ends before %v, %d are missing", frame.Lane(lane), owed[lane][at[lane]].ID, n-at[lane])
		}
	}
	return nil
}

// same compares an entry with what is owed at its place.
func same(lane frame.Lane, e *redis.Entry, want item) error {
	if e.ID != want.ID || want.Gap != (e.Encoding == "gap") {
		return fmt.Errorf("%s: %v (%s) stands where %v is owed", lane, e.ID, e.Encoding, want.ID)
	}
	if want.Gap {
		var gap struct{ N *int64 }
		if err := json.Unmarshal(e.Data, &gap); err != nil || gap.N == nil || *gap.N != want.N {
			return fmt.Errorf("%s: gap %v says %s in the place of %d samples (%v)", lane, e.ID, e.Data, want.N, err)
		}
		return nil
	}
	if f := makeFrame(lane, want.ID, frame.ID{}); e.N != f.N || !bytes.Equal(e.Data, f.Payload) {
		return fmt.Errorf("%s: %v is not as it was put", lane, e.ID)
	}
	return nil
}
