//go:build hil

package gpio

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/warthog618/go-gpiocdev"

	"github.com/telhub/telhub/drivers"
)

// Lines of the board that nothing else uses.
const freeLine, otherLine = 5, 6

func onBoard(t *testing.T, o Options) *Sensor {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Init(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func levelOf(t *testing.T, o Options) float64 {
	t.Helper()
	o.Only = []string{"level"}
	s := onBoard(t, o)
	defer s.Close()
	var r drivers.Reading
	if _, err := s.Read(&r); err != nil || !r.Has(outLevel) {
		t.Fatal(err)
	}
	return r.Values[outLevel]
}

// TestBoard asks a real kernel's chip. Nothing drives the lines of an emulated
// board, but an output that is left keeps its level there.
func TestBoard(t *testing.T) {
	chip, err := gpiocdev.NewChip("gpiochip0")
	if err != nil {
		t.Fatal(err)
	}
	defer chip.Close()
	info, err := chip.LineInfo(freeLine)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("chip %s, line %d is %q", chip.Label, freeLine, info.Name)

	s := onBoard(t, Options{Line: freeLine, Edge: Both, Bias: PullUp, Debounce: 5 * time.Millisecond})
	var r drivers.Reading
	if _, err := s.Read(&r); err != nil || r.Values[outCount] != 0 || r.Values[outLost] != 0 {
		t.Errorf("got %v, %v", r.Values[:5], err)
	}
	if s.edges.soft {
		t.Error("the kernel does not debounce")
	}
	if info, err := chip.LineInfo(freeLine); err != nil || info.Consumer != consumer || info.Config.EdgeDetection != gpiocdev.LineEdgeBoth ||
		info.Config.Bias != gpiocdev.LineBiasPullUp || info.Config.DebouncePeriod != 5*time.Millisecond {
		t.Errorf("the kernel has %+v, %v", info, err)
	}
	again, err := New(Options{Chip: chip.Label, Line: freeLine})
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Init(); !errors.Is(err, drivers.ErrBusy) || !strings.HasSuffix(err.Error(), "used by telhub") {
		t.Errorf("got %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := again.Init(); err != nil {
		t.Errorf("given back: %v", err)
	}
	again.Close()

	for _, high := range []int{1, 0} {
		out, err := gpiocdev.RequestLine("gpiochip0", otherLine, gpiocdev.AsOutput(high))
		if err != nil {
			t.Fatal(err)
		}
		if err := out.Close(); err != nil {
			t.Fatal(err)
		}
		if got := levelOf(t, Options{Line: otherLine}); got != float64(high) {
			t.Errorf("level %v, want %d", got, high)
		}
		if got := levelOf(t, Options{Line: otherLine, ActiveLow: true}); got != float64(1-high) {
			t.Errorf("active low: level %v, want %d", got, 1-high)
		}
	}
	if info.Name != "" {
		onBoard(t, Options{LineName: info.Name, Line: -1})
	}
	absent, err := New(Options{Line: 999})
	if err != nil {
		t.Fatal(err)
	}
	if err := absent.Init(); !errors.Is(err, drivers.ErrIdentity) {
		t.Errorf("got %v", err)
	}
}
