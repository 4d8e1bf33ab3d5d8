package model

import (
	"context"
	"flag"
	"fmt"
	"regexp"
	"testing"
	"time"

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

// A breaker is a function of its seed and of what happens at what time.
func TestBreakerIsDeterministic(t *testing.T) {
	expectFailures(t)
	rapid.Check(t, func(rt *rapid.T) {
		if !sameBreakers(rt, 7, 7) {
			rt.Fatal("two breakers of one seed differ")
		}
	})
	tb := &caught{T: t}
	if rapid.Check(tb, func(rt *rapid.T) {
		if !sameBreakers(rt, 7, 8) {
			rt.Fatal("differ")
		}
	}); !tb.failed {
		t.Error("two breakers of different seeds are told apart by nothing")
	}
}

// sameBreakers drives two breakers side by side and checks each transition
// against what the breaker's states allow.
func sameBreakers(rt *rapid.T, seedA, seedB uint64) (same bool) {
	o := rapid.SampledFrom(breakers).Draw(rt, "options")
	a, b := newBreaker(o, seedA), newBreaker(o, seedB)
	now, failures := time.Unix(0, 0), 0
	for range rapid.IntRange(1, 40).Draw(rt, "events") {
		now = now.Add(rapid.SampledFrom([]time.Duration{0, 10 * time.Millisecond, time.Second, 15 * time.Second}).Draw(rt, "pause"))
		was := a.State()
		event := rapid.IntRange(0, 3).Draw(rt, "event")
		if was == uplink.Open && event < 2 {
			event = 2 // results come from attempts
		}
		switch event {
		case 0:
			a.Success()
			b.Success()
			failures = 0
			if a.State() != uplink.Closed {
				rt.Fatalf("a success leaves it %v", a.State())
			}
		case 1:
			a.Failure(now)
			b.Failure(now)
			failures++
			if want := was == uplink.HalfOpen || failures >= o.Failures; (a.State() == uplink.Open) != want {
				rt.Fatalf("failure %d of %d in state %v leaves it %v", failures, o.Failures, was, a.State())
			}
			if a.State() == uplink.Open {
				failures = 0
			}
		case 2:
			may := a.Allow(now)
			if b.Allow(now) != may {
				return false
			}
			if may && (was == uplink.HalfOpen || (was == uplink.Open) != (a.State() == uplink.HalfOpen)) {
				rt.Fatalf("an attempt in state %v leaves it %v", was, a.State())
			}
		case 3:
			a.Wake(now)
			b.Wake(now)
		}
		if a.State() != b.State() || a.Trips() != b.Trips() || !a.Next().Equal(b.Next()) {
			return false
		}
		if wait := a.Next().Sub(now); wait > o.OpenMax {
			rt.Fatalf("waits %v, at most %v is asked for", wait, o.OpenMax)
		}
	}
	return true
}
