package clock

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/telhub/telhub/uplink/frame"
)

// Times of these tests in ms, walls as differences from began.
const (
	wall0 = 1_775_865_600_000 // began
	h     = 3_600_000
)

func dated(n byte, start, alive int64, q frame.ClockQuality) Boot {
	return Boot{ID: bootID(n), Alive: alive, Quality: q, Until: alive, Points: []Point{{0, wall0 + start}}}
}

func undated(n byte, alive int64) Boot { return Boot{ID: bootID(n), Alive: alive} }

func builtAt(b Boot, wall, since int64) Boot { b.Built, b.Since = wall0+wall, since; return b }

func TestBounds(t *testing.T) {
	synced, unsynced := began+100*hour, int64(0)
	for _, tt := range []struct {
		name          string
		boots         []Boot
		running       int64 // the kernel's offset; 0 = 1970
		boot          byte
		stamp         int64
		after, before int64 // differences from wall0; 0 = not known
	}{
		{"between two dated boots", []Boot{dated(1, 1, 10*h, frame.NTP), undated(2, h), dated(3, 20*h, h, frame.GNSS)}, unsynced,
			2, 1000, 10*h + 1 + 1000, 20*h - (h - 1000)},
		{"other boots between", []Boot{dated(1, 1, 10*h, frame.NTP), undated(2, h), undated(3, 2*h), undated(4, h), dated(5, 20*h, h, frame.NTP)}, unsynced,
			3, 1000, 11*h + 1 + 1000, 20*h - h - (2*h - 1000)},
		{"before the running boot", []Boot{dated(1, 1, 10*h, frame.NTP), undated(2, h)}, synced,
			2, h, 11*h + 1, 100 * h},
		{"a stamp later than what was saved", []Boot{dated(1, 1, 10*h, frame.NTP), undated(2, h)}, synced,
			2, 2 * h, 12*h + 1, 100 * h},
		{"nothing after it", []Boot{dated(1, 1, 10*h, frame.NTP), undated(2, h)}, unsynced, 2, 0, 10*h + 1, 0},
		{"nothing before it", []Boot{undated(1, h)}, synced, 1, 0, 0, 99 * h},
		{"when the program was built", []Boot{builtAt(undated(1, h), 5*h, 1000)}, synced, 1, 3000, 5*h + 2000, 99*h + 3000},
		{"when the program of the boot before was built", []Boot{builtAt(undated(1, h), 5*h, 1000), undated(2, h)}, synced,
			2, 3000, 6*h - 1000 + 3000, 99*h + 3000},
		{"a newer program, dates before", []Boot{dated(1, 1, 10*h, frame.NTP), builtAt(undated(2, h), 12*h, 0)}, synced,
			2, 0, 12 * h, 99 * h},
		{"dates that nobody confirmed bound nothing", []Boot{dated(1, 1, h, frame.Holdover), undated(2, h), dated(3, 20*h, 3*h, frame.Holdover)}, synced,
			2, 0, 0, 96 * h},
		{"a boot that is not in the table", []Boot{dated(1, 1, h, frame.NTP)}, synced, 9, 5, 0, 100 * h},
		{"a boot that is not in the table, no date now", []Boot{dated(1, 1, h, frame.NTP)}, unsynced, 9, 5, 0, 0},
		{"the running boot", []Boot{dated(1, 1, h, frame.NTP)}, unsynced, 200, 7, h + 1 + 7, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := &machine{}
			m.unsynced(0)
			if tt.running != 0 {
				m.synced(tt.running)
			}
			c := testClock(m, Options{Boot: bootID(200), Boots: tt.boots, Root: t.TempDir()})
			after, before := c.Bounds(bootID(tt.boot), tt.stamp)
			if after != absolute(tt.after) || before != absolute(tt.before) {
				t.Errorf("Bounds = %d, %d (%+d, %+d); want %+d, %+d", after, before, after-wall0, before-wall0, tt.after, tt.before)
			}
		})
	}
}

func absolute(d int64) int64 {
	if d == 0 {
		return 0
	}
	return wall0 + d
}

