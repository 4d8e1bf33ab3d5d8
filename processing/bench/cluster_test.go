package bench

import (
	"strconv"
	"testing"
)

// Slots that a server of the real cluster names, and how evenly shards fall.
func TestSlotsAreRedisOwn(t *testing.T) {
	c, err := startCluster(t.Context(), 2, AOFOff, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	}()
	for i := range 300 {
		tag := strconv.Itoa(i)
		want, err := c.nodes[0].admin.ClusterKeySlot(t.Context(), "ttp:{"+tag+"}:x").Result()
		if err != nil {
			t.Fatal(err)
		}
		if got := slotOf(tag); int64(got) != want {
			t.Fatalf("slot of {%s}: got %d, want %d", tag, got, want)
		}
	}
}

func TestEvenShards(t *testing.T) {
	for masters := 1; masters <= 8; masters++ {
		n := evenShards(masters)
		count := make([]int, masters)
		for i := range n {
			count[slotOf(strconv.Itoa(i))*masters/clusterSlots]++
		}
		least, most := count[0], count[0]
		for _, c := range count {
			least, most = min(least, c), max(most, c)
		}
		if 2*least < most || masters <= 4 && 4*least < 3*most {
			t.Errorf("%d shards lie on %d masters as %v", n, masters, count)
		}
	}
}
