package sim

import (
	"math"
	"math/rand/v2"
	"time"
)

// conditions are the physical values around a Board at one instant.
type conditions struct {
	cel, pa, rh float64 // the air
	sun         float64 // lux
	soil        float64 // % of water
	volts, amps float64 // the supply
	board       float64 // Cel, on the board
	cell        float64 // V, of the garden node's battery
}

// weather makes conditions move plausibly: a day's curve, slow drifts and a
// little noise. The same seed and the same instants give the same values.
type weather struct {
	rng  *rand.Rand
	last time.Time
	cel  drift
	pa   drift
	rh   drift
	haze drift
	load drift
}

func newWeather(seed uint64) *weather {
	return &weather{
		rng:  rand.New(rand.NewPCG(seed, 0)),
		cel:  drift{sigma: 0.6, tau: 20 * time.Minute},
		pa:   drift{sigma: 350, tau: 6 * time.Hour},
		rh:   drift{sigma: 2, tau: 15 * time.Minute},
		haze: drift{sigma: 0.25, tau: 2 * time.Minute},
		load: drift{sigma: 0.12, tau: 8 * time.Second},
	}
}

// drift is a value that wanders around 0 with standard deviation sigma and
// forgets with time constant tau (Ornstein-Uhlenbeck).
type drift struct {
	sigma float64
	tau   time.Duration
	x     float64
}

func (d *drift) step(rng *rand.Rand, dt time.Duration) float64 {
	keep := math.Exp(-float64(dt) / float64(d.tau))
	d.x = d.x*keep + d.sigma*math.Sqrt(1-keep*keep)*rng.NormFloat64()
	return d.x
}

// at moves on to t, which must not go back, and tells what it is like.
func (w *weather) at(t time.Time) (c conditions) {
	dt := 24 * time.Hour // at first: anywhere in the drifts' range
	if !w.last.IsZero() {
		dt = max(0, t.Sub(w.last))
	}
	w.last = t
	noise := func(sigma float64) float64 { return sigma * w.rng.NormFloat64() }
	hour := float64(t.UTC().Unix()%86400) / 3600
	warmth := math.Sin((hour - 9) / 24 * 2 * math.Pi) // most at 15 o'clock
	slow := w.cel.step(w.rng, dt)

	c.cel = 19 + 6*warmth + slow + noise(0.01)
	// The atmosphere's tide has two highs a day.
	c.pa = 101300 + 80*math.Sin((hour-7)/12*2*math.Pi) + w.pa.step(w.rng, dt) + noise(0.8)
	c.rh = bounded(60-2.4*(c.cel-19)+w.rh.step(w.rng, dt)+noise(0.05), 5, 98)
	day := max(0, math.Sin((hour-6)/12*math.Pi))
	c.sun = max(0, 52000*day*(0.75+w.haze.step(w.rng, dt)))
	c.soil = bounded(34-3*warmth+0.5*slow, 0, 100)
	c.amps = max(0.05, 0.42+w.load.step(w.rng, dt)+noise(0.004))
	c.volts = 12.35 + 0.25*day - 0.15*c.amps + noise(0.004)
	c.board = c.cel + 5 + 9*c.amps
	c.cell = 3.86 + 0.12*day
	return c
}

func bounded(v, lo, hi float64) float64 { return min(max(v, lo), hi) }
