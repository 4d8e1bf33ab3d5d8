package clock

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

func TestTrackForgetsEvenly(t *testing.T) {
	var tr track
	tr.correct(0, 0)
	for i := int64(1); i <= 1000; i++ {
		tr.drift(0, i*hour, i*second)
	}
	if tr.n > maxPoints || tr.p[0].at != 0 || tr.last() != 1000*second {
		t.Fatalf("%d points from %v to %v", tr.n, tr.p[0], tr.p[tr.n-1])
	}
	// An even drift loses nothing by it.
	for i := int64(0); i <= 1000; i++ {
		if got := tr.at(i * hour); got != i*second {
			t.Fatalf("at %d h: %d, want %d", i, got, i*second)
		}
	}
	if tr.at(-hour) != 0 || tr.at(5000*hour) != 1000*second {
		t.Error("not level before the first and after the last point")
	}
}

func TestDriftAtTheSameInstantMovesTheLastPoint(t *testing.T) {
	var tr track
	tr.correct(5, 7)
	tr.drift(5, 5, 9)
	if tr.n != 1 || tr.last() != 9 {
		t.Errorf("%d points, last %d", tr.n, tr.last())
	}
}

func TestScaleDoesNotOverflow(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		v, den := rnd.Int64()-math.MaxInt64/2, rnd.Int64()+1
		num := rnd.Int64N(den)
		want := new(big.Int).Mul(big.NewInt(v), big.NewInt(num))
		want.Quo(want, big.NewInt(den))
		if got := scale(v, num, den); got != want.Int64() {
			t.Fatalf("%d*%d/%d = %d, want %d", v, num, den, got, want)
		}
	}
}

func TestMillisRoundsToTheNearest(t *testing.T) {
	for ns, want := range map[int64]int64{
		0: 0, 499_999: 0, 500_000: 1, 1_499_999: 1, -499_999: 0, -500_001: -1, -1_500_001: -2, -1_000_000: -1,
	} {
		if got := millis(ns); got != want {
			t.Errorf("millis(%d) = %d, want %d", ns, got, want)
		}
	}
}
