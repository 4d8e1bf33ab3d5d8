package uplink_test

import (
	"math"
	"strings"
	"testing"

	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

// A fence behind which there is no epoch is told, tried again in peace, and
// costs nothing once it is mended.
func TestTheLastFenceOfAllDoesNotStartTheEpochsAnew(t *testing.T) {
	inLab(t, func(l *lab) {
		l.server.marks[frame.Live].Fence = math.MaxUint64
		l.start()
		l.submit(0, frame.Normal)
		l.wait("the error", func(s uplink.Status) bool { return s.LastError != nil && s.Breaker == uplink.Open })
		s := l.up.Status()
		if s.Epoch != 1 || s.Connected || !strings.Contains(s.LastError.Error(), "delete the device's fields") {
			t.Errorf("epoch %d, connected %v, %v", s.Epoch, s.Connected, s.LastError)
		}
		l.server.mu.Lock()
		l.server.marks = [frame.Lanes]uplink.Mark{}
		l.server.mu.Unlock()
		l.quiet()
		l.shutdown()
		if n := len(l.server.arrivals(frame.Live)) + len(l.server.arrivals(frame.Backfill)); n != 1 {
			t.Errorf("%d frames arrived, want 1", n)
		}
	})
}
