package uplink_test

import (
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
	"github.com/telhub/telhub/uplink/redis"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// hour is a boot of a board without a battery clock whose time is simulated:
// it runs as fast as frames are taken.
type hour struct {
	*rig
	boot  frame.BootID
	now   atomic.Int64 // CLOCK_BOOTTIME, nanoseconds
	dates *almanac
	first uint64 // sample of this boot
}

const (
	epoch2026 = int64(1_767_225_600_000)   // when boots are switched on, Unix milliseconds
	apart     = 100*time.Millisecond + 700 // between two samples: not a whole number of milliseconds
)

// board starts a boot over r's directory.
func (r *rig) board(id byte, encoding string) *hour {
	h := &hour{rig: r, boot: frame.BootID{id}, first: r.next}
	h.now.Store(int64(10 * time.Second))
	h.dates = &almanac{boot: h.boot, boots: map[frame.BootID]frame.Dating{}, bounds: map[frame.BootID][2]int64{}}
	r.tweak = func(o *uplink.Options, so *store.Options) {
		o.Boot, o.Boottime, o.Dates, o.Encoding = h.boot, h.now.Load, h.dates, encoding
		o.MaxLoss, o.SenMLBytes = 5*time.Second, frame.MaxSenML(&schema, "pi-01", perFrame)
		so.Boot, so.Now = h.boot, func() int64 { return h.now.Load() / 1e6 }
		if id > 1 {
			o.PowerCut = &frame.GapInfo{Cause: frame.PowerCut, N: -1, T1: h.now.Load() / 1e6}
		}
	}
	r.start()
	return h
}

// crash returns what a power cut would leave of the store now.
func (r *rig) crash() (dir string) {
	r.t.Helper()
	for before := int64(-1); before != r.store.Stats().Commits; { // its clock stands still: no more to come
		before = r.store.Stats().Commits
		time.Sleep(300 * time.Millisecond)
	}
	dir = r.t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(r.dir)); err != nil {
		r.t.Fatal(err)
	}
	r.shutdown()
	return dir
}

// sample submits frames for so long, with an alarm frame each minute.
func (h *hour) sample(d time.Duration) {
	h.t.Helper()
	var samples [perFrame]drivers.Sample
	for i := range int(d / (perFrame * apart)) {
		f := h.frame()
		for i := range samples {
			samples[i] = drivers.Sample{Stamp: h.now.Add(int64(apart)), Value: float64(h.next)}
			h.next++
		}
		if err := h.enc.Encode(f, samples[:]); err != nil {
			h.t.Fatal(err)
		}
		if i%60 == 0 {
			f.Class = frame.Urgent
		}
		h.up.Submit(f)
		for h.first+h.up.Status().Counters.Received+2*perFrame < h.next { // time must not run away from the keeper
			time.Sleep(50 * time.Microsecond)
		}
	}
}

// arrive waits until nothing is left to send.
func (h *hour) arrive() {
	h.t.Helper()
	h.wait("delivery", func(s uplink.Status) bool {
		h.now.Add(int64(10 * time.Millisecond)) // so that what is not committed becomes due
		return s.Connected && s.Memory == 0 && s.Stored == 0 && s.Held == 0 && h.first+s.Counters.Received == h.next
	})
}

// entries reads all streams.
func (r *rig) entries(got func(frame.Lane, *redis.Entry, []redis.Sample)) {
	r.t.Helper()
	reader := redis.NewReader(redis.Options{
		Server: redis.Address{Network: "tcp", Addrs: []string{r.addr}}, Device: "pi-01", Stream: "telhub", Shards: 1,
	}, false)
	defer reader.Close()
	var dec frame.Decoder
	for some := true; some; {
		var err error
		some, err = reader.Next(r.t.Context(), 20*time.Millisecond, func(l frame.Lane, _ string, e redis.Entry) error {
			samples, err := e.Samples(&dec)
			if err == nil {
				got(l, &e, samples)
			}
			return err
		})
		if err != nil {
			r.t.Fatal(err)
		}
	}
}

