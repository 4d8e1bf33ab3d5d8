package scan

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/catalog"
	"github.com/telhub/telhub/drivers/serial"
)

const (
	// patience is how long a silent port is listened to: P1 meters of the old
	// kind send every 10 s.
	patience = 11 * time.Second
	// modeTime is how long each of the further modes is listened to.
	modeTime = 4 * time.Second
	// readTime bounds one read.
	readTime = 100 * time.Millisecond
	// enough units of a kind decide; they carry checksums.
	enough = 2
	// keep is how much of what came is kept to look at as text.
	keep = 4096
)

// usualModes are the character formats that are tried, the most usual first.
func usualModes() []string {
	return []string{"9600 8N1", "115200 8N1", "19200 8N1", "4800 8N1", "9600 7E1", "57600 8N1", "38400 8N1", "2400 8N1"}
}

// ear is an engine that listens.
type ear struct {
	use      string
	stream   drivers.Stream
	readings int
}

// ears are the engines of devices that speak by themselves and need no options.
func ears() (list []ear) {
	for _, name := range catalog.Names(nil) {
		e, _ := catalog.Lookup(name, nil)
		if e.Kind != catalog.Serial {
			continue
		}
		if st, err := catalog.OpenStream(catalog.Spec{Name: name, Engine: e, Options: plain(&e)}); err == nil {
			list = append(list, ear{use: name, stream: st})
		}
	}
	return list
}

// plain are the options of an engine that are texts with defaults.
func plain(e *catalog.Engine) catalog.Options {
	o := catalog.Options{}
	for i := range e.Options {
		if t := e.Options[i].Type; (t == catalog.Text || t == catalog.Choice) && e.Options[i].Default != "" {
			o[e.Options[i].Name] = e.Options[i].Default
		}
	}
	return o
}

// listen finds out what speaks on a port and how.
func (s *scanner) listen(ctx context.Context, p *Port) {
	p.Heard = &Heard{}
	silent := s.o.Patience
	if silent == 0 {
		silent = patience
	}
	for i, mode := range usualModes() {
		limit := min(silent, modeTime)
		if i == 0 {
			limit = silent
		}
		s.progress("%s: listening at %s", p.Path, mode)
		if err := s.hear(ctx, p, mode, limit); err != nil {
			p.Skipped = err.Error()
			s.problem(p.Device, err.Error(), "")
			return
		}
		if p.Heard.Use != "" || p.Heard.Bytes == 0 || ctx.Err() != nil {
			return
		}
	}
}

// hear listens in one mode, as long as it takes, or for limit.
func (s *scanner) hear(ctx context.Context, p *Port, mode string, limit time.Duration) error {
	m, err := serial.ParseMode(mode)
	if err != nil {
		return err
	}
	port, err := serial.Open(filepath.Join(s.o.Root, p.Device), serial.Options{Mode: m, Timeout: readTime})
	if err != nil {
		return err
	}
	defer port.Close()
	a := audience{ears: ears(), heard: p.Heard}
	for end := time.Now().Add(limit); time.Now().Before(end) && ctx.Err() == nil; {
		n, err := port.Read(a.buf[:])
		switch {
		case errors.Is(err, drivers.ErrTimeout):
			a.idle()
		case err != nil:
			return err
		}
		if a.take(a.buf[:n]) {
			break
		}
	}
	a.decide(mode)
	return nil
}

// audience gives what comes to all who could understand it.
type audience struct {
	ears  []ear
	heard *Heard
	buf   [1024]byte
	kept  []byte
	r     drivers.Reading
}

// take feeds bytes and reports whether somebody has understood enough.
func (a *audience) take(p []byte) bool {
	a.heard.Bytes += len(p)
	a.kept = append(a.kept, p...)
	if len(a.kept) > keep {
		a.kept = a.kept[len(a.kept)-keep:]
	}
	for i := range a.ears {
		e := &a.ears[i]
		for rest := p; len(rest) > 0; {
			n, ok := e.stream.Feed(rest, 1, &a.r)
			e.count(ok, &a.r)
			rest = rest[n:]
		}
	}
	return a.best() != nil
}

func (a *audience) idle() {
	for i := range a.ears {
		e := &a.ears[i]
		e.count(e.stream.Idle(readTime, &a.r), &a.r)
	}
}

// count counts a reading. Telegrams of another kind are well-formed, too, but
// give none.
func (e *ear) count(ok bool, r *drivers.Reading) {
	if ok && !r.Empty() {
		e.readings++
	}
}

// best is who has understood enough, and more than it could not read.
func (a *audience) best() *ear {
	var found *ear
	for i := range a.ears {
		e := &a.ears[i]
		good, corrupt := e.stream.Counts()
		if e.readings > 0 && good >= enough && good > corrupt && (found == nil || e.readings > found.readings) {
			found = e
		}
	}
	return found
}

// decide says what was heard in this mode.
func (a *audience) decide(mode string) {
	if e := a.best(); e != nil {
		good, _ := e.stream.Counts()
		a.heard.Use, a.heard.Mode, a.heard.Units = e.use, mode, good
		return
	}
	for i := range a.ears { // meters that send a telegram every 10 s, with a long checksum
		e := &a.ears[i]
		if good, corrupt := e.stream.Counts(); e.readings > 0 && good >= corrupt && (e.use == "p1" || e.use == "sml") {
			a.heard.Use, a.heard.Mode, a.heard.Units = e.use, mode, good
			return
		}
	}
	if g, ok := guessLines(a.kept); ok {
		a.heard.Use, a.heard.Mode, a.heard.Units = "line", mode, g.lines
		a.heard.Options, a.heard.Sample = g.options, g.sample
	}
}
