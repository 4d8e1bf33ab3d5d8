package system

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/sysfs"
)

// Sensor is the board itself. It satisfies drivers.Sensor.
type Sensor struct {
	root, zone string
	only       []string

	outputs []drivers.Output
	wanted  []bool // by output
	sources []source
	files   []sysfs.File

	usage usage
	begun bool // usage has a beginning
	age   int  // readings since what was missing was looked for

	path, above sysfs.Path
	walk        sysfs.Class
	list        sysfs.Dir
	fs          unix.Statfs_t
	err         sysfs.Error
	buf         [4096]byte // /proc/meminfo has about 1,500 bytes
}

// source is a place that one or several outputs come from.
type source struct {
	path string                                   // below root, where it is always the same
	find func(*Sensor, *source) (found bool)      // else; opens the file
	read func(*Sensor, *source, *drivers.Reading) // gives the values

	file     *sysfs.File
	first, n int // its outputs
	scale    float64
	explicit bool // the user named it: what is missing is bad
}

var _ drivers.Varied = (*Sensor)(nil)

// How long the first reading waits for cpu_usage, and after how many readings
// what was missing is looked for again.
const (
	firstUsage = 250 * time.Millisecond
	lookAgain  = 64
)

// Outputs implements drivers.Sensor.
func (s *Sensor) Outputs() []drivers.Output { return s.outputs }

// Varies implements drivers.Varied: few boards have all of them.
func (s *Sensor) Varies() bool { return true }

// Init implements drivers.Sensor. What is missing is no error yet: Read says
// so when nothing is there at all.
func (s *Sensor) Init() error {
	for i := range s.files {
		s.files[i].Close()
	}
	s.begun, s.age = false, 0
	s.search()
	return nil
}

// search looks for what has no fixed place.
func (s *Sensor) search() {
	for i := range s.sources {
		if c := &s.sources[i]; c.find != nil && !c.file.IsOpen() {
			c.find(s, c)
		}
	}
}

// Read implements drivers.Sensor.
func (s *Sensor) Read(dst *drivers.Reading) (time.Duration, error) {
	if !s.begun && s.begin() {
		return firstUsage, nil
	}
	if s.age++; s.age >= lookAgain {
		s.age = 0
		s.search()
	}
	for i := range s.sources {
		c := &s.sources[i]
		c.read(s, c, dst)
	}
	if dst.Empty() {
		s.begun = false
		return 0, s.err.Set("read", drivers.ErrUnplugged, "this machine has nothing of what is wanted; look at only, and whether /proc and /sys are mounted")
	}
	return 0, nil
}

// begin takes the first counters of cpu_usage, and reports whether there are
// any to wait for.
func (s *Sensor) begin() bool {
	s.begun = true
	for i := range s.sources {
		c := &s.sources[i]
		if c.path != "/proc/stat" {
			continue
		}
		text, ok := s.text(c)
		t, valid := parseTicks(text)
		s.usage = usage{last: t}
		return ok && valid
	}
	return false
}

// text reads a source's file, and opens it where it has a fixed place. A file
// that has gone is closed, to be found anew.
func (s *Sensor) text(c *source) ([]byte, bool) {
	if !c.file.IsOpen() {
		if c.find != nil || c.file.Open(s.path.Root(s.root).Add(c.path)) != nil {
			return nil, false
		}
	}
	text, err := c.file.Read(s.buf[:])
	if err != nil {
		if sysfs.Sentinel(err) == drivers.ErrUnplugged {
			c.file.Close()
		}
		return nil, false
	}
	return text, true
}

// set stores the value of a source's output k, if somebody wants it.
func (s *Sensor) set(dst *drivers.Reading, c *source, k int, v float64) {
	if s.wanted[c.first+k] {
		dst.Set(c.first+k, v)
	}
}

// lack says that output k of a source has no value: nothing where it was not
// asked for by name.
func (s *Sensor) lack(dst *drivers.Reading, c *source, k int) {
	if s.wanted[c.first+k] && (c.explicit || s.only != nil) {
		dst.SetBad(c.first + k)
	}
}

// lackAll says so of all outputs of a source.
func (s *Sensor) lackAll(dst *drivers.Reading, c *source) {
	for k := range c.n {
		s.lack(dst, c, k)
	}
}
