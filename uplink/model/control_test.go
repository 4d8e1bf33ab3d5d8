package model

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"regexp"
	"testing"

	"pgregory.net/rapid"

	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

// caught is a test that a control makes fail: it keeps rapid's verdict.
type caught struct {
	*testing.T
	failed bool
	text   string
}

func (c *caught) Errorf(format string, args ...any) {
	c.failed, c.text = true, fmt.Sprintf(format, args...)
}
func (c *caught) Failed() bool                 { return c.failed }
func (c *caught) FailNow()                     { c.failed = true }
func (c *caught) Logf(string, ...any)          {}
func (c *caught) Log(...any)                   {}
func (c *caught) Fatalf(f string, args ...any) { c.Errorf(f, args...) }
func (c *caught) Fatal(args ...any)            { c.Errorf("%v", args) }
func (c *caught) Fail()                        { c.failed = true }

// within is how many histories may pass before a seeded fault is found.
const within = 2000

// TestControls seeds one fault at a time and demands that the check finds it.
func TestControls(t *testing.T) {
	expectFailures(t)
	for _, c := range []struct {
		name string
		want string // what the check says
		config
	}{
		{"script/gap check removed", "missing", config{script: mutant("if i == 7 or ARGV[i - 9] ~= e or ARGV[i - 8] ~= s then", "if false then")}},
		{"script/no check at all", "order|twice", config{script: mutant("if ARGV[3] ~= e or ARGV[4] ~= s then", "if false then"), plain: true}},
		{"script/mark not taken back", "missing", config{script: mutant("redis.call('HSET', KEYS[2], ARGV[1], ARGV[2] .. ';' .. e .. ';' .. s)\n    return r", "return r")}},
		{"script/fences not compared", "fenced|order|twice|two contents|missing|not delivered", config{script: mutant("if tonumber(ARGV[2]) < tonumber(f) then", "if false then"), two: true}},
		{"sink/hides the fence", "a fenced agent goes on", config{two: true, tweak: sinks(func(s uplink.Sink) uplink.Sink { return &defiant{s} })}},
		{"store/dates of a neighbour", "another one's date", config{tweak: disks(func(s uplink.Store) uplink.Store { return &misdated{Store: s} })}},
		{"pool/more frames than room", "frames free and .* held|over its capacity", config{tweak: func(o *setup) { o.surplus = 1 }}},
		{"store/forgets a frame", "missing", config{tweak: disks(func(s uplink.Store) uplink.Store { return &forgetful{s} })}},
		{"store/commits nothing", "missing|not in the store|not delivered", config{tweak: disks(func(s uplink.Store) uplink.Store { return &lazy{s} })}},
		{"store/swaps two frames", "twice|order", config{tweak: disks(func(s uplink.Store) uplink.Store { return &swapping{s} })}},
		{"sink/reports a success", "missing|not delivered|alarm waits", config{tweak: sinks(func(s uplink.Sink) uplink.Sink { return &lying{Sink: s} })}},
		{"sink/alarms behind backlog", "alarm waits behind", config{tweak: sinks(func(s uplink.Sink) uplink.Sink { return &reordering{Sink: s} })}},
		{"sink/never answers", "not delivered", config{tweak: sinks(func(s uplink.Sink) uplink.Sink { return &deaf{s} })}},
		{"sink/leaves a goroutine", "blocked goroutines remain", config{tweak: sinks(func(s uplink.Sink) uplink.Sink { return &leaking{s} })}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.script != "" {
				compile(c.script) // a mutant that is no script proves nothing
			}
			want := regexp.MustCompile(c.want)
			before := counted.Load()
			for counted.Load()-before < within {
				tb := &caught{T: t}
				rapid.Check(tb, func(rt *rapid.T) { explore(t, rt, c.config) })
				if want.MatchString(tb.text) {
					t.Logf("found within %d histories", counted.Load()-before)
					return
				}
				if tb.failed {
					t.Logf("found as something else: %.120s", tb.text)
				}
			}
			t.Errorf("%d histories, and the fault was not found", within)
		})
	}
}

func disks(wrap func(uplink.Store) uplink.Store) func(*setup) {
	return func(o *setup) { o.store, o.small, o.wrapDisk = true, false, wrap }
}

