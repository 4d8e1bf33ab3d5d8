package clock

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

var _ uplink.Dates = (*Clock)(nil)

// machine is a kernel whose clocks stand still until told otherwise. Tests
// change it while nobody reads it, or under mu.
type machine struct {
	mu    sync.Mutex
	boot  int64 // ns
	wall  int64 // offset
	state int
	bits  int32
	err   error
}

func (m *machine) kernel() kernel {
	return kernel{
		boottime: func() int64 { m.mu.Lock(); defer m.mu.Unlock(); return m.boot },
		realtime: func() int64 { m.mu.Lock(); defer m.mu.Unlock(); return m.boot + m.wall },
		adjtimex: func(t *unix.Timex) (int, error) {
			m.mu.Lock()
			defer m.mu.Unlock()
			t.Status = m.bits
			return m.state, m.err
		},
	}
}

func (m *machine) pass(d int64) { m.mu.Lock(); m.boot += d; m.mu.Unlock() }

func (m *machine) synced(offset int64) {
	m.mu.Lock()
	m.wall, m.state, m.bits = offset, timeOK, 0
	m.mu.Unlock()
}

func (m *machine) unsynced(offset int64) {
	m.mu.Lock()
	m.wall, m.state, m.bits = offset, timeError, staUnsync
	m.mu.Unlock()
}

func testClock(m *machine, o Options) *Clock {
	o.NotBefore = built
	c := newClock(o, m.kernel())
	c.openSteps = func() (steps, error) { return nil, errors.New("no timer") }
	c.start()
	return c
}

func bootID(n byte) frame.BootID { return frame.BootID{15: n} }

func TestDating(t *testing.T) {
	offset := began / 1e6
	for name, tt := range map[string]*struct {
		m      machine
		want   frame.Dating
		source string
		synced bool
	}{
		"synchronised": {machine{wall: began}, frame.Dating{Offset: offset, Quality: frame.NTP},
			"the kernel's clock, synchronised", true},
		"a leap second is due": {machine{wall: began, state: timeIns}, frame.Dating{Offset: offset, Quality: frame.NTP},
			"the kernel's clock, synchronised", true},
		"not synchronised": {machine{wall: began, state: timeError, bits: staUnsync}, frame.Dating{Offset: offset, Quality: frame.Holdover},
			"the kernel's clock, not confirmed since it was set", false},
		"state and bit disagree": {machine{wall: began, bits: staUnsync}, frame.Dating{Offset: offset, Quality: frame.Holdover},
			"the kernel's clock, not confirmed since it was set", false},
		"adjtimex forbidden": {machine{wall: began, err: unix.EPERM}, frame.Dating{Offset: offset, Quality: frame.Holdover},
			"the kernel's clock, not confirmed since it was set", false},
		"before the build date": {machine{}, frame.Dating{}, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			tt.m.boot = 90 * second
			c := testClock(&tt.m, Options{Root: t.TempDir()})
			st := c.Status()
			if got := c.Dating(); got != tt.want || st.Dating != got || st.Source != tt.source || c.Synced() != tt.synced {
				t.Errorf("Dating() = %+v, status %+v, synced %v; want %+v, %q, %v", got, st, c.Synced(), tt.want, tt.source, tt.synced)
			}
			if forbidden := strings.Contains(st.Trouble, "adjtimex: operation not permitted"); forbidden != (tt.m.err != nil) {
				t.Errorf("trouble %q", st.Trouble)
			}
		})
	}
}

func TestDatingLooksForItself(t *testing.T) {
	m := &machine{boot: second}
	c := testClock(m, Options{Root: t.TempDir()})
	m.synced(began)
	if got := c.Dating().Quality; got != frame.Unset {
		t.Errorf("at once %v, want the last reading to serve", got)
	}
	m.pass(2 * second)
	if got := c.Dating().Quality; got != frame.NTP {
		t.Errorf("two seconds later %v, want ntp", got)
	}
	if got := c.Of(frame.BootID{}, 1); got != (frame.Dating{Offset: began / 1e6, Quality: frame.NTP}) {
		t.Errorf("Of a sample from before: %+v", got)
	}
}

