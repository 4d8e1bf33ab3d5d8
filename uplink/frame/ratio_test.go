package frame

import (
	"math"
	"math/bits"
	"testing"
)

// gorillaBits returns the size of scaled Gorilla: the stamps as differences
// of differences in the classes of Pelkonen et al. (VLDB 2015, section 4.1.1),
// stored once for all values of a record, and each value's integer, as the
// float64 that Gorilla is made for, XORed with the one before (section 4.1.2).
func gorillaBits(stamps []int64, columns [][]int64) int {
	total := 64 + 64*len(columns) // first stamp and values as they are
	var delta int64
	for i := 1; i < len(stamps); i++ {
		next := stamps[i] - stamps[i-1]
		total += gorillaStamp(next - delta)
		delta = next
	}
	for _, c := range columns {
		lead, trail := -1, 0
		for i := 1; i < len(c); i++ {
			total += gorillaValue(math.Float64bits(float64(c[i]))^math.Float64bits(float64(c[i-1])), &lead, &trail)
		}
	}
	return total
}

func gorillaStamp(d int64) int {
	switch {
	case d == 0:
		return 1
	case d >= -63 && d <= 64:
		return 2 + 7
	case d >= -255 && d <= 256:
		return 3 + 9
	case d >= -2047 && d <= 2048:
		return 4 + 12
	}
	return 4 + 32
}

func gorillaValue(x uint64, lead, trail *int) int {
	if x == 0 {
		return 1
	}
	l, tr := min(bits.LeadingZeros64(x), 31), bits.TrailingZeros64(x)
	if *lead >= 0 && l >= *lead && tr >= *trail {
		return 2 + 64 - *lead - *trail
	}
	*lead, *trail = l, tr
	return 2 + 5 + 6 + 64 - l - tr
}

func zigzag(v int64) uint64 { return uint64(v<<1 ^ v>>63) }

// columnsOf returns stamps in ms and the scaled integers of a block.
func columnsOf(d *dataset, b int) (stamps []int64, columns [][]int64) {
	w := len(d.schema.Channels)
	columns = make([][]int64, w)
	for i, s := range d.block(b) {
		if i%w == 0 {
			stamps = append(stamps, millis(s.Stamp))
		}
		columns[i%w] = append(columns[i%w], int64(math.Round(s.Value/d.schema.Channels[i%w].Resolution)))
	}
	return stamps, columns
}

func TestCompactAgainstGorillaAndEntropy(t *testing.T) {
	for _, d := range datasets() {
		t.Run(d.name, func(t *testing.T) {
			var compact, gorilla, varint float64
			for b := range blocks {
				stamps, columns := columnsOf(&d, b)
				gorilla += float64(gorillaBits(stamps, columns)) / 8 / records / blocks
				varint += float64(varintBytes(stamps, columns)) / records / blocks
				compact += float64(len(checkRoundTrip(t, d.schema, d.block(b)).Payload)) / records / blocks
			}
			entropy := d.bits / 8
			t.Logf("compact %.3f, scaled Gorilla %.2f, varint %.2f, entropy %.3f B/record: %.3f of Gorilla, %.3f of entropy",
				compact, gorilla, varint, entropy, compact/gorilla, compact/entropy)
			if compact > 0.35*gorilla {
				t.Errorf("%.3f B/record is more than 0.35 of scaled Gorilla's %.3f", compact, gorilla)
			}
			if compact > 2*entropy {
				t.Errorf("%.3f B/record is more than twice the entropy, %.3f", compact, entropy)
			}
		})
	}
}

// varintBytes returns the size of columns of zigzag varint differences, the
// plain code against which the data sets were adjusted.
func varintBytes(stamps []int64, columns [][]int64) (n int) {
	for _, c := range append([][]int64{stamps}, columns...) {
		last := int64(0)
		for _, v := range c {
			n += max(1, (bits.Len64(zigzag(v-last))+6)/7)
			last = v
		}
	}
	return n
}
