package iio

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/sysfs"
)

// Sensor is a device that is asked, a file for each channel. It satisfies
// drivers.Sensor.
type Sensor struct {
	device
	inputs  []input
	outputs []drivers.Output
	files   []sysfs.File
	set     []setting
	buf     [64]byte
}

// input is how an output is read.
type input struct {
	channel
	file               *sysfs.File
	processed, raw     string // the files that can hold the value
	step               string // "read temp", for errors
	factor, offsetting float64
}

var _ drivers.Sensor = (*Sensor)(nil)

// New makes a sensor that is asked. It opens nothing.
func New(o Options) (*Sensor, error) {
	channels, outputs, err := o.check()
	if err != nil {
		return nil, fmt.Errorf("iio: %w", err)
	}
	s := &Sensor{device: newDevice(&o), outputs: outputs, set: settings(o.Set), files: make([]sysfs.File, len(channels))}
	for i, c := range channels {
		if c.part > 0 {
			return nil, fmt.Errorf("iio: output %q: key %q: a file has no parts; those of a scan have (buffered = true)", outputs[i].Name, c.name)
		}
		s.inputs = append(s.inputs, input{
			channel: c, file: &s.files[i], step: "read " + c.name,
			processed: "in_" + c.name + "_input", raw: "in_" + c.name + "_raw",
		})
	}
	sysfs.Own(s, s.files)
	return s, nil
}

// Outputs implements drivers.Sensor.
func (s *Sensor) Outputs() []drivers.Output { return s.outputs }

// Init implements drivers.Sensor: it finds the device, writes its settings and
// opens the channels' files. Offsets and scales are read here: they change
// with the settings, not with the values.
func (s *Sensor) Init() error {
	s.close()
	if err := s.find(); err != nil {
		return err
	}
	for i := range s.set {
		if err := s.write(&s.set[i]); err != nil {
			return err
		}
	}
	return s.openAll()
}

// Look sees whether the device and its channels are there. It changes nothing.
func (s *Sensor) Look() error {
	s.close()
	if err := s.find(); err != nil {
		return err
	}
	defer s.close()
	return s.openAll()
}

// openAll opens the files of the channels that somebody wants.
func (s *Sensor) openAll() error {
	for i := range s.inputs {
		if in := &s.inputs[i]; in.wanted {
			if err := s.open(in); err != nil {
				s.close()
				return err
			}
		}
	}
	return nil
}

func (s *Sensor) close() {
	for i := range s.files {
		s.files[i].Close()
	}
}

// open opens a channel: the processed value where the driver has one, since
// that is linearised where the raw one may not be.
func (s *Sensor) open(in *input) (err error) {
	n := s.dir.Len()
	defer s.dir.Cut(n)
	in.offsetting, in.factor = 0, 1
	if err := in.file.Open(s.dir.Add("/").Add(in.processed)); err == nil {
		return nil
	}
	if err := in.file.Open(s.dir.Cut(n).Add("/").Add(in.raw)); err != nil {
		s.err.There.Reset()
		switch err {
		case unix.ENOENT:
			return s.err.Set(in.step, drivers.ErrIdentity, "the device has no such channel; its files in_*_raw and in_*_input under "+devices+" say which it has")
		case unix.EACCES:
			return s.err.Set(in.step, err, permit)
		}
		return s.err.Fail(in.step, err)
	}
	s.dir.Cut(n)
	if in.offsetting, err = s.number(in.offset, 0); err != nil {
		return err
	}
	in.factor, err = s.number(in.scale, 1)
	return err
}

// Read implements drivers.Sensor. It never asks for a wait: the kernel's
// driver measures within the call. A channel that has no valid value is bad,
// and so is one that fails while others do not.
func (s *Sensor) Read(dst *drivers.Reading) (time.Duration, error) {
	var failed error
	good := false
	for i := range s.inputs {
		in := &s.inputs[i]
		if !in.wanted {
			continue
		}
		text, err := in.file.Read(s.buf[:])
		v, ok := 0.0, false
		if err == nil {
			v, ok = number(text)
		}
		switch {
		case ok:
			dst.Set(i, in.kind.value((v+in.offsetting)*in.factor))
			good = true
		case sysfs.Sentinel(err) == drivers.ErrUnplugged:
			return 0, s.err.Fail(in.step, err)
		default:
			if err == nil {
				err = drivers.ErrInvalid
			}
			dst.SetBad(i)
			failed = s.err.Fail(in.step, err)
		}
	}
	if failed != nil && !good {
		return 0, failed
	}
	return 0, nil
}
