package pipeline

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telhub/telhub/drivers"
)

// port is a fake port: what is sent arrives, silence times out after 200 ms.
type port struct {
	now      func() int64
	arrive   chan string
	gone     chan error // hang-ups
	open     bool
	refuse   func(attempt int) error // of Reopen; may be nil
	reopened []int64                 // ms since the beginning
}

func (r *rig) port() *port {
	return &port{now: r.now, arrive: make(chan string), gone: make(chan error), open: true}
}

func (p *port) Read(b []byte) (int, error) {
	if !p.open {
		return 0, drivers.ErrUnplugged
	}
	select {
	case s := <-p.arrive:
		return copy(b, s), nil
	case err := <-p.gone:
		p.open = false
		return 0, err
	case <-time.After(200 * time.Millisecond):
		return 0, drivers.ErrTimeout
	}
}

func (p *port) Reopen() error {
	p.reopened = append(p.reopened, (p.now()-boot)/ms)
	if p.refuse != nil {
		if err := p.refuse(len(p.reopened) - 1); err != nil {
			return err
		}
	}
	p.open = true
	return nil
}

// letters decodes: a digit is a reading of output 0, 'x' is corrupt, '?' is a
// bad reading, '_' a reading completed by silence, '!' stops it from
// consuming. Anything else is skipped.
type letters struct {
	good, corrupt uint64
	waiting       bool
	resets        int
}

func (l *letters) Outputs() []drivers.Output { return []drivers.Output{{Name: "x"}, {Name: "y"}} }
func (l *letters) Counts() (uint64, uint64)  { return l.good, l.corrupt }
func (l *letters) Reset()                    { l.resets++; l.waiting = false }

func (l *letters) Feed(p []byte, stamp int64, dst *drivers.Reading) (int, bool) {
	for i, c := range p {
		switch {
		case c >= '0' && c <= '9':
			l.good++
			dst.Set(0, float64(c-'0'))
			return i + 1, true
		case c == '?':
			l.good++
			dst.SetBad(0)
			return i + 1, true
		case c == 'x':
			l.corrupt++
		case c == '_':
			l.waiting = true
		case c == '!':
			return i, false
		}
	}
	return len(p), false
}

func (l *letters) Idle(d time.Duration, dst *drivers.Reading) bool {
	if !l.waiting || d < 300*time.Millisecond {
		return false
	}
	l.waiting = false
	l.good++
	dst.Set(1, d.Seconds())
	return true
}

// stream adds a stream with channels 0 and 1 and starts.
func (r *rig) stream() (*port, *letters) {
	p, l := r.port(), &letters{}
	r.opts.Streams = []StreamPlan{{
		Name: "gnss", Use: "letters", Port: p, Stream: l, Channels: []int{0, 1},
	}}
	return p, l
}

func TestStreamFeedsEveryReadingOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		p, _ := r.stream()
		r.start()
		wait(time.Second)
		p.arrive <- "ab1c2"
		wait(100 * time.Millisecond)
		p.arrive <- "3x4!5" // what the decoder refuses is dropped
		wait(100 * time.Millisecond)
		p.arrive <- "?6"
		wait(100 * time.Millisecond)
		r.stopAll()
		equal(t, "values", r.out.values(0), []float64{1, 2, 3, 4, 6})
		equal(t, "statuses", r.out.statuses(0), []string{"1200 bad", "1200 ok"})
		if s := r.sensor(0); s.Good != 6 || s.Corrupt != 1 || !s.Up {
			t.Errorf("stats %+v", s)
		}
		if got := r.Latest().Get(0).Stamp; got != boot+1200*ms {
			t.Errorf("dated %d ms, want its arrival at 1200", (got-boot)/ms)
		}
	})
}

func TestSilenceCompletesAReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		p, _ := r.stream()
		r.start()
		p.arrive <- "_"
		wait(time.Second)
		r.stopAll()
		equal(t, "values", r.out.values(1), []float64{0.4})
		if got := r.Latest().Get(1).Stamp; got != boot {
			t.Errorf("dated %d ms, want the last byte's arrival at 0", (got-boot)/ms)
		}
	})
}

