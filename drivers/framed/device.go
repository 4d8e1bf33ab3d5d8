package framed

import (
	"errors"
	"fmt"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/link"
	"github.com/telhub/telhub/drivers/profile"
)

// Device is a device that is asked for its telegram.
type Device struct {
	line  *link.Link
	prog  *profile.Program
	dec   *profile.Decoder
	shape *profile.Telegram
	scan  *Scanner
	seen  int       // bytes of this answer that the scanner has had
	found []byte    // the telegram
	late  time.Time // until then an answer to an earlier request may come

	err Error // the one error that the device returns
}

var _ drivers.Sensor = (*Device)(nil)

// Error says what went wrong with a device. A Device has one of them and uses
// it again: it is valid until the device's next call.
type Error struct {
	Profile string
	Err     error // a sentinel of package drivers, or what the line said
}

// Error names the profile and what went wrong.
func (e *Error) Error() string { return fmt.Sprintf("%s: %v", e.Profile, e.Err) }

// Unwrap gives Err.
func (e *Error) Unwrap() error { return e.Err }

// New makes the device that prog describes on a line, which it does not own;
// consts go over the profile's constants. line may be nil to check options only.
func New(line *link.Link, prog *profile.Program, consts map[string]float64) (*Device, error) {
	dec, err := decoder(prog, consts)
	if err != nil {
		return nil, err
	}
	if len(prog.Telegram().Poll()) == 0 {
		return nil, fmt.Errorf("%s: the profile has no poll: the device sends by itself", prog.Name())
	}
	return &Device{line: line, prog: prog, dec: dec, shape: prog.Telegram(), scan: NewScanner(prog.Telegram())}, nil
}

// Outputs lists what the device measures.
func (d *Device) Outputs() []drivers.Output { return d.dec.Outputs() }

// Conversion is how long a measurement takes, as the profile says.
func (d *Device) Conversion() time.Duration { return d.prog.Time() }

// Init sends the profile's commands. What the device answers to them is not
// looked at; the first Read tells whether it is there.
func (d *Device) Init() error {
	commands := d.shape.Commands()
	for i := range commands {
		c := &commands[i]
		if c.Wait > 0 {
			time.Sleep(c.Wait)
			continue
		}
		if err := d.line.Send(c.Bytes); err != nil {
			return d.fail(err)
		}
	}
	return nil
}

// Read asks for a telegram. It returns no waits. Answers of such devices all
// look alike, so a late one is given time to pass before the next request:
// twice the timeout from the one that it missed.
func (d *Device) Read(dst *drivers.Reading) (time.Duration, error) {
	if wait := time.Until(d.late); wait > 0 {
		if err := d.line.Listen(wait, wait); err != nil {
			return 0, d.fail(err)
		}
	}
	d.late = time.Time{}
	d.scan.Reset()
	d.seen = 0
	_, before := d.scan.Counts()
	if _, err := d.line.Exchange(d.shape.Poll(), d); err != nil {
		if _, after := d.scan.Counts(); after > before && (errors.Is(err, drivers.ErrShort) || errors.Is(err, drivers.ErrTimeout)) {
			err = drivers.ErrCRC
		}
		d.late = time.Now().Add(d.line.Timeout())
		return 0, d.fail(err)
	}
	d.dec.Decode(d.found, dst)
	return 0, nil
}

// Frame implements link.Framer.
func (d *Device) Frame(got []byte) (from, to int, ok bool) {
	for ; d.seen < len(got); d.seen++ {
		if d.found, ok = d.scan.Push(got[d.seen]); ok {
			return 0, len(got), true
		}
	}
	return 0, 0, false
}

func (d *Device) fail(err error) error {
	d.err = Error{Profile: d.prog.Name(), Err: err}
	return &d.err
}
