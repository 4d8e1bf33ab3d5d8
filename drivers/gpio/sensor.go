package gpio

import (
	"fmt"
	"slices"
	"time"

	"github.com/warthog618/go-gpiocdev/uapi"
	"golang.org/x/sys/unix"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/sysfs"
)

// maxReads bounds what one Read takes from a line whose edges come faster than
// they are read.
const maxReads = 64

// Sensor is one line. It satisfies drivers.Sensor.
type Sensor struct {
	opt     Options
	kernel  kernel
	outputs []drivers.Output
	wanted  [outLost + 1]bool
	counts  bool // edges are asked for

	fd    int // of the line; -1: not requested
	edges edges
	rate  rate

	path    sysfs.Path
	dir     sysfs.Dir
	chip    uapi.ChipInfo
	info    uapi.LineInfoV2
	request uapi.LineRequest
	values  uapi.LineValues
	buf     [64 * eventSize]byte
	err     sysfs.Error
}

var _ drivers.Sensor = (*Sensor)(nil)

// New makes the sensor. It opens nothing.
func New(o Options) (*Sensor, error) {
	if err := o.fill(); err != nil {
		return nil, fmt.Errorf("gpio: %w", err)
	}
	s := &Sensor{opt: o, kernel: real(), outputs: outputs(), fd: -1}
	for i, out := range s.outputs {
		s.wanted[i] = o.Only == nil || slices.Contains(o.Only, out.Name)
		s.counts = s.counts || s.wanted[i] && i != outLevel
	}
	s.err.Subject = "gpio " + o.subject()
	s.edges.period = int64(o.Debounce)
	s.edges.rising, s.edges.falling = o.Edge != Falling, o.Edge != Rising
	return s, nil
}

func (o *Options) subject() string {
	switch {
	case o.LineName == "":
		return fmt.Sprintf("%s/%d", o.Chip, o.Line)
	case o.Chip == "":
		return o.LineName
	}
	return o.Chip + "/" + o.LineName
}

// Outputs implements drivers.Sensor.
func (s *Sensor) Outputs() []drivers.Output { return s.outputs }

// Init implements drivers.Sensor: it requests the line. What was counted
// before stays.
func (s *Sensor) Init() error {
	_ = s.Close()
	chip, err := s.find()
	if err != nil {
		return err
	}
	err = s.take(chip)
	_ = unix.Close(chip)
	if err != nil {
		return err
	}
	s.fd = int(s.request.Fd)
	if err := unix.SetNonblock(s.fd, true); err != nil {
		return s.err.Fail("request", err)
	}
	level, err := s.level()
	if err != nil {
		return s.err.Fail("read the level", err)
	}
	s.edges.begin(level)
	if s.rate.begun == 0 {
		s.rate.begun = s.kernel.now()
	}
	return nil
}

// Look sees whether the line is there and free. It requests nothing and changes
// nothing.
func (s *Sensor) Look() error {
	chip, err := s.find()
	if err != nil {
		return err
	}
	defer unix.Close(chip)
	s.err.There.Reset()
	if s.info.Offset >= s.chip.Lines {
		return s.err.Set("find", drivers.ErrIdentity, fewerLines)
	}
	s.info = uapi.LineInfoV2{Offset: s.info.Offset}
	switch err := s.kernel.info(chip, &s.info); {
	case err == unix.ENOTTY:
		return s.err.Set("find", drivers.ErrIdentity, noVersion2)
	case err != nil:
		return s.err.Fail("find", err)
	case s.info.Flags&uapi.LineFlagV2Used != 0:
		s.err.There.Add(text(s.info.Consumer[:]), nil)
		return s.err.Set("find", drivers.ErrBusy, usedBy)
	}
	return nil
}

// Node is the device node of the chip that Look or Init has found.
func (s *Sensor) Node() string { return "/dev/" + string(text(s.chip.Name[:])) }

// Close gives the line back to the kernel. Init requests it again.
func (s *Sensor) Close() error {
	if s.fd < 0 {
		return nil
	}
	err := unix.Close(s.fd)
	s.fd = -1
	return err
}

// Read implements drivers.Sensor: it takes the edges that the kernel has kept.
// It never asks for a wait.
func (s *Sensor) Read(dst *drivers.Reading) (time.Duration, error) {
	if s.fd < 0 {
		s.err.There.Reset()
		return 0, s.err.Set("read", drivers.ErrUnplugged, "the line is not requested")
	}
	now := s.kernel.now() // before the edges are read: those that are pending then have come earlier
	if s.counts {
		if err := s.drain(); err != nil {
			return 0, s.err.Fail("read edges", err)
		}
	}
	if s.edges.soft {
		s.edges.settle(now)
	}
	timeout := int64(s.opt.Timeout)
	s.rate.update(&s.edges, now, timeout)
	dst.Set(outCount, float64(s.edges.count))
	dst.Set(outLost, float64(s.edges.lost))
	if s.rate.know(now, timeout) {
		dst.Set(outFrequency, s.rate.hertz)
		if dst.SetBad(outPeriod); s.rate.hertz > 0 {
			dst.Set(outPeriod, 1/s.rate.hertz)
		}
	}
	if s.wanted[outLevel] {
		return 0, s.readLevel(dst)
	}
	return 0, nil
}

// drain reads the events that are there.
func (s *Sensor) drain() error {
	for range maxReads {
		n, err := unix.Read(s.fd, s.buf[:])
		switch {
		case err == unix.EAGAIN:
			return nil
		case err == unix.EINTR:
			continue
		case err != nil:
			return err
		case n < eventSize:
			return unix.ENODEV
		}
		for b := s.buf[:n]; len(b) >= eventSize; b = b[eventSize:] {
			s.edges.add(parse(b))
		}
		if n < len(s.buf) {
			return nil
		}
	}
	return nil
}

func (s *Sensor) readLevel(dst *drivers.Reading) error {
	level := s.edges.level
	if !s.edges.soft {
		var err error
		if level, err = s.level(); err != nil {
			return s.err.Fail("read the level", err)
		}
	}
	dst.Set(outLevel, 0)
	if level {
		dst.Set(outLevel, 1)
	}
	return nil
}

// level asks for the line's level, 1 for active.
func (s *Sensor) level() (bool, error) {
	s.values = uapi.LineValues{Mask: 1}
	err := s.kernel.values(s.fd, &s.values)
	return s.values.Bits&1 != 0, err
}
