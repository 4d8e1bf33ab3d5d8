package uplink_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

func TestADiskThatHangsForEverDoesNotHangTheShutdown(t *testing.T) {
	inLab(t, func(l *lab) {
		disk, asked := make(chan struct{}), atomic.Bool{}
		l.wrap = func(s uplink.Store) uplink.Store {
			return &slowStore{Store: s, commit: func() { asked.Store(true); <-disk }}
		}
		l.server.leave()
		l.start()
		for n := range uint64(20) {
			l.submit(n, frame.Normal)
			time.Sleep(time.Second)
		}
		if !asked.Load() {
			t.Fatal("no commit is under way")
		}
		begun := time.Now()
		l.stop()
		select {
		case safe := <-l.done:
			if safe {
				t.Error("the run calls itself safe")
			}
		case <-time.After(time.Hour):
			t.Error("the run does not end")
		}
		if took := time.Since(begun); took > 30*time.Second {
			t.Errorf("the end takes %v", took)
		}
		if !l.up.Hung() {
			t.Error("nobody is told that the store hangs")
		}
		close(disk)
		synctest.Wait()
		if err := l.store.CloseUnclean(); err != nil {
			t.Error(err)
		}
	})
}
