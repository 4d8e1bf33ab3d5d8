package checkpoint

import (
	"testing"

	"github.com/telhub/telhub/drivers"
)

// A store that refuses an alarm does not let it be told twice: Redis has it.
func TestAnAlarmThatTheStoreRefusedIsKnownWhenRedisHasIt(t *testing.T) {
	r := newRig(t)
	r.file.Taken(r.frame(r.event(0, drivers.AlarmHigh)))
	r.save()
	again := openFile(t, r.dir, r.store)
	if got := again.Alarms()[testNames[0]].State; got != "high" {
		t.Errorf("after a restart the alarm is %q, want high", got)
	}
}

// What Redis takes late does not undo what was committed since.
func TestAnOldAlarmTakenLateChangesNothing(t *testing.T) {
	r := newRig(t)
	high := r.frame(r.event(0, drivers.AlarmHigh))
	r.file.Put(high)
	r.file.Put(r.frame(r.event(0, drivers.AlarmClear)))
	r.file.Begin()
	r.file.End(true)
	r.file.Taken(high)
	if got, raised := r.file.Alarms()[testNames[0]]; raised {
		t.Errorf("the alarm is %+v, want none", got)
	}
}
