package checkpoint

import (
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/telhub/telhub/agent/clock"
	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink/frame"
)

var testBoot = frame.BootID{1, 2, 3}

// testNames are the channels of the tests' frames.
var testNames = []string{"box/t", "box/h", "greenhouse/temperature"}

// rig is a checkpoint beside a real store, and what is true of both.
type rig struct {
	t     *testing.T
	dir   string
	store *store.Store
	file  *File
	enc   *frame.Encoder

	last      frame.ID
	now       int64
	put       []drivers.Sample  // in the store's memory
	committed map[string]string // alarms raised by frames on flash
	onFlash   frame.ID          // the last of them
}

func openStore(t *testing.T, dir string, now func() int64) *store.Store {
	t.Helper()
	s, _, err := store.Open(store.Options{
		Dir: dir, MaxBytes: 16 << 20, PendingBytes: 256 << 10, Boot: testBoot, Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func openFile(t *testing.T, dir string, s *store.Store) *File {
	t.Helper()
	c, damage, err := Open(filepath.Join(dir, Name))
	if damage != nil || err != nil {
		t.Fatalf("Open gave damage %v and %v", damage, err)
	}
	if err := c.Replay(s, &frame.Frame{Payload: make([]byte, 0, 4096)}); err != nil {
		t.Fatal(err)
	}
	return c
}

func newRig(t *testing.T) *rig {
	t.Helper()
	schema := &frame.Schema{}
	for i, name := range testNames {
		schema.Channels = append(schema.Channels, frame.Channel{Name: name, Group: uint16(i)})
	}
	r := &rig{t: t, dir: t.TempDir(), enc: frame.NewEncoder(schema, 8), committed: map[string]string{}}
	r.store = openStore(t, r.dir, func() int64 { return r.now })
	r.file = openFile(t, r.dir, r.store)
	return r
}

// frame makes the next frame of lane alarm.
func (r *rig) frame(events ...drivers.Sample) *frame.Frame {
	r.t.Helper()
	f := &frame.Frame{Payload: make([]byte, 0, 4096)}
	if err := r.enc.Encode(f, events); err != nil {
		r.t.Fatal(err)
	}
	epoch := r.store.Epoch()
	f.Lane, f.Class, f.Boot, f.Prev = frame.Alarm, frame.Urgent, testBoot, r.last
	if f.ID = (frame.ID{Epoch: epoch, Seq: r.last.Seq + 1}); r.last.Epoch != epoch {
		f.ID.Seq = 1
	}
	r.last = f.ID
	return f
}

func (r *rig) event(channel int, state drivers.Alarm) drivers.Sample {
	r.now += 7
	return drivers.Sample{Stamp: r.now * 1e6, Channel: uint16(channel), Kind: drivers.KindAlarm, Alarm: state}
}

// take is Put of both.
func (r *rig) take(events ...drivers.Sample) {
	r.t.Helper()
	f := r.frame(events...)
	if err := r.store.Put(f); err != nil {
		r.t.Fatal(err)
	}
	r.file.Put(f)
	r.put = append(r.put, events...)
}

// commit makes the store's part of a commit; Begin and End stand around it.
func (r *rig) commit() {
	r.t.Helper()
	if err := r.store.Commit(); err != nil {
		r.t.Fatal(err)
	}
	for _, e := range r.put {
		if name := testNames[e.Channel]; e.Alarm == drivers.AlarmClear {
			delete(r.committed, name)
		} else {
			r.committed[name] = e.Alarm.String()
		}
	}
	r.put, r.onFlash = nil, r.last
}

func (r *rig) save() {
	r.t.Helper()
	if err := r.file.Save(nil, nil); err != nil {
		r.t.Fatal(err)
	}
}

// release lets the store forget what Redis is taken to have, as the uplink does.
func (r *rig) release(delivered frame.ID) {
	if kept := r.file.Saved(); kept.Less(delivered) {
		delivered = kept
	}
	r.store.Release(frame.Alarm, delivered)
	r.store.Sweep()
}

// cut takes the power away and looks at what a next start finds.
func (r *rig) cut() {
	r.t.Helper()
	dir := r.t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(r.dir)); err != nil {
		r.t.Fatal(err)
	}
	s := openStore(r.t, dir, func() int64 { return r.now })
	c := openFile(r.t, dir, s)
	got := map[string]string{}
	for name, a := range c.Alarms() {
		got[name] = a.State
		if a.Boot != testBoot || a.Stamp <= 0 || a.Stamp > r.now {
			r.t.Errorf("%s is %+v: not the instant of its event", name, a)
		}
	}
	if !maps.Equal(got, r.committed) {
		r.t.Fatalf("after a cut the alarms are %v; the frames on flash say %v", got, r.committed)
	}
	if err := s.Close(); err != nil {
		r.t.Error(err)
	}
}

// The power goes at each step of an alarm's way.
func TestAlarmsAreWhatIsCommitted(t *testing.T) {
	r := newRig(t)
	step := func(name string, do func()) {
		do()
		if t.Run(name, func(t *testing.T) { r.t = t; r.cut() }); t.Failed() {
			t.FailNow()
		}
		r.t = t
	}
	step("nothing yet", func() {})
	step("put", func() { r.take(r.event(0, drivers.AlarmHigh)) })
	step("begun", func() { r.file.Begin() })
	step("committed, and cut before the end", func() { r.commit() })
	step("ended", func() { r.file.End(true) })
	step("put again", func() { r.take(r.event(1, drivers.AlarmLow), r.event(0, drivers.AlarmClear)) })
	step("the commit fails", func() { r.file.Begin(); r.file.End(false) })
	step("and succeeds the next time", func() { r.file.Begin(); r.commit(); r.file.End(true) })
	step("saved", func() { r.save() })
	step("stale behind it", func() { r.take(r.event(2, drivers.AlarmStale)); r.file.Begin(); r.commit(); r.file.End(true) })
	step("saving fails", func() {
		if err := os.Mkdir(filepath.Join(r.dir, Name+".tmp"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := r.file.Save(nil, nil); err == nil {
			t.Error("Save into a directory gave no error")
		}
		if !r.file.Changed() {
			t.Error("what was not saved is taken for saved")
		}
	})
	step("released in vain", func() { r.release(r.onFlash) })
	step("saved at last", func() {
		if err := os.Remove(filepath.Join(r.dir, Name+".tmp")); err != nil {
			t.Fatal(err)
		}
		r.save()
	})
	step("released", func() { r.release(r.onFlash) })
	if want := map[string]string{"box/h": "low", "greenhouse/temperature": "stale"}; !maps.Equal(r.committed, want) {
		t.Errorf("the test has come to %v, want %v", r.committed, want)
	}
}

// Steps in random order, the power being cut between any two of them.
func TestAlarmsAfterRandomCuts(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 1))
	r := newRig(t)
	begun, wrote := false, false
	states := []drivers.Alarm{drivers.AlarmClear, drivers.AlarmHigh, drivers.AlarmLow, drivers.AlarmStale}
	for range 400 {
		switch k := dice.IntN(8); {
		case k < 3 && !wrote: // what is put while the store writes is the next commit's
			r.take(r.event(dice.IntN(len(testNames)), states[dice.IntN(len(states))]))
		case k == 3 && !begun:
			r.file.Begin()
			begun = true
		case k == 4 && begun && !wrote:
			r.commit()
			wrote = true
		case k == 5 && begun:
			r.file.End(wrote)
			begun, wrote = false, false
		case k == 6:
			r.save()
		case k == 7:
			if saved := r.file.Saved(); r.onFlash.Less(saved) {
				t.Fatalf("%v is on the record, but only %v is on flash", saved, r.onFlash)
			}
			r.release(r.onFlash)
		}
		if dice.IntN(8) == 0 {
			r.cut()
		}
	}
}

// Frames that are not of lane alarm, and gap records, say nothing of alarms.
func TestOnlyAlarmsCount(t *testing.T) {
	r := newRig(t)
	live := r.frame(r.event(0, drivers.AlarmHigh))
	live.Lane = frame.Live
	r.file.Put(live)
	gap := &frame.Frame{Payload: make([]byte, 0, 256), Lane: frame.Alarm, ID: frame.ID{Epoch: 1, Seq: 9}}
	info := frame.GapInfo{Cause: frame.StoreOff, N: 1}
	if err := info.Seal(gap); err != nil {
		t.Fatal(err)
	}
	r.file.Put(gap)
	noise := r.frame(r.event(0, drivers.AlarmHigh))
	noise.Payload[0] ^= 0xFF
	r.file.Put(noise)
	r.file.Begin()
	r.file.End(true)
	if got := r.file.Alarms(); len(got) > 0 {
		t.Errorf("alarms are %v, want none", got)
	}
}

// What is on the record is what the last save has written, not what is known.
func TestSavedIsWhatIsOnTheRecord(t *testing.T) {
	r := newRig(t)
	r.take(r.event(0, drivers.AlarmHigh))
	r.file.Begin()
	r.commit()
	r.file.End(true)
	if got := r.file.Saved(); got != (frame.ID{}) || !r.file.Changed() {
		t.Errorf("%v is on the record before anything is saved", got)
	}
	r.save()
	first := r.last
	r.take(r.event(0, drivers.AlarmClear))
	r.file.Begin()
	r.commit()
	r.file.End(true)
	if got := r.file.Saved(); got != first {
		t.Errorf("%v is on the record, want %v", got, first)
	}
	r.save()
	if got := r.file.Saved(); got != r.last || r.file.Changed() {
		t.Errorf("%v is on the record, want %v and nothing changed", got, r.last)
	}
}

// A new SD card: the server has seen later runs, and the store renames its own.
func TestReassign(t *testing.T) {
	r := newRig(t)
	r.take(r.event(0, drivers.AlarmHigh))
	r.file.Begin()
	r.commit()
	r.file.End(true)
	r.save()
	r.take(r.event(1, drivers.AlarmLow)) // waits in memory while it is renamed
	from := r.store.Epoch()
	if err := r.store.Reassign(from + 41); err != nil {
		t.Fatal(err)
	}
	r.file.Reassign(from, from+41)
	r.last.Epoch = from + 41
	r.cut()
	r.file.Begin()
	r.commit()
	r.file.End(true)
	r.save()
	if got, want := r.file.Saved(), (frame.ID{Epoch: from + 41, Seq: 2}); got != want {
		t.Errorf("%v is on the record, want %v", got, want)
	}
	r.cut()
}

// Counters and boots come back as they were saved; a run that saved nothing
// leaves the file alone.
func TestCountersAndBootsComeBack(t *testing.T) {
	r := newRig(t)
	counters := map[string]Counter{"box/energy": {Expression: "integral(power)", State: []float64{1e300, -5e-324}}}
	boots := []clock.Boot{{ID: testBoot, Since: 4, Alive: 5, Points: []clock.Point{{At: 4, Offset: int64(time.Hour)}}}}
	if err := r.file.Save(counters, boots); err != nil {
		t.Fatal(err)
	}
	c := openFile(t, r.dir, r.store)
	got := c.Counters()["box/energy"]
	if got.Expression != "integral(power)" || len(got.State) != 2 || got.State[0] != 1e300 || got.State[1] != -5e-324 {
		t.Errorf("the counter came back as %+v", got)
	}
	if b := c.Boots(); len(b) != 1 || b[0].ID != testBoot || b[0].Alive != 5 || b[0].Points[0].Offset != int64(time.Hour) {
		t.Errorf("boots came back as %+v", b)
	}
}
