package sim

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"testing"
	"time"
)

func newBoard(t *testing.T, seed uint64) *Board {
	t.Helper()
	b, err := NewBoard(t.TempDir(), seed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func TestBoardParts(t *testing.T) {
	b := newBoard(t, 1)
	var chips, ports int
	for _, p := range b.Parts() {
		if p.Bus != "" {
			chips++
			if p.Bus != b.I2C.String() || b.I2C.slots[p.Addr] == nil {
				t.Errorf("%s: nothing at %s 0x%02x", p.Name, p.Bus, p.Addr)
			}
			continue
		}
		ports++
		if _, err := os.Stat(p.Port); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
	if chips != 4 || ports != 2 {
		t.Errorf("%d chips, %d ports, want 4, 2", chips, ports)
	}
}

// Both serial devices talk while Run runs, and Run ends with its context.
func TestBoardTalks(t *testing.T) {
	b := newBoard(t, 1)
	gnss, lines := openPort(t, b.GNSSPort.Path()), openPort(t, b.LinesPort.Path())
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- b.Run(ctx) }()

	line, err := bufio.NewReader(gnss).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parse(line); err != nil {
		t.Error(err)
	}
	var values map[string]float64
	if line, err = bufio.NewReader(lines).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(line), &values); err != nil || len(values) != 3 {
		t.Errorf("%q: %v", line, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A day of weather: alive, plausible, and the same for the same seed.
func TestWeather(t *testing.T) {
	a, b, other := newWeather(7), newWeather(7), newWeather(8)
	at := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	var last conditions
	lo, hi := 100.0, -100.0
	differs := false
	for range 24 * 60 {
		c := a.at(at)
		if c != b.at(at) {
			t.Fatalf("%v: the same seed differs", at)
		}
		differs = differs || c != other.at(at)
		if c == last {
			t.Errorf("%v: nothing moves", at)
		}
		if c.cel < 5 || c.cel > 35 || c.pa < 98000 || c.pa > 104000 || c.rh < 5 || c.rh > 98 ||
			c.volts < 11 || c.volts > 13.5 || c.amps <= 0 || c.amps > 2 || c.sun < 0 || c.sun > 120000 || c.board < c.cel {
			t.Errorf("%v: implausible: %+v", at, c)
		}
		lo, hi, last = min(lo, c.cel), max(hi, c.cel), c
		at = at.Add(time.Minute)
	}
	if hi-lo < 8 {
		t.Errorf("temperature only from %v to %v: no day's curve", lo, hi)
	}
	if !differs {
		t.Error("another seed gives the same")
	}
}
