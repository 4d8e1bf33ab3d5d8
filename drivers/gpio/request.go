package gpio

import (
	"bytes"
	"time"

	"github.com/warthog618/go-gpiocdev/uapi"
	"golang.org/x/sys/unix"

	"github.com/telhub/telhub/drivers"
)

const (
	consumer = "telhub"
	prefix   = "gpiochip"

	// keep is how many events the kernel keeps. With its count in the last
	// event's number few are enough; what debounces by stamps needs them all.
	keep, keepSoft = 64, 1024
)

// What helps, where a look and a request come to the same.
const (
	fewerLines = "the chip has fewer lines; gpioinfo lists them"
	usedBy     = "one program or driver at a time has a line; this one is used by "
	noVersion2 = "the kernel is older than 5.10 or was built without version 2 of its GPIO interface"
)

// find opens the chip and says in s.info.Offset which line is meant. A chip
// can have another number after each boot and another kernel: its label and
// the lines' names stay.
func (s *Sensor) find() (fd int, err error) {
	s.err.There.Reset()
	if name := s.opt.Chip; s.opt.LineName == "" && len(name) > len(prefix) && name[:len(prefix)] == prefix {
		s.info.Offset = uint32(s.opt.Line)
		return s.open([]byte(name))
	}
	if err := s.dir.Open(s.path.Root(s.opt.Root).Add("/dev")); err != nil {
		return -1, s.err.Fail("find", err)
	}
	defer s.dir.Close()
	var refused error
	for name := s.dir.Next(); name != nil; name = s.dir.Next() {
		if !bytes.HasPrefix(name, []byte(prefix)) {
			continue
		}
		fd, err := s.open(name)
		if err != nil {
			refused = err
			continue
		}
		if s.is(name) && s.has(fd) {
			return fd, nil
		}
		_ = unix.Close(fd)
		s.err.There.Add(name, text(s.chip.Label[:]))
	}
	if refused != nil {
		return -1, refused
	}
	if s.err.There.Empty() {
		s.err.There.Add([]byte("no chips at all"), nil)
	}
	return -1, s.err.Set("find", drivers.ErrUnplugged, "no chip has this name or label, or the line of this name; gpioinfo lists them; there are ")
}

// open opens a chip and asks what it is.
func (s *Sensor) open(name []byte) (fd int, err error) {
	fd, err = s.path.Root(s.opt.Root).Add("/dev/").AddBytes(name).OpenDevice(unix.O_RDONLY)
	if err != nil {
		switch err {
		case unix.EACCES, unix.EPERM:
			return -1, s.err.Set("open", err, "add the agent's user to the group that owns /dev/gpiochip*, mostly gpio")
		case unix.ENOENT:
			return -1, s.err.Set("open", drivers.ErrUnplugged, "there is no such chip; gpiodetect lists them")
		}
		return -1, s.err.Fail("open", err)
	}
	if err := s.kernel.chip(fd, &s.chip); err != nil {
		_ = unix.Close(fd)
		return -1, s.err.Set("open", drivers.ErrIdentity, "it is no GPIO chip")
	}
	return fd, nil
}

// is reports whether the chip that was opened is the wanted one.
func (s *Sensor) is(name []byte) bool {
	return s.opt.Chip == "" || string(name) == s.opt.Chip || string(text(s.chip.Label[:])) == s.opt.Chip
}

// has reports whether the chip has the line, and notes which it is.
func (s *Sensor) has(fd int) bool {
	if s.opt.LineName == "" {
		s.info.Offset = uint32(s.opt.Line)
		return true
	}
	for i := range s.chip.Lines {
		s.info = uapi.LineInfoV2{Offset: i}
		if s.kernel.info(fd, &s.info) == nil && string(text(s.info.Name[:])) == s.opt.LineName {
			s.info.Offset = i
			return true
		}
	}
	return false
}

// text is a string of the kernel's, up to its NUL.
func text(b []byte) []byte {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return b[:i]
	}
	return b
}

// take requests the line.
func (s *Sensor) take(chip int) error {
	s.err.There.Reset()
	if s.info.Offset >= s.chip.Lines {
		return s.err.Set("request", drivers.ErrIdentity, fewerLines)
	}
	s.edges.soft = false
	err := s.ask(chip, s.opt.Debounce)
	if err == unix.EINVAL && s.opt.Debounce > 0 {
		s.edges.soft = s.counts // the level alone is read, not waited for
		err = s.ask(chip, 0)
	}
	switch err {
	case nil:
		return nil
	case unix.EBUSY:
		s.info = uapi.LineInfoV2{Offset: s.info.Offset}
		if s.kernel.info(chip, &s.info) == nil {
			s.err.There.Add(text(s.info.Consumer[:]), nil)
		}
		return s.err.Set("request", drivers.ErrBusy, usedBy)
	case unix.ENXIO, unix.ENODEV:
		return s.err.Set("request", drivers.ErrIdentity, `this line has no interrupt, so its edges cannot be counted; its level can be read: only = ["level"]`)
	case unix.ENOTTY:
		return s.err.Set("request", drivers.ErrIdentity, noVersion2)
	case unix.EACCES, unix.EPERM:
		return s.err.Set("request", err, "the kernel keeps this line for itself")
	case unix.EINVAL:
		return s.err.Set("request", err, "the chip cannot do what is asked of this line; try it without bias")
	}
	return s.err.Fail("request", err)
}

// ask makes the request: debounced by the kernel, if at all.
func (s *Sensor) ask(chip int, debounce time.Duration) error {
	s.request = uapi.LineRequest{Lines: 1, EventBufferSize: keep}
	s.request.Offsets[0] = s.info.Offset
	copy(s.request.Consumer[:], consumer)
	c := &s.request.Config
	c.Flags = uapi.LineFlagV2Input
	if s.counts {
		if s.opt.Edge != Falling || s.edges.soft {
			c.Flags |= uapi.LineFlagV2EdgeRising
		}
		if s.opt.Edge != Rising || s.edges.soft {
			c.Flags |= uapi.LineFlagV2EdgeFalling
		}
	}
	if s.edges.soft {
		s.request.EventBufferSize = keepSoft
	}
	if s.opt.ActiveLow {
		c.Flags |= uapi.LineFlagV2ActiveLow
	}
	switch s.opt.Bias {
	case PullUp:
		c.Flags |= uapi.LineFlagV2BiasPullUp
	case PullDown:
		c.Flags |= uapi.LineFlagV2BiasPullDown
	case Off:
		c.Flags |= uapi.LineFlagV2BiasDisabled
	}
	if debounce > 0 {
		c.AddAttribute(uapi.LineConfigAttribute{Attr: uapi.DebouncePeriod(debounce).Encode(), Mask: 1})
	}
	return s.kernel.line(chip, &s.request)
}