func TestDatesAllocateNothing(t *testing.T) {
	earlier := Boot{ID: bootID(1), Alive: 1000, Quality: frame.NTP, Until: 1000, Points: []Point{{0, 1e12}}}
	for name, c := range map[string]*Clock{
		"real":  New(Options{NotBefore: built, Boot: bootID(2), Boots: []Boot{earlier}}),
		"fails": testClock(&machine{err: unix.EPERM}, Options{Boot: bootID(2), Boots: []Boot{earlier}, Root: t.TempDir()}),
	} {
		utc := built.UnixMilli()
		if n := testing.AllocsPerRun(100, func() {
			c.judge.kernel.boot = -hour // so that each one reads
			c.Dating()
			c.Of(bootID(1), 5)
			c.Of(bootID(2), 5)
			c.Of(bootID(3), 5)
			c.Bounds(bootID(2), 5)
			c.Bounds(bootID(3), 5)
			c.Synced()
			c.Generation()
			c.Seen(bootID(1), 5)
			utc += 1000
			c.GNSS(utc, utc*1e6)
		}); n != 0 {
			t.Errorf("%s: %v allocations, want 0", name, n)
		}
	}
}

func BenchmarkOf(b *testing.B) {
	c := New(Options{NotBefore: built})
	b.ReportAllocs()
	for b.Loop() {
		c.Of(frame.BootID{}, 1)
	}
}

func BenchmarkLook(b *testing.B) {
	c := New(Options{NotBefore: built})
	b.ReportAllocs()
	for b.Loop() {
		c.mu.Lock()
		c.lookLocked()
		c.mu.Unlock()
	}
}

