package serial

import (
	"strings"
	"testing"
)

func TestParseMode(t *testing.T) {
	for in, want := range map[string]Mode{
		"9600 8N1":   {9600, 8, 'N', 1},
		"9600":       {9600, 8, 'N', 1},
		" 19200 7e2": {19200, 7, 'E', 2},
		"250000 8O1": {250000, 8, 'O', 1}, // not one of termios' rates
	} {
		got, err := ParseMode(in)
		if err != nil || got != want {
			t.Errorf("ParseMode(%q) = %v, %v; want %v", in, got, err, want)
		}
	}
	if got := (Mode{9600, 8, 'N', 1}).String(); got != "9600 8N1" {
		t.Errorf("String() = %q", got)
	}
}

func TestParseModeErrorsSayWhatIsWanted(t *testing.T) {
	for in, say := range map[string]string{
		"":            "want a baud rate",
		"8N1 9600":    `"8N1" is not a baud rate`,
		"9600 8N1 x":  "want a baud rate",
		"9600 8N":     "data bits, parity and stop bits",
		"9600 9N1":    "want 5, 6, 7 or 8",
		"9600 8X1":    "want N (none)",
		"9600 8N3":    "want 1 or 2",
		"12 8N1":      "want 50 to 4000000",
		"99999999999": "out of range",
	} {
		_, err := ParseMode(in)
		if err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("ParseMode(%q) = %v; want it to say %q", in, err, say)
		}
	}
}

func TestAnUnusualBaudRateOpens(t *testing.T) {
	dev := newPTY(t)
	p := mustOpen(t, dev.slave, Options{Mode: Mode{250000, 8, 'N', 1}})
	dev.send(t, "x")
	if got := readString(t, p); got != "x" {
		t.Errorf("read %q, want %q", got, "x")
	}
}
