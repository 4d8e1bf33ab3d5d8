package checkpoint

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink/frame"
)

// A store that is new, or another one's, counts its runs from 1 again. The file
// beside it must not take its new alarms for old ones.
func TestAFileOfAnotherStoreHearsOfNewAlarms(t *testing.T) {
	r := newRig(t)
	for range 3 {
		r.take(r.event(0, drivers.AlarmHigh), r.event(0, drivers.AlarmClear))
	}
	r.take(r.event(2, drivers.AlarmStale))
	r.file.Begin()
	r.commit()
	r.file.End(true)
	r.save()

	dir := t.TempDir()
	b, err := os.ReadFile(filepath.Join(r.dir, Name))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, Name), b, 0o600); err != nil {
		t.Fatal(err)
	}
	r.dir, r.last, r.onFlash = dir, frame.ID{}, frame.ID{}
	r.store = openStore(t, dir, func() int64 { return r.now })
	r.file = openFile(t, dir, r.store)
	if got := r.file.Alarms(); len(got) != 1 || got["greenhouse/temperature"].State != "stale" {
		t.Errorf("the file's own alarms are %v", got)
	}
	if got := r.file.Saved(); got != (frame.ID{}) {
		t.Errorf("up to %v the store may forget what it holds", got)
	}
	r.committed = map[string]string{"greenhouse/temperature": "stale"}
	r.save() // as the agent does when it starts
	r.take(r.event(1, drivers.AlarmLow))
	r.file.Begin()
	r.commit()
	r.file.End(true)
	r.cut()
	r.save()
	r.release(r.onFlash)
	r.cut()
}

// While the store does not commit, what waits is one event of each channel.
func TestAnAlarmThatFlapsWhileTheStoreFailsTakesNoMemory(t *testing.T) {
	r := newRig(t)
	for range 1000 {
		r.take(r.event(0, drivers.AlarmHigh), r.event(0, drivers.AlarmClear))
		r.file.Begin()
		r.file.End(false)
	}
	if n := len(r.file.put.alarms) + len(r.file.commit.alarms); n != 1 {
		t.Errorf("%d events wait", n)
	}
	r.file.Begin()
	r.commit()
	r.file.End(true)
	r.cut()
}
