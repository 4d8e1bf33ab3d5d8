package catalog

import (
	"cmp"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/framed"
	"github.com/telhub/telhub/drivers/link"
	"github.com/telhub/telhub/drivers/profile"
)

// framedMode is the character format of a device whose profile names none.
const framedMode = "9600 8N1"

// framedEngine makes e the engine of a device that sends telegrams, by itself
// or when it is asked.
func framedEngine(e *Engine, p *profile.Program) {
	e.Mode = cmp.Or(p.Mode(), framedMode)
	if len(p.Telegram().Poll()) == 0 {
		e.Kind = Serial
		e.stream = func(s *Spec) (drivers.Stream, error) { return framed.NewStream(p, consts(p, s)) }
		return
	}
	e.Kind = Link
	e.asked = func(l *link.Link, s *Spec) (drivers.Sensor, error) { return framed.New(l, p, consts(p, s)) }
}
