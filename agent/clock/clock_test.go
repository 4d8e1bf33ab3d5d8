package clock

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/telhub/telhub/uplink/frame"
)

var built = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func fixed(now time.Time, status int32, state int, err error) *Clock {
	return &Clock{
		NotBefore: built,
		now:       func() time.Time { return now },
		boottime:  func() int64 { return 90 * int64(time.Second) },
		adjtimex: func(t *unix.Timex) (int, error) {
			t.Status = status
			return state, err
		},
	}
}

func TestDating(t *testing.T) {
	later := built.Add(240 * time.Hour)
	offset := later.UnixMilli() - 90_000
	for name, tc := range map[string]struct {
		clock *Clock
		want  frame.Dating
	}{
		"synchronised":          {fixed(later, 0, 0, nil), frame.Dating{Offset: offset, Quality: frame.NTP}},
		"not synchronised":      {fixed(later, staUnsync, timeError, nil), frame.Dating{Offset: offset, Quality: frame.Holdover}},
		"adjtimex forbidden":    {fixed(later, 0, 0, errors.New("EPERM")), frame.Dating{Offset: offset, Quality: frame.Holdover}},
		"before the build date": {fixed(time.Unix(0, 0), 0, 0, nil), frame.Dating{}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.clock.Dating(); got != tc.want {
				t.Errorf("Dating() = %+v, want %+v", got, tc.want)
			}
		})
	}
}

func TestDatingAllocatesNothing(t *testing.T) {
	c := New(built)
	if n := testing.AllocsPerRun(100, func() { c.Dating() }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func TestBoottimeAdvances(t *testing.T) {
	a := Boottime()
	b := Boottime()
	if a <= 0 || b < a {
		t.Errorf("Boottime() gave %d, then %d", a, b)
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
