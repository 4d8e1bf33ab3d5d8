package indicator

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/warthog618/go-gpiocdev"
)

// Line is a GPIO line used as an output.
type Line struct {
	name string
	line *gpiocdev.Line
}

// OpenLine takes a line of a GPIO chip ("gpiochip0") as an output and switches
// it off. The kernel gives a line to one program at a time; which number it
// has on this board, gpioinfo(1) tells.
func OpenLine(chip string, offset int, activeLow bool) (*Line, error) {
	l := &Line{name: fmt.Sprintf("gpio %s/%d", chip, offset)}
	opts := []gpiocdev.LineReqOption{gpiocdev.WithConsumer("telhub"), gpiocdev.AsOutput(0)}
	if activeLow {
		opts = append(opts, gpiocdev.AsActiveLow)
	}
	var err error
	l.line, err = gpiocdev.RequestLine(chip, offset, opts...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w%s", l.name, err, cure(err, chip))
	}
	return l, nil
}

// cure says what to do about the usual reasons.
func cure(err error, chip string) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "; gpiodetect lists the chips that there are"
	case errors.Is(err, fs.ErrPermission):
		return "; add this user to the group that owns /dev/" + chip
	case errors.Is(err, syscall.EBUSY):
		return "; another program or driver holds this line, gpioinfo says which"
	case errors.Is(err, syscall.EINVAL):
		return "; the chip has no such line, or it cannot be an output"
	}
	return ""
}

// Set switches the line.
func (l *Line) Set(on bool) error {
	v := 0
	if on {
		v = 1
	}
	if err := l.line.SetValue(v); err != nil {
		return fmt.Errorf("%s: %w", l.name, err)
	}
	return nil
}

// Close switches the line off and gives it back.
func (l *Line) Close() error {
	return errors.Join(l.Set(false), l.line.Close())
}
