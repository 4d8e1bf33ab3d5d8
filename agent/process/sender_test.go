package process

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestDeadband(t *testing.T) {
	for _, c := range []struct {
		name         string
		send         Send
		script, want string
	}{
		{"everything", Send{}, "1 a=1\n 2 a=1\n 3 a=2", "1 a=1\n 2 a=1\n 3 a=2"},
		{"nothing", Send{Never: true}, "1 a=1\n 2 a=2", ""},
		{"nothing but statuses", Send{Never: true}, "1 a=1\n 2 a/status=lost\n 3 a/status=ok a=2", "2 a/status=lost\n 3 a/status=ok"},
		{"at least change away", Send{Change: 0.5}, "1 a=1\n 2 a=1.49\n 3 a=1.5\n 4 a=1.01\n 5 a=1",
			"1 a=1\n 3 a=1.5\n 5 a=1"},
		{"of the value sent, not of the one before", Send{Change: 1}, "1 a=0\n 2 a=0.6\n 3 a=1.2\n 4 a=1.8\n 5 a=2.2",
			"1 a=0\n 3 a=1.2\n 5 a=2.2"},
		{"steps of 0.1 in binary", Send{Change: 0.1}, "1 a=20.2\n 2 a=20.3\n 3 a=20.2\n 4 a=20.1\n 5 a=20.15\n 6 a=0.3\n 7 a=0.2",
			"1 a=20.2\n 2 a=20.3\n 3 a=20.2\n 4 a=20.1\n 6 a=0.3\n 7 a=0.2"},
		{"a slack much smaller than the change", Send{Change: 0.1}, "1 a=20.2\n 2 a=20.2999999999", "1 a=20.2"},
		{"the same is never a change", Send{Change: 1e-300}, "1 a=1e300\n 2 a=1e300", "1 a=1e+300"},
		{"heartbeat and any change", Send{Every: 10 * time.Second}, "1 a=1\n 2 a=1\n 3 a=2\n 4 a=2\n 13 a=2\n 14 a=2",
			"1 a=1\n 3 a=2\n 13 a=2"},
		{"heartbeat and deadband", Send{Change: 1, Every: 10 * time.Second}, "0 a=1\n 5 a=1.5\n 10 a=1.5\n 15 a=1.6\n 20 a=1.7",
			"0 a=1\n 10 a=1.5\n 20 a=1.7"},
		{"a change restarts the heartbeat", Send{Change: 1, Every: 10 * time.Second}, "0 a=1\n 5 a=9\n 10 a=9\n 15 a=9",
			"0 a=1\n 5 a=9\n 15 a=9"},
		{"heartbeat of a period that jitters", Send{Change: 1, Every: time.Minute},
			"0 a=1\n 20.01 a=1\n 39.99 a=1\n 59.98 a=1\n 80 a=1\n 100 a=1\n 119.97 a=1", "0 a=1\n 59.98 a=1\n 119.97 a=1"},
		{"heartbeat shorter than the period", Send{Change: 1, Every: time.Second}, "0 a=1\n 5 a=1\n 10 a=1", "0 a=1\n 5 a=1\n 10 a=1"},
		{"status always passes, and the next value", Send{Change: 5}, "1 a=1\n 2 a/status=bad\n 3 a/status=ok a=1\n 4 a=1",
			"1 a=1\n 2 a/status=bad\n 3 a/status=ok\n 3 a=1"},
		{"and when the value brings the ok itself", Send{Change: 5}, "1 a=1\n 2 a=NaN\n 3 a=1\n 4 a=1",
			"1 a=1\n 2 a/status=bad\n 3 a/status=ok\n 3 a=1"},
		{"stamps begin anew", Send{Change: 5, Every: 10 * time.Second}, "100 a=1\n 95 a=1\n 3 a=1\n 4 a=1\n 13 a=1",
			"100 a=1\n 3 a=1\n 13 a=1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			newRig(t, Channel{Name: "a", Send: c.send}).expect(c.script, c.want)
		})
	}
}

// Whatever the values are: a reader who takes the last value sent is never
// wrong by change or more, and never without a value for much longer than
// every, as long as there are values.
func TestDeadbandKeepsItsPromise(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 3))
		change := []float64{0.1, 0.5, 3}[r.IntN(3)]
		every := time.Duration(r.IntN(30)+1) * time.Second
		s := newSender(Send{Change: change, Every: every})
		v, at, last, lastAt := 20.0, int64(0), 0.0, int64(-1)
		for range 500 {
			period := sec + r.Int64N(sec/10)
			at += period
			v += 0.1 * float64(r.IntN(7)-3)
			if s.wants(v, at, false) {
				last, lastAt = v, at
				continue
			}
			if d := v - last; d >= change || -d >= change {
				t.Fatalf("seed %d: %v was held back, %v was sent, change is %v", seed, v, last, change)
			}
			if silent := at - lastAt; silent >= int64(every) {
				t.Fatalf("seed %d: nothing for %d ns, every is %v", seed, silent, every)
			}
		}
	}
}
