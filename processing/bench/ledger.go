package bench

import (
	"fmt"
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Ledger is the audit of a run: which task was executed and which took effect,
// by number, and how long it had waited. Its methods may be called by many
// goroutines and allocate nothing.
type Ledger struct {
	begun, done []atomic.Uint64 // bitmaps
	wait, total []atomic.Int64  // ns from the intended moment; of the first execution and the first effect

	beganAgain, doneAgain, foreign atomic.Int64

	left     atomic.Int64
	complete chan struct{} // closed when every number is done
	end      time.Time     // when that was; read after complete
}

// NewLedger awaits the numbers 0 to n-1.
func NewLedger(n int) *Ledger {
	l := &Ledger{
		begun: make([]atomic.Uint64, (n+63)/64), done: make([]atomic.Uint64, (n+63)/64),
		wait: make([]atomic.Int64, n), total: make([]atomic.Int64, n), complete: make(chan struct{}),
	}
	l.left.Store(int64(n))
	if n == 0 {
		close(l.complete)
	}
	return l
}

// Begin notes that a handler was given a payload. It returns the task's number,
// or -1 for what was never sent.
func (l *Ledger) Begin(payload []byte, now time.Time) int {
	n, intended, ok := Head(payload)
	if !ok || n < 0 || n >= len(l.wait) {
		l.foreign.Add(1)
		return -1
	}
	if !set(l.begun, n) {
		l.beganAgain.Add(1)
		return n
	}
	l.wait[n].Store(now.UnixNano() - intended)
	l.total[n].Add(-intended) // another execution's Done may have come first
	return n
}

// Done notes that the task has had its effect.
func (l *Ledger) Done(n int, now time.Time) {
	if n < 0 {
		return
	}
	if !set(l.done, n) {
		l.doneAgain.Add(1)
		return
	}
	l.total[n].Add(now.UnixNano())
	if l.left.Add(-1) == 0 {
		l.end = now
		close(l.complete)
	}
}

func set(bitmap []atomic.Uint64, n int) bool {
	bit := uint64(1) << (n & 63)
	return bitmap[n>>6].Or(bit)&bit == 0
}

// Complete is closed when every number is done.
func (l *Ledger) Complete() <-chan struct{} { return l.complete }

// Audit is what became of the tasks of a run.
type Audit struct {
	Tasks      int   `json:"tasks"`
	Missing    int   `json:"missing"`        // never done
	BeganTwice int64 `json:"executed_again"` // executions beyond the first
	DoneTwice  int64 `json:"effects_again"`  // effects beyond the first
	Foreign    int64 `json:"foreign"`        // payloads that were never sent
}

// Audit counts. It may be asked when no handler runs any more.
func (l *Ledger) Audit() Audit {
	a := Audit{Tasks: len(l.wait), BeganTwice: l.beganAgain.Load(), DoneTwice: l.doneAgain.Load(), Foreign: l.foreign.Load()}
	done := 0
	for i := range l.done {
		done += bits.OnesCount64(l.done[i].Load())
	}
	a.Missing = a.Tasks - done
	return a
}

// Exact reports whether each task was executed once and took effect once.
func (a Audit) Exact() bool {
	return a.Missing == 0 && a.BeganTwice == 0 && a.DoneTwice == 0 && a.Foreign == 0
}

func (a Audit) String() string {
	if a.Exact() {
		return fmt.Sprintf("%d exactly once", a.Tasks)
	}
	return fmt.Sprintf("%d tasks: %d MISSING, %d EXECUTED AGAIN, %d EFFECTS AGAIN, %d FOREIGN",
		a.Tasks, a.Missing, a.BeganTwice, a.DoneTwice, a.Foreign)
}

// Latency is a distribution in milliseconds.
type Latency struct {
	P50  float64 `json:"p50_ms"`
	P90  float64 `json:"p90_ms"`
	P99  float64 `json:"p99_ms"`
	P999 float64 `json:"p999_ms"`
	Max  float64 `json:"max_ms"`
	// Curve holds the milliseconds at the percentiles of curvePoints.
	Curve []float64 `json:"curve_ms,omitempty"`
}

// curvePoints are the percentiles of a plot.
var curvePoints = [...]float64{0, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99, 100}

// maxLatency is the longest time that a histogram tells apart.
const maxLatency = 10 * time.Minute

// Waits is the distribution from the intended moment to the start of the
// handler, of the tasks from to to-1 that were executed.
func (l *Ledger) Waits(from, to int) Latency { return l.latency(l.wait, l.begun, from, to) }

// Totals is the same to the end of the handler.
func (l *Ledger) Totals(from, to int) Latency { return l.latency(l.total, l.done, from, to) }

func (l *Ledger) latency(ns []atomic.Int64, seen []atomic.Uint64, from, to int) (x Latency) {
	h := hdrhistogram.New(1, maxLatency.Microseconds(), 3)
	for n := from; n < to; n++ {
		if seen[n>>6].Load()&(1<<(n&63)) == 0 {
			continue
		}
		// a clock that was set back meanwhile must not make it negative
		us := min(max(ns[n].Load()/1000, 1), maxLatency.Microseconds())
		h.RecordValue(us)
	}
	if h.TotalCount() == 0 {
		return x
	}
	ms := func(p float64) float64 { return float64(h.ValueAtQuantile(p)) / 1000 }
	x = Latency{P50: ms(50), P90: ms(90), P99: ms(99), P999: ms(99.9), Max: float64(h.Max()) / 1000}
	for _, p := range curvePoints {
		x.Curve = append(x.Curve, ms(p))
	}
	return x
}

// handler wraps what is done for a task, for as long as it is to take, in the audit.
func (l *Ledger) handler(takes time.Duration) func(payload []byte) {
	return func(payload []byte) {
		n := l.Begin(payload, time.Now())
		if takes > 0 {
			time.Sleep(takes) // as a handler that waits for a database
		}
		l.Done(n, time.Now())
	}
}