func TestSilentStreamIsStaleAndReopenedEverMoreRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		p, l := r.stream()
		r.start()
		p.arrive <- "1"
		for range 60 { // garbage all the time
			wait(10 * time.Second)
			p.arrive <- "xx"
		}
		if len(p.reopened) < 3 || len(p.reopened) > 6 || p.reopened[0] < 30000 || p.reopened[0] > 40000 ||
			p.reopened[1]-p.reopened[0] < 60000 {
			t.Errorf("reopened at %v ms, want after 30 s, then 60 s and more", p.reopened)
		}
		if l.resets != len(p.reopened) {
			t.Errorf("%d decoder resets, want one each of %d reopens", l.resets, len(p.reopened))
		}
		p.arrive <- "2"
		wait(time.Second)
		if !r.sensor(0).Up {
			t.Error("down although it speaks again")
		}
		r.stopAll()
		s := r.out.statuses(0)
		if len(s) != 2 || !strings.HasSuffix(s[0], "stale") || !strings.HasSuffix(s[1], "ok") {
			t.Errorf("statuses %v, want stale and ok", s)
		}
	})
}

func TestUnpluggedStreamComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		p, l := r.stream()
		p.refuse = func(n int) error {
			if n < 8 {
				return fmt.Errorf("open: %w", drivers.ErrUnplugged)
			}
			return nil
		}
		r.start()
		p.arrive <- "1"
		wait(time.Second)
		p.gone <- fmt.Errorf("read: %w", drivers.ErrUnplugged)
		wait(time.Minute)
		if len(p.reopened) != 9 || l.resets != 1 {
			t.Fatalf("reopened at %v, %d decoder resets", p.reopened, l.resets)
		}
		last := int64(1000)
		for i, at := range p.reopened {
			want := min(250<<i, 10000)
			if got := at - last; got < int64(want) || got > int64(want*5/4+1) {
				t.Errorf("attempt %d after %d ms, want %d and up to a quarter more", i, got, want)
			}
			last = at
		}
		p.arrive <- "2"
		wait(time.Second)
		r.stopAll()
		s := r.out.statuses(0)
		if len(s) != 2 || s[0] != "1000 lost" || !strings.HasSuffix(s[1], "ok") {
			t.Errorf("statuses %v, want lost and ok", s)
		}
		equal(t, "values", r.out.values(0), []float64{1, 2})
		if got := r.sensor(0); got.Reopens != 9 || got.Errors[Unplugged] != 9 {
			t.Errorf("stats %+v", got)
		}
	})
}

func TestMissingPortKeepsNobodyFromStarting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 3)
		p, _ := r.stream()
		p.open = false
		p.refuse = func(int) error { return errors.New("no such file or directory") }
		d := r.device()
		plan := d.polled("a", time.Second)
		plan.Channels = []int{2}
		r.opts.Buses = []BusPlan{{Name: "b", Sensors: []Polled{plan}}}
		r.start()
		wait(5500 * time.Millisecond)
		equal(t, "neighbour", d.reads, every(0, 1000, 5500))
		r.stopAll()
		equal(t, "statuses", r.out.statuses(0), []string{"0 lost"})
		if got := r.sensor(1); got.LastError != "no such file or directory" || got.Up {
			t.Errorf("stats %+v", got)
		}
	})
}

func TestAStreamsOutputThatNeverCameHasNoStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2) // the device sends output 0 only
		p, _ := r.stream()
		r.start()
		p.arrive <- "1"
		wait(time.Minute)
		p.gone <- drivers.ErrUnplugged
		wait(time.Second)
		r.stopAll()
		if s := r.out.statuses(1); len(s) != 0 {
			t.Errorf("statuses %v of an output that this device does not have", s)
		}
		if s := r.out.statuses(0); len(s) != 2 || !strings.HasSuffix(s[1], "lost") {
			t.Errorf("statuses %v, want stale and lost", s)
		}
	})
}
