//go:build arm || 386

package clock

import (
	"math"
	"testing"
)

// What the old calls cut off at 32 bits comes back whole until 2106.
func TestSecondsPast2038(t *testing.T) {
	for _, want := range []int64{0, math.MaxInt32, math.MaxInt32 + 1, 2_208_988_800, math.MaxUint32} {
		if got := seconds(int32(uint32(want))); got != want {
			t.Errorf("seconds(%d) = %d, want %d", int32(uint32(want)), got, want)
		}
	}
}
