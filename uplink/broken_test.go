package uplink_test

import (
	"slices"
	"testing"

	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

// The frames of a lab are no samples, which a sink that wants SenML finds out.
func TestAFrameInMemoryThatDoesNotDecodeIsLostAndNotDelivered(t *testing.T) {
	inLab(t, func(l *lab) {
		l.tweak = func(o *uplink.Options, _ *store.Options) { o.Encoding, o.SenMLBytes = "senml", 4096 }
		l.start()
		for n := range uint64(3) {
			l.submit(n, frame.Normal)
		}
		l.wait("the records", func(s uplink.Status) bool { return s.Counters.Declared == 3 && s.Memory == 0 })
		c := l.up.Status().Counters
		if lost := c.Lost[slices.Index(uplink.Causes[:], frame.NotEncoded)]; lost != 3 || c.Delivered[frame.Live] != 0 || c.LostTotal() != 3 {
			t.Errorf("lost %d, delivered %d, want 3 and none", lost, c.Delivered[frame.Live])
		}
		if !l.shutdown() {
			t.Error("the run ends unsafe")
		}
		for _, a := range l.server.arrivals(frame.Live) {
			if a.Encoding != "gap" {
				t.Errorf("%v is %s", a.ID, a.Encoding)
			}
		}
	})
}
