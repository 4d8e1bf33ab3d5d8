package pipeline

import "time"

// spread is over how long the first readings of a bus are spread; it fixes
// the sensors' phases.
const spread = time.Second

// phases gives each group of sensors its phase: that of its first member,
// which the others on whatever bus share.
func phases(buses []BusPlan) map[string]time.Duration {
	phases := make(map[string]time.Duration)
	for i := range buses {
		for k := range buses[i].Sensors {
			name := buses[i].Sensors[k].Group
			if _, known := phases[name]; name != "" && !known {
				phases[name] = stagger(&buses[i], k)
			}
		}
	}
	return phases
}

// stagger is the phase that spreads the sensors of a bus: sensor i of n begins i/n
// of the first second, or of its period if that is shorter.
func stagger(b *BusPlan, i int) time.Duration {
	return min(b.Sensors[i].Every, spread) * time.Duration(i) / time.Duration(len(b.Sensors))
}

// grid is where readings lie: n of them in each period, the first of period p
// at origin + p·every. Sensors with the same origin and period meet at each
// period, whatever happened to each of them before.
type grid struct {
	origin int64 // boottime ns
	every  int64 // ns
	n      int64 // 1 to MaxOversample
}

// next returns the last instant of the grid that is at most one step after t:
// after an instant on the grid that is the one which follows. factor stretches
// the grid.
func (g *grid) next(t, factor int64) int64 {
	t += g.every * factor / g.n
	if g.n > 1 {
		// Instants within a period are rounded down, each by itself; one
		// nanosecond more keeps that from falling back.
		t++
	}
	return g.floor(t, factor)
}

// floor returns the last instant of the grid that is not after t.
func (g *grid) floor(t, factor int64) int64 {
	period := g.every * factor
	p, r := (t-g.origin)/period, (t-g.origin)%period
	k := r * g.n / period
	if (k+1)*period/g.n <= r {
		k++
	}
	return g.origin + p*period + k*period/g.n
}

// end returns where the period that holds t ends.
func (g *grid) end(t, factor int64) int64 {
	period := g.every * factor
	return g.origin + ((t-g.origin)/period+1)*period
}
