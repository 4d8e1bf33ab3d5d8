package gpio

import (
	"errors"
	"strings"
	"testing"

	"github.com/telhub/telhub/drivers"
)

// A look tells what a request would say, and requests nothing.
func TestLook(t *testing.T) {
	b := newBoard(t)
	for _, tt := range []struct {
		o    Options
		err  error
		want string
	}{
		{Options{Chip: "gpiochip0", Line: 3}, nil, "/dev/gpiochip0"},
		{Options{Chip: "raspberrypi-exp-gpio", Line: 1}, nil, "/dev/gpiochip1"},
		{Options{Line: -1, LineName: "GPIO17"}, nil, "/dev/gpiochip0"},
		{Options{Chip: "gpiochip0", Line: 1}, drivers.ErrBusy, "used by i2c0"},
		{Options{Chip: "gpiochip1", Line: 2}, drivers.ErrIdentity, "fewer lines"},
		{Options{Chip: "gpiochip7", Line: 2}, drivers.ErrUnplugged, "no such chip"},
		{Options{Line: -1, LineName: "GPIO99"}, drivers.ErrUnplugged, "there are "},
	} {
		tt.o.Root = b.root
		s, err := New(tt.o)
		if err != nil {
			t.Fatal(err)
		}
		s.kernel = b.kernel()
		err = s.Look()
		switch {
		case !errors.Is(err, tt.err), err != nil && !strings.Contains(err.Error(), tt.want):
			t.Errorf("%+v: %v, want %v, %q", tt.o, err, tt.err, tt.want)
		case err == nil && s.Node() != tt.want:
			t.Errorf("%+v: node %s, want %s", tt.o, s.Node(), tt.want)
		}
	}
	if b.line != nil {
		t.Errorf("a line was requested: %+v", b.line.asked)
	}
}