func sinks(wrap func(uplink.Sink) uplink.Sink) func(*setup) {
	return func(o *setup) { o.store, o.small, o.wrapSink = true, false, wrap }
}

// expectFailures lets rapid neither keep nor shrink what fails in this test.
func expectFailures(t *testing.T) {
	flag.Set("rapid.nofailfile", "true")
	flag.Set("rapid.shrinktime", "0s")
	t.Cleanup(func() { flag.Set("rapid.nofailfile", "false"); flag.Set("rapid.shrinktime", "30s") })
}

// forgetful loses each seventh frame without a word.
type forgetful struct {
	uplink.Store
}

func (s *forgetful) Next(lane frame.Lane, after frame.ID, dst *frame.Frame) (bool, error) {
	ok, err := s.Store.Next(lane, after, dst)
	if ok && dst.Kind == frame.Data && dst.ID.Seq%7 == 3 {
		return s.Store.Next(lane, dst.ID, dst)
	}
	return ok, err
}

// lazy says that it has committed, and has not.
type lazy struct{ uplink.Store }

func (s *lazy) Commit() error { return nil }

// swapping hands out the payloads of two neighbours in the wrong order.
type swapping struct{ uplink.Store }

func (s *swapping) Next(lane frame.Lane, after frame.ID, dst *frame.Frame) (bool, error) {
	ok, err := s.Store.Next(lane, after, dst)
	if !ok || err != nil || dst.Kind != frame.Data || dst.ID.Seq%2 == 0 {
		return ok, err
	}
	other := frame.Frame{Payload: make([]byte, 0, largeBytes)}
	if ok, _ := s.Store.Next(lane, dst.ID, &other); ok && other.Kind == frame.Data && cap(dst.Payload) >= len(other.Payload) {
		dst.N, dst.T0, dst.T1 = other.N, other.T0, other.T1
		dst.Payload = append(dst.Payload[:0], other.Payload...)
	}
	return true, nil
}

// misdated hands out each frame with the stamps of the one before it.
type misdated struct {
	uplink.Store
	t0, t1 int64
}

func (s *misdated) Next(lane frame.Lane, after frame.ID, dst *frame.Frame) (bool, error) {
	ok, err := s.Store.Next(lane, after, dst)
	if ok && dst.Kind == frame.Data {
		t0, t1 := dst.T0, dst.T1
		if s.t0 != 0 {
			dst.T0, dst.T1 = s.t0, s.t1
		}
		s.t0, s.t1 = t0, t1
	}
	return ok, err
}

// defiant takes a fence for a broken connection.
type defiant struct{ uplink.Sink }

func (s *defiant) Append(ctx context.Context, b *uplink.Batch) error {
	err := s.Sink.Append(ctx, b)
	var f *uplink.FencedError
	if errors.As(err, &f) {
		return errReset
	}
	return err
}

// lying reports success for each fifth batch without sending it.
type lying struct {
	uplink.Sink
	n int
}

func (s *lying) Append(ctx context.Context, b *uplink.Batch) error {
	if s.n++; s.n%5 == 0 {
		return nil
	}
	return s.Sink.Append(ctx, b)
}

// reordering lets alarms wait until four other batches have gone.
type reordering struct {
	uplink.Sink
	waiting *uplink.Batch
	passed  int
}

func (s *reordering) Append(ctx context.Context, b *uplink.Batch) error {
	if b.Lane == frame.Alarm && s.waiting == nil {
		c := *b
		c.Items = append([]uplink.Item(nil), b.Items...)
		for i := range c.Items {
			c.Items[i].Data = append([]byte(nil), c.Items[i].Data...)
		}
		s.waiting, s.passed = &c, 0
		return nil
	}
	err := s.Sink.Append(ctx, b)
	if s.passed++; s.waiting != nil && s.passed >= 4 {
		s.Sink.Append(ctx, s.waiting)
		s.waiting = nil
	}
	return err
}

// deaf never hears an answer.
type deaf struct{ uplink.Sink }

func (s *deaf) Append(context.Context, *uplink.Batch) error { return errTimeout{} }

// leaking leaves a goroutine behind with each batch.
type leaking struct{ uplink.Sink }

func (s *leaking) Append(ctx context.Context, b *uplink.Batch) error {
	go func() { <-make(chan struct{}) }()
	return s.Sink.Append(ctx, b)
}
