package config

import "testing"

func TestSanitise(t *testing.T) {
	for s, want := range map[string]string{
		"pi-01": "pi-01", "Grünes Haus": "Gr-nes-Haus", "_x": "x", "..": "telhub", "": "telhub", "a/b|c{d}": "a-b-c-d-", "host.local": "host.local",
	} {
		got := sanitise(s)
		if got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
		if f := checkName(got); !f.ok() {
			t.Errorf("%q: %s", got, f.Msg)
		}
	}
}
