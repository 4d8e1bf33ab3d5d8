package uplink

import (
	"testing"
	"time"

	"github.com/telhub/telhub/uplink/frame"
)

// A store that cannot be read is asked again with growing pauses. Backlog waits
// for it without an end; what goes before live frames and alarms does not hold
// these up for longer than it says.
func TestAStoreThatCannotBeReadIsAskedAgain(t *testing.T) {
	for _, c := range []struct {
		lane frame.Lane
		ends time.Duration // after the first failure; 0: never
	}{{frame.Backfill, 0}, {frame.Live, sickLive}, {frame.Alarm, sickAlarm}} {
		l := lane{lane: c.lane, older: true}
		begun := time.Unix(1, 0)
		now, asked := begun, 0
		for l.older && now.Sub(begun) < 24*time.Hour {
			l.unread(now)
			asked++
			if !l.older {
				break
			}
			pause := l.sick.retry.Sub(now)
			if pause <= 0 || pause > sickMost || asked == 1 && pause != sickFirst {
				t.Fatalf("%s: asked again after %v", c.lane, pause)
			}
			now = l.sick.retry
		}
		if took := now.Sub(begun); c.ends != 0 && took != c.ends || c.ends == 0 && !l.older {
			t.Errorf("%s: given up after %v, want %v", c.lane, took, c.ends)
		}
		if c.ends == 0 && asked < int(24*time.Hour/sickMost) {
			t.Errorf("%s: asked %d times a day", c.lane, asked)
		}
	}
}