// A random history of boots, some confirmed, some not, some power cuts: the
// truth lies within the bounds of every stamp.
func TestTheTruthLiesWithinTheBounds(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		truth := map[byte]int64{} // when each boot began
		var boots []Boot
		var ends []int64
		now, release := int64(wall0), wall0-rnd.Int64N(h)
		for n := byte(1); n < 20; n++ {
			now += rnd.Int64N(h)
			truth[n] = now
			if rnd.IntN(4) == 0 { // a newer program
				release = now - rnd.Int64N(h)
			}
			life := 1 + rnd.Int64N(5*h)
			b := Boot{ID: bootID(n), Alive: rnd.Int64N(life + 1)}
			b.Since = min(b.Alive, rnd.Int64N(h))
			b.Built = min(release, now+b.Since)
			switch rnd.IntN(4) {
			case 0:
				b.Quality, b.Points = frame.NTP, []Point{{0, now}}
			case 1: // a wrong guess
				b.Quality, b.Points = frame.Holdover, []Point{{0, now + rnd.Int64N(1000*h) - 500*h}}
			}
			now += life
			boots, ends = append(boots, b), append(ends, life)
		}
		m := &machine{}
		m.unsynced(0)
		if rnd.IntN(2) == 0 {
			m.synced(now * ms)
		}
		c := testClock(m, Options{Boot: bootID(200), Boots: boots, Root: t.TempDir()})
		for n := byte(1); n < 20; n++ {
			for range 5 {
				stamp := rnd.Int64N(ends[n-1])
				at := truth[n] + stamp
				after, before := c.Bounds(bootID(n), stamp)
				if after > at || before != 0 && before < at {
					t.Fatalf("seed %d, boot %d, stamp %d: %d is not within %d, %d", seed, n, stamp, at, after, before)
				}
			}
		}
	}
}

// Whatever stands in the file, nothing panics.
func FuzzTable(f *testing.F) {
	good, err := json.Marshal([]Boot{builtAt(undated(1, h), 5*h, 1000), dated(2, 1, 10*h, frame.NTP), dated(200, 20*h, h, frame.GNSS)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, int64(h))
	f.Add([]byte(`[{"id":"000000000000000000000000000000c8","alive":1,"quality":"gnss","until":9,"points":[{"at":1,"offset":1},{"at":1,"offset":9}],"leap":{"at":1,"step":-1000}}]`), int64(-1))
	f.Fuzz(func(t *testing.T, data []byte, stamp int64) {
		var boots []Boot
		if json.Unmarshal(data, &boots) != nil {
			return
		}
		m := &machine{}
		m.synced(began)
		c := testClock(m, Options{Boot: bootID(200), Boots: boots, Root: t.TempDir()})
		for _, b := range c.Boots() {
			c.Of(b.ID, stamp)
			c.Bounds(b.ID, stamp)
		}
		if c.Status(); !c.Synced() {
			t.Error("a table hides a synchronised kernel")
		}
	})
}

func TestTheTableForgetsTheOldest(t *testing.T) {
	var boots []Boot
	for i := range 100 {
		boots = append(boots, dated(byte(i+1), int64(i)*h, h, frame.NTP))
	}
	c := testClock(&machine{}, Options{Boot: bootID(200), Boots: boots, Root: t.TempDir()})
	got := c.Boots()
	if len(got) != MaxBoots || got[0].ID != bootID(100-MaxBoots+2) || got[MaxBoots-1].ID != bootID(200) {
		t.Errorf("%d boots, first %v, last %v", len(got), got[0].ID, got[len(got)-1].ID)
	}
}

func TestASampleShowsThatABootLivedOn(t *testing.T) {
	m := &machine{}
	m.synced(began + 100*hour)
	c := testClock(m, Options{Boot: bootID(200), Boots: []Boot{dated(1, 1, h, frame.NTP), undated(2, h)}, Root: t.TempDir()})
	c.Seen(bootID(1), 5*h)
	c.Seen(bootID(1), 4*h)
	c.Seen(bootID(7), 4*h)
	if after, _ := c.Bounds(bootID(2), 0); after != wall0+5*h+1 {
		t.Errorf("after %+d, want %+d", after-wall0, 5*h+1)
	}
	if got := c.Of(bootID(1), 5*h); got != (frame.Dating{Offset: wall0 + 1, Quality: frame.Holdover}) {
		t.Errorf("Of = %+v, want what was confirmed last, as holdover", got)
	}
}
