package pipeline

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/telhub/telhub/drivers"
)

// board is a device of three outputs of which this one lacks the last.
type board struct{ device }

func (b *board) Outputs() []drivers.Output {
	return []drivers.Output{{Name: "a"}, {Name: "b"}, {Name: "c"}}
}

func (b *board) Varies() bool { return true }

// What a polled device never had is silent; what it had and lost is stale.
func TestOutputsThatADeviceLacksAreSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 3)
		b := &board{*r.device()}
		b.read = func(n int, dst *drivers.Reading) (time.Duration, error) {
			dst.Set(0, 1)
			if n < 2 {
				dst.Set(1, 1)
			}
			return 0, nil
		}
		r.bus(nil, Polled{Name: "board", Use: "fake", Sensor: b, Every: time.Second})
		r.start()
		wait(20 * time.Second)
		r.stopAll()
		equal(t, "there", r.out.statuses(0), nil)
		equal(t, "lost", r.out.statuses(1), []string{"4000 stale"})
		equal(t, "never there", r.out.statuses(2), nil)
	})
}