func TestAnHourBeforeTheTimeIsKnownIsDatedRight(t *testing.T) {
	for _, encoding := range []string{"compact", "senml"} {
		t.Run(encoding, func(t *testing.T) {
			srv := redistest.Start(t)
			r := newRig(t, srv.Addr())
			srv.Stop()
			h := r.board(1, encoding)
			h.sample(time.Hour)
			h.wait("the store", func(s uplink.Status) bool { return s.Counters.Received == h.next })
			truth := epoch2026 - 7 // milliseconds since 1970 at boot: found to 7 ms
			h.dates.set(frame.Dating{Offset: epoch2026, Quality: frame.NTP})
			srv.Start()
			h.sample(10 * time.Second)
			h.arrive()
			if s := h.up.Status(); s.Counters.Redated < s.Counters.Received-10*perFrame {
				t.Errorf("%d of %d samples redated", s.Counters.Redated, s.Counters.Received)
			}
			r.shutdown()
			seen := map[uint64]bool{}
			r.entries(func(lane frame.Lane, e *redis.Entry, samples []redis.Sample) {
				if e.Quality != "ntp" || e.After != 0 || e.Before != 0 {
					t.Fatalf("%v %v is %s, after %d, before %d; want it dated", lane, e.ID, e.Quality, e.After, e.Before)
				}
				for _, s := range samples {
					n := uint64(s.Value)
					at := truth + (int64(10*time.Second)+int64(n+1)*int64(apart))/1e6
					if off := s.Millis - at; off < -10 || off > 10 {
						t.Fatalf("sample %d is dated %d ms from the truth", n, off)
					}
					if seen[n] {
						t.Fatalf("sample %d is there twice", n)
					}
					seen[n] = true
				}
			})
			if uint64(len(seen)) != h.next {
				t.Errorf("%d of %d samples arrived", len(seen), h.next)
			}
		})
	}
}

// The power fails before the time was known; the next boot learns it.
func TestAPowerCutBeforeTheTimeIsKnownGoesUnset(t *testing.T) {
	srv := redistest.Start(t)
	r := newRig(t, srv.Addr())
	srv.Stop()
	first := r.board(1, "compact")
	first.sample(10 * time.Minute)
	r.wait("the store", func(s uplink.Status) bool { return s.Stored > 5000 })
	r.dir = r.crash()
	taken := r.next
	second := r.board(2, "compact")
	bounds := [2]int64{epoch2026 - 86400e3, epoch2026}
	second.dates.bounds[first.boot] = bounds
	second.sample(time.Minute)
	second.dates.set(frame.Dating{Offset: epoch2026, Quality: frame.NTP})
	srv.Start()
	second.sample(10 * time.Second)
	second.arrive()
	r.shutdown()
	seen, last := map[uint64]bool{}, map[frame.Lane]frame.ID{}
	r.entries(func(lane frame.Lane, e *redis.Entry, samples []redis.Sample) {
		if !last[lane].Less(e.ID) {
			t.Errorf("%v: %v follows %v", lane, e.ID, last[lane])
		}
		last[lane] = e.ID
		if e.Boot == first.boot.String() && e.Encoding != "gap" &&
			(e.Quality != "unset" || e.After != bounds[0]+e.T0 || e.Before != bounds[1] || e.T1 > 620_000) {
			t.Errorf("%v %v is %s at %d, after %d, before %d; want it unset within its bounds", lane, e.ID, e.Quality, e.T0, e.After, e.Before)
		}
		if e.Boot == second.boot.String() && e.Quality != "ntp" {
			t.Errorf("%v %v of the second boot is %s", lane, e.ID, e.Quality)
		}
		for _, s := range samples {
			if n := uint64(s.Value); seen[n] {
				t.Errorf("sample %d is there twice", n)
			} else {
				seen[n] = true
			}
		}
	})
	missing := 0
	for n := range r.next {
		if !seen[n] {
			if missing++; n >= taken || n+60*perFrame < taken { // MaxLoss is 5 s of samples
				t.Errorf("sample %d of %d is missing", n, taken)
			}
		}
	}
	if missing > 6*perFrame {
		t.Errorf("%d samples missing, want those of 5 s at most", missing)
	}
}

func TestAClockSetBackAnHourDoublesNothingInRedis(t *testing.T) {
	srv := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	r := newRig(t, srv.Addr())
	h := r.board(1, "senml")
	h.dates.set(frame.Dating{Offset: epoch2026, Quality: frame.NTP})
	h.sample(time.Minute)
	h.dates.set(frame.Dating{Offset: epoch2026 - 3600e3, Quality: frame.NTP})
	h.sample(time.Minute)
	srv.Stop()
	h.sample(time.Minute)
	h.dates.set(frame.Dating{Offset: epoch2026, Quality: frame.NTP})
	srv.Start()
	h.sample(time.Minute)
	h.arrive()
	r.shutdown()
	if a := r.read(); len(a.seen) != int(h.next) { // read fails on doubles and on any other order
		t.Errorf("%d of %d samples arrived", len(a.seen), h.next)
	}
	r.entries(func(lane frame.Lane, e *redis.Entry, _ []redis.Sample) {
		if e.T1 < e.T0 {
			t.Errorf("%v %v ends %d ms before it begins", lane, e.ID, e.T0-e.T1)
		}
	})
}
