package uplink_test

import (
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

// Another board of this name was there while this one was away, for so many
// starts that its epoch is the higher one when it comes back. Frames of its
// earlier epochs look as if Redis had them: nobody knows, and that is said.
func TestABacklogThatAnotherBoardOvertookIsDeclared(t *testing.T) {
	inLab(t, func(l *lab) {
		l.server.opening = func() error { return uplink.ErrUnreachable }
		for n := range uint64(3) {
			l.start()
			l.submit(n+1, frame.Normal)
			time.Sleep(5 * time.Second)
			l.shutdown()
		}
		for i := range l.server.marks {
			l.server.marks[i] = uplink.Mark{Fence: 2, ID: frame.ID{Epoch: 2, Seq: 7}}
		}
		l.server.come(nil)
		l.start()
		l.quiet()
		l.shutdown()
		text := ""
		for lane := range frame.Lane(frame.Lanes) {
			for _, a := range l.server.arrivals(lane) {
				text += string(a.Data)
			}
		}
		if !strings.Contains(text, `"conflict"`) {
			t.Errorf("nothing says that frames of epochs 1 and 2 may be lost: %q", text)
		}
	})
}

// The agent's own fence, of its last run, is no conflict. Of a run whose opens
// were never answered the fence is as good as another's, but nothing that was
// stored lies below it.
func TestTheFenceOfTheRunBeforeIsNoConflict(t *testing.T) {
	for name, fails := range map[string]error{"answered": nil, "unanswered": errGone} {
		t.Run(name, func(t *testing.T) {
			inLab(t, func(l *lab) {
				l.start()
				l.submit(1, frame.Normal)
				l.quiet()
				l.shutdown()
				l.server.opening = func() error { return fails }
				l.start()
				time.Sleep(3 * time.Second)
				l.submit(2, frame.Normal)
				time.Sleep(time.Second)
				if fails != nil { // it arrived all the same
					for i := range l.server.marks {
						l.server.marks[i].Fence = 2
					}
				}
				l.shutdown()
				l.server.come(nil)
				l.start()
				l.submit(3, frame.Normal)
				l.quiet()
				l.shutdown()
				for lane := range frame.Lane(frame.Lanes) {
					for _, a := range l.server.arrivals(lane) {
						if a.Encoding == "gap" {
							t.Errorf("%v declares %s", lane, a.Data)
						}
					}
				}
			})
		})
	}
}
