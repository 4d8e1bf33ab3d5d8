package link_test

import (
	"bytes"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/link"
)

// lump is bytes that arrive some time after a request.
type lump struct {
	after time.Duration
	data  string
}

// wire plays a line: each request is answered by the next script.
type wire struct {
	scripts [][]lump
	now     func() time.Time

	sent    [][]byte
	at      []time.Time // when each request was written
	pending []lump      // with after counted from base
	base    time.Time
	dropped int // bytes discarded
	err     error
}

func newWire(scripts ...[]lump) *wire { return &wire{scripts: scripts, now: time.Now} }

func (w *wire) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	w.sent = append(w.sent, bytes.Clone(p))
	w.base = w.now()
	w.at = append(w.at, w.base)
	if len(w.scripts) > 0 {
		w.pending = append(w.pending, w.scripts[0]...)
		w.scripts = w.scripts[1:]
	}
	return len(p), nil
}

func (w *wire) ReadBefore(p []byte, deadline time.Time) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	if len(w.pending) > 0 {
		due := w.base.Add(w.pending[0].after)
		if !due.After(deadline) {
			time.Sleep(time.Until(due))
			n := copy(p, w.pending[0].data)
			w.pending = w.pending[1:]
			return n, nil
		}
	}
	time.Sleep(time.Until(deadline))
	return 0, drivers.ErrTimeout
}

func (w *wire) Discard() error {
	for len(w.pending) > 0 && !w.base.Add(w.pending[0].after).After(w.now()) {
		w.dropped += len(w.pending[0].data)
		w.pending = w.pending[1:]
	}
	return w.err
}

// fixed frames answers "<n characters>" that begin with a letter.
type fixed struct{ length int }

func (f *fixed) Frame(got []byte) (from, to int, ok bool) {
	i := bytes.IndexByte(got, '<')
	if i < 0 || len(got)-i < f.length {
		return 0, 0, false
	}
	return i, i + f.length, true
}

func newLink(t *testing.T, w link.Port, o link.Options) *link.Link {
	t.Helper()
	o.Name = "bus x"
	l, err := link.New(w, o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestAnAnswerInLumpsIsWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire([]lump{{20 * time.Millisecond, "no<a"}, {90 * time.Millisecond, "bc"}, {100 * time.Millisecond, "d"}})
		l := newLink(t, w, link.Options{})
		got, err := l.Exchange([]byte("?"), &fixed{5})
		if string(got) != "<abcd" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

func TestEachWayToFailHasItsError(t *testing.T) {
	for _, test := range []struct {
		name   string
		script []lump
		echo   bool
		want   error
		took   time.Duration
	}{
		{"silence", nil, false, drivers.ErrTimeout, time.Second},
		{"too late", []lump{{1100 * time.Millisecond, "<abcd"}}, false, drivers.ErrTimeout, time.Second},
		{"cut off", []lump{{50 * time.Millisecond, "<ab"}}, false, drivers.ErrShort, 150 * time.Millisecond},
		{"noise", []lump{{50 * time.Millisecond, "xyzxyz"}}, false, drivers.ErrShort, 150 * time.Millisecond},
		{"only the echo", []lump{{0, "??"}}, true, drivers.ErrTimeout, time.Second},
		{"no echo", nil, true, drivers.ErrBus, time.Second},
		{"half an echo", []lump{{0, "?"}}, true, drivers.ErrBus, 100 * time.Millisecond},
		{"another's request", []lump{{0, "!!"}}, true, drivers.ErrBus, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWire(test.script)
				l := newLink(t, w, link.Options{Echo: test.echo})
				start := time.Now()
				got, err := l.Exchange([]byte("??"), &fixed{5})
				if got != nil || !errors.Is(err, test.want) {
					t.Errorf("got %q, %v, want %v", got, err, test.want)
				}
				if took := time.Since(start); took != test.took {
					t.Errorf("took %v, want %v", took, test.took)
				}
			})
		})
	}
}

func TestTheEchoIsTakenOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire([]lump{{0, "<"}, {time.Millisecond, "e"}, {5 * time.Millisecond, "<abcd"}})
		got, err := newLink(t, w, link.Options{Echo: true}).Exchange([]byte("<e"), &fixed{5})
		if string(got) != "<abcd" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

// A late answer lies in the input when the next request is made.
func TestALateAnswerIsThrownAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire([]lump{{1100 * time.Millisecond, "<old!"}}, []lump{{1210 * time.Millisecond, "<new!"}})
		l := newLink(t, w, link.Options{})
		if _, err := l.Exchange([]byte("1"), &fixed{5}); !errors.Is(err, drivers.ErrTimeout) {
			t.Fatal(err)
		}
		time.Sleep(200 * time.Millisecond)
		w.scripts[0][0].after = 10 * time.Millisecond
		got, err := l.Exchange([]byte("2"), &fixed{5})
		if string(got) != "<new!" || err != nil || w.dropped != 5 {
			t.Errorf("got %q, %v, %d bytes dropped", got, err, w.dropped)
		}
	})
}

func TestRequestsKeepTheirDistance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire([]lump{{30 * time.Millisecond, "<abcd"}}, []lump{{30 * time.Millisecond, "<abcd"}})
		l := newLink(t, w, link.Options{Gap: 20 * time.Millisecond})
		for range 2 {
			if _, err := l.Exchange([]byte("?"), &fixed{5}); err != nil {
				t.Fatal(err)
			}
		}
		if got := w.at[1].Sub(w.at[0]); got != 50*time.Millisecond {
			t.Errorf("requests are %v apart, want 50ms", got)
		}
	})
}

func TestListenHearsOutALateAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire([]lump{{1100 * time.Millisecond, "<ol"}, {1150 * time.Millisecond, "d!"}, {5 * time.Second, "x"}})
		l := newLink(t, w, link.Options{})
		_, _ = l.Exchange([]byte("1"), &fixed{5})
		start := time.Now()
		if err := l.Listen(200*time.Millisecond, time.Second); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 350*time.Millisecond || len(w.pending) != 1 {
			t.Errorf("took %v, %d lumps left", took, len(w.pending))
		}
	})
}

func TestMoreThanFitsIsNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire([]lump{{0, string(make([]byte, link.MaxAnswer))}})
		if _, err := newLink(t, w, link.Options{}).Exchange([]byte("?"), &fixed{5}); !errors.Is(err, drivers.ErrBus) {
			t.Errorf("got %v", err)
		}
	})
}

// ready answers at once, or fails at once.
type ready struct {
	answer []byte
	err    error
}

func (r *ready) Write(p []byte) (int, error) { return len(p), nil }
func (r *ready) Discard() error              { return nil }
func (r *ready) ReadBefore(p []byte, _ time.Time) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	return copy(p, r.answer), nil
}

func TestExchangeAllocatesNothing(t *testing.T) {
	port := &ready{answer: []byte("<abcd")}
	l := newLink(t, port, link.Options{})
	f, request := &fixed{5}, []byte("?")
	for _, err := range []error{nil, drivers.ErrTimeout, drivers.ErrUnplugged} {
		port.err = err
		if got := testing.AllocsPerRun(100, func() { _, _ = l.Exchange(request, f) }); got != 0 {
			t.Errorf("with %v: %v allocations", err, got)
		}
	}
}

func TestNegativeTimesAreRefused(t *testing.T) {
	if _, err := link.New(&ready{}, link.Options{Gap: -1}); err == nil {
		t.Error("no error")
	}
}