func TestAClockChipIsReadWhenTheKernelHasNoDate(t *testing.T) {
	root := t.TempDir()
	chip := func(name, text string) {
		dir := filepath.Join(root, "sys/class/rtc", name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "since_epoch"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	chip("rtc0", "946684800\n") // an empty battery: 2000
	chip("rtc1", "soon\n")
	m := &machine{boot: 10 * second}
	if got := testClock(m, Options{Root: root}).Dating(); got != (frame.Dating{}) {
		t.Errorf("without a good chip: %+v", got)
	}
	chip("rtc2", "99999999999999999\n")
	chip("rtc3", "1798761600\n") // 2027-01-01
	c := testClock(m, Options{Root: root})
	if got, want := c.Dating(), (frame.Dating{Offset: 1798761590500, Quality: frame.Holdover}); got != want {
		t.Errorf("Dating() = %+v, want %+v", got, want)
	}
	if got := c.Status().Source; got != "the clock chip, not confirmed" {
		t.Errorf("source %q", got)
	}
	m.unsynced(began)
	m.pass(2 * second)
	if got := c.Dating().Offset; got != began/1e6 {
		t.Errorf("the kernel's clock does not replace the chip's: %d", got)
	}
}

func TestGenerationGrowsWithWhatIsWorthSaving(t *testing.T) {
	m := &machine{boot: second}
	c := testClock(m, Options{Root: t.TempDir()})
	was := c.Generation()
	for _, step := range []struct {
		name string
		do   func()
		want bool
	}{
		{"nothing", func() {}, false},
		{"a date", func() { m.unsynced(began) }, true},
		{"time", func() { m.pass(hour) }, false},
		{"ntp", func() { m.synced(began) }, true},
		{"ntp lost", func() { m.unsynced(began) }, false},
		{"ntp again", func() { m.synced(began) }, false},
		{"set by hand", func() { m.unsynced(began + hour) }, false},
		{"corrected", func() { m.synced(began + hour) }, true},
	} {
		step.do()
		m.pass(2 * second)
		c.Dating()
		if now := c.Generation(); now != was != step.want {
			t.Errorf("%s: generation %d to %d", step.name, was, now)
		} else {
			was = now
		}
	}
}

// A table that went through its file dates and bounds as the one before.
func TestTheTableSurvivesItsFile(t *testing.T) {
	m := &machine{boot: second}
	c := testClock(m, Options{Boot: bootID(1), Root: t.TempDir()})
	m.synced(began)
	m.pass(hour)
	c.Dating()
	m.pass(10 * hour) // drifts a second unseen
	m.unsynced(began)
	c.Dating()
	m.synced(began + second)
	m.pass(2 * second)
	c.Dating()
	data, err := json.Marshal(c.Boots())
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"id":"00000000-0000-0000-0000-000000000001","built":1767225600000,"since":1000,"alive":39603000,"quality":"ntp",` +
		`"until":39603000,"points":[{"at":3601000,"offset":1775865600000},{"at":39603000,"offset":1775865601000}]}]`
	if string(data) != want {
		t.Errorf("saved\n got %s\nwant %s", data, want)
	}
	var boots []Boot
	if err := json.Unmarshal(data, &boots); err != nil {
		t.Fatal(err)
	}
	next := testClock(&machine{boot: second}, Options{Boot: bootID(2), Boots: boots, Root: t.TempDir()})
	for _, stamp := range []int64{0, 3_601_000, 20_000_000, 39_000_000, 39_603_000} {
		if got, want := next.Of(bootID(1), stamp), c.Of(bootID(1), stamp); got != want {
			t.Errorf("stamp %d: %+v, want %+v", stamp, got, want)
		}
	}
	if got := next.Of(bootID(1), 39_603_001).Quality; got != frame.Holdover {
		t.Errorf("after what was saved: %v, want holdover", got)
	}
	if got := next.Boots(); len(got) != 2 || got[0].ID != bootID(1) || got[1].ID != bootID(2) {
		t.Errorf("table %+v", got)
	}
}

func TestARunOfTheSameBootGoesOn(t *testing.T) {
	m := &machine{boot: second, wall: began}
	c := testClock(m, Options{Boot: bootID(1), Root: t.TempDir()})
	m.unsynced(began - hour)
	m.pass(hour)
	next := testClock(m, Options{Boot: bootID(1), Boots: c.Boots(), Root: t.TempDir()})
	if got, want := next.Dating(), (frame.Dating{Offset: began / 1e6, Quality: frame.Holdover}); got != want {
		t.Errorf("Dating() = %+v, want %+v", got, want)
	}
	boots := next.Boots()
	if len(boots) != 1 || boots[0].Since != 1000 || boots[0].Built != built.UnixMilli() || boots[0].Until != 1000 {
		t.Errorf("table %+v", boots)
	}
}

func TestBrokenTablesAreNoDates(t *testing.T) {
	ok := Boot{ID: bootID(1), Alive: 10, Quality: frame.NTP, Until: 10, Points: []Point{{0, 1e12}}}
	for name, change := range map[string]func(*Boot){
		"no points":      func(b *Boot) { b.Points = nil },
		"far off":        func(b *Boot) { b.Points = []Point{{0, 1 << 60}} },
		"out of order":   func(b *Boot) { b.Points = []Point{{5, 1e12}, {4, 1e12}} },
		"too many":       func(b *Boot) { b.Points = make([]Point, maxPoints+1) },
		"negative life":  func(b *Boot) { b.Alive = -1 },
		"leap far off":   func(b *Boot) { b.Leap.At = 1 << 60 },
		"unset with one": func(b *Boot) { b.Quality = frame.Unset },
	} {
		b := ok
		change(&b)
		c := testClock(&machine{}, Options{Boot: bootID(2), Boots: []Boot{b}, Root: t.TempDir()})
		if got := c.Of(bootID(1), 5); got != (frame.Dating{}) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	for _, text := range []string{`{"id":"x"}`, `{"id":"00000000-0000-0000-0000-000000000001","quality":"best"}`, `[]`, `{"id":7}`} {
		if err := json.Unmarshal([]byte(text), new(Boot)); err == nil {
			t.Errorf("%s gave no error", text)
		}
	}
}

func TestBootID(t *testing.T) {
	id, err := ReadBootID()
	if err != nil {
		t.Fatal(err)
	}
	again, err := parseBootID(id.String() + "\n")
	if err != nil || again != id {
		t.Errorf("parseBootID(%q) = %v, %v", id, again, err)
	}
	for _, bad := range []string{"", "xyz", "00112233"} {
		if _, err := parseBootID(bad); err == nil {
			t.Errorf("parseBootID(%q) gave no error", bad)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	c := New(Options{NotBefore: built, Boot: bootID(1), Boots: []Boot{{ID: bootID(2), Alive: 5}}})
	var all sync.WaitGroup
	for _, f := range []func(int64){
		func(int64) { c.Dating() },
		func(i int64) { c.Of(bootID(1), i) },
		func(i int64) { c.Bounds(bootID(2), i) },
		func(i int64) { c.GNSS(built.UnixMilli()+i*1000, i*second) },
		func(int64) { c.Boots(); c.Status() },
		func(i int64) { c.Seen(bootID(2), i) },
		func(int64) { c.look(true) },
	} {
		all.Go(func() {
			for i := range int64(200) {
				f(i)
			}
		})
	}
	all.Wait()
}
