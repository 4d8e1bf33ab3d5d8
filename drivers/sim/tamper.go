package sim

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/telhub/telhub/drivers"
)

// frameEnd is the silence after which Tamper takes an answer for complete. It
// is longer than a slave's process is kept from running between two writes.
const frameEnd = 15 * time.Millisecond

// Tamper is the cable between a master and real slaves, both on serial ports:
// requests pass, answers meet faults.
type Tamper struct {
	master, slave io.ReadWriter

	mu      sync.Mutex // guards what follows
	fault   AnswerFault
	request []byte
	answers int
	hit     int

	wg sync.WaitGroup // answers under way
}

// NewTamper connects a master's port and a slave's, usually the far ends of two
// PTYs.
func NewTamper(master, slave io.ReadWriter) *Tamper { return &Tamper{master: master, slave: slave} }

// Inject switches a fault of all answers on, or off with a zero AnswerFault.
func (t *Tamper) Inject(f AnswerFault) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fault = f
}

// Hit tells how many answers a fault has met since the start.
func (t *Tamper) Hit() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.hit
}

// Run passes bytes until ctx ends; then the ports have to be closed, which ends
// the goroutines that read them. Run returns when all have ended.
func (t *Tamper) Run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { t.requests(ctx) })
	answers := make(chan []byte)
	wg.Go(func() { receive(ctx, t.slave, answers) })
	t.collect(ctx, answers)
	wg.Wait()
	t.wg.Wait()
}

// receive passes on what comes from a port until it is gone or ctx ends.
func receive(ctx context.Context, port io.Reader, to chan<- []byte) {
	defer close(to)
	for ctx.Err() == nil {
		buf := make([]byte, 512)
		n, err := port.Read(buf)
		switch {
		case n > 0:
			select {
			case to <- buf[:n]:
			case <-ctx.Done():
			}
		case errors.Is(err, drivers.ErrNotReady): // nobody has it open
			select {
			case <-time.After(openPoll):
			case <-ctx.Done():
			}
		case err != nil:
			return
		}
	}
}

// requests passes what the master says.
func (t *Tamper) requests(ctx context.Context) {
	from := make(chan []byte)
	go receive(ctx, t.master, from)
	for p := range from {
		t.mu.Lock()
		t.request = append([]byte(nil), p...)
		t.mu.Unlock()
		if _, err := t.slave.Write(p); err != nil {
			return
		}
	}
}

// collect puts answers together, which end with a silence.
func (t *Tamper) collect(ctx context.Context, from <-chan []byte) {
	var answer []byte
	silence := time.NewTimer(time.Hour)
	defer silence.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case p, ok := <-from:
			if !ok {
				return
			}
			answer = append(answer, p...)
			silence.Reset(frameEnd)
		case <-silence.C:
			t.deliver(ctx, answer)
			answer = nil
		}
	}
}

// deliver sends an answer with what the fault makes of it.
func (t *Tamper) deliver(ctx context.Context, answer []byte) {
	t.mu.Lock()
	f := t.fault.take()
	pieces := f.play(t.request, answer, t.answers)
	t.answers++
	if f.Kind != AnswerClear {
		t.hit++
	}
	t.mu.Unlock()
	for _, p := range pieces {
		if p.after == 0 {
			_, _ = t.master.Write(p.data)
			continue
		}
		t.wg.Go(func() {
			select {
			case <-time.After(p.after):
				_, _ = t.master.Write(p.data)
			case <-ctx.Done():
			}
		})
	}
}
