package worker

import (
	"testing"
	"time"

	"github.com/telhub/telhub/processing/queue"
)

// serve gives classes that always have tasks n credits, so many times.
func serve(s *shares, n, times int, has queue.Credits, now time.Time, step time.Duration) (got queue.Credits) {
	for range times {
		want := s.split(n, 1, now)
		var brought queue.Credits
		for c := range want {
			brought[c] = min(want[c], has[c])
			got[c] += brought[c]
		}
		s.learn(want, brought, now)
		now = now.Add(step)
	}
	return got
}

func TestClassesShareEightToFourToOne(t *testing.T) {
	const plenty = 1 << 30
	for _, n := range []int{1, 2, 3, 7, 8, 13, 100} {
		var s shares
		got := serve(&s, n, 13*100, queue.Credits{queue.High: plenty, queue.Normal: plenty, queue.Bulk: plenty}, time.Unix(1, 0), time.Millisecond)
		sum := got[queue.High] + got[queue.Normal] + got[queue.Bulk]
		for c, w := range map[queue.Class]int{queue.High: 8, queue.Normal: 4, queue.Bulk: 1} {
			share, want := float64(got[c])/float64(sum), float64(w)/13
			if share < 0.95*want || share > 1.05*want {
				t.Errorf("%d credits: %v got %.3f of all, want %.3f", n, c, share, want)
			}
		}
		if most := n*13*100 + 3; sum > most {
			t.Errorf("%d credits: %d fetched, want at most %d", n, sum, most)
		}
	}
}

func TestWhatOneClassDoesNotNeedOthersGet(t *testing.T) {
	var s shares
	got := serve(&s, 8, 100, queue.Credits{queue.Bulk: 1 << 30}, time.Unix(1, 0), time.Millisecond)
	if got[queue.Bulk] < 8*98 {
		t.Errorf("bulk alone got %d of %d credits", got[queue.Bulk], 8*100)
	}
}

func TestCriticalIsStrictButStarvesNobody(t *testing.T) {
	const plenty = 1 << 30
	var s shares
	all := queue.Credits{plenty, plenty, plenty, plenty}
	got := serve(&s, 4, 1000, all, time.Unix(1, 0), 100*time.Millisecond) // 100 s
	if got[queue.Critical] < 5*950 {
		t.Errorf("critical got %d of %d", got[queue.Critical], 5*1000)
	}
	for _, c := range lower {
		if got[c] < 15 || got[c] > 30 {
			t.Errorf("%v got %d in 100 s of a flood of critical tasks, want one every 5 s", c, got[c])
		}
	}
}

func TestBackoffStaysBelowItsCap(t *testing.T) {
	for attempt := range 100 {
		most := min(10*time.Minute, time.Second<<min(max(attempt-1, 0), 20))
		for range 50 {
			if d := FullJitter(attempt); d <= 0 || d > most {
				t.Fatalf("attempt %d waits %v, want at most %v", attempt, d, most)
			}
		}
	}
}
