package ascii

import (
	"strconv"
	"testing"
)

func TestHex(t *testing.T) {
	for i := range 256 {
		want, err := strconv.ParseUint(string([]byte{byte(i)}), 16, 8)
		if v, ok := Hex(byte(i)); ok != (err == nil) || uint64(v) != want {
			t.Errorf("%q: %d, %v; want %d, %v", rune(i), v, ok, want, err)
		}
	}
}
