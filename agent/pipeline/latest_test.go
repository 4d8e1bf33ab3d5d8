package pipeline

import (
	"testing"

	"github.com/telhub/telhub/drivers"
)

func TestLatestKeepsValueThroughAStatus(t *testing.T) {
	l := NewLatest(2, 1000)
	if l.Get(0).Known {
		t.Error("known before anything arrived")
	}
	l.update([]drivers.Sample{{Stamp: 10, Value: 1.5}, {Stamp: 11, Quality: drivers.Lost, Kind: drivers.KindStatus}})
	if got, want := l.Get(0), (Value{Value: 1.5, Stamp: 10, Quality: drivers.Lost, Known: true}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if l.Get(1).Known {
		t.Error("another channel is concerned")
	}
}

func TestHistoryIsThinnedAndBounded(t *testing.T) {
	l := NewLatest(1, 1000)
	for i := range int64(100_000) { // one value in 100, ten for each point
		l.update([]drivers.Sample{{Stamp: 1 + i*100 + i%7, Value: float64(i)}})
	}
	got := l.AppendHistory(nil, 0)
	if len(got) != HistoryPoints {
		t.Fatalf("%d points, want %d", len(got), HistoryPoints)
	}
	for i := 1; i < len(got); i++ {
		if d := got[i].Stamp - got[i-1].Stamp; d < 900 || d > 1100 {
			t.Errorf("points %d and %d are %d apart, want about 1000", i-1, i, d)
		}
	}
	if last := got[HistoryPoints-1].Value; last < 99_980 {
		t.Errorf("the last point is %v, want one of the last values", last)
	}
}

// A sensor with the history's own period, a little early each time.
func TestHistoryKeepsEveryValueOfASlowSensor(t *testing.T) {
	l := NewLatest(1, 1000)
	for i := range int64(30) {
		l.update([]drivers.Sample{{Stamp: 1 + i*999}})
	}
	if got := len(l.AppendHistory(nil, 0)); got != 30 {
		t.Errorf("%d points of 30 values", got)
	}
}
