package spell

import "testing"

func TestNearest(t *testing.T) {
	names := []string{"capacity", "level", "open", "open_max", "url"}
	for got, want := range map[string]string{
		"capcity": "capacity", "Capacity": "capacity", "levle": "level", "openmax": "open_max", "opne": "open", "ur": "url", "uri": "url",
		"xyz": "", "": "", "flush": "", "l": "",
	} {
		if n := Nearest(got, names); n != want {
			t.Errorf("nearest to %q is %q, want %q", got, n, want)
		}
	}
}
