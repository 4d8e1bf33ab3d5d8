//go:build powercut

package powercut

import (
	"math/rand/v2"
	"testing"
)

// A control: on a disk that ignores flushes the same cuts must lose what was
// promised, and the judge must see it. Else it would see nothing.
func TestLyingDiskIsFoundOut(t *testing.T) {
	r := record(t, life{base: makeDisk(t, diskBytes), flushes: 150, seed: 1})
	dice := rand.New(rand.NewPCG(1, 1))
	p := newPlayer(r)
	p.lying = true
	var cuts []cut
	for _, c := range r.cuts(dice, 1) {
		if c.Manner == some && len(cuts) < 40 || c.Manner == none && c.At > len(r.Entries)/2 && len(cuts) < 20 {
			cuts = append(cuts, c)
		}
	}
	y := judgeAll(t, p, cuts, nil)
	t.Logf("a disk that ignores flushes: %d of %d cuts were found bad, as %q", len(y.failed), y.cuts, y.failed[:min(2, len(y.failed))])
	if len(y.failed) < y.cuts/2 {
		t.Error("too few")
	}
}
