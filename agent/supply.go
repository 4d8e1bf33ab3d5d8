package agent

import (
	"errors"
	"time"

	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/board/indicator"
)

// supply switches the supply of a bus's devices. They are supplied from Reopen
// on, and stay so when the line is released, as far as the board keeps its
// level. The bus's owner uses it, after New has opened it.
type supply struct {
	bus  string
	conf config.Power
	open func(config.Power) (Lamp, error)
	cut  Lamp // lit while the supply is cut; nil while the line could not be taken
}

// openCut takes the line of a supply. Like an indicator it is off, which means
// not cut, when it is opened and when it is closed.
func openCut(p config.Power) (Lamp, error) {
	return indicator.OpenLine(p.Chip, p.Line, p.Active == "high")
}

// errStopped: the agent ends.
var errStopped = errors.New("the agent stops")

// Reopen takes the line if that was not possible so far, and gives the devices
// time to start.
func (s *supply) Reopen() error {
	if s.cut != nil {
		return nil
	}
	cut, err := s.open(s.conf)
	if err != nil {
		return err
	}
	s.cut = cut
	<-time.After(s.conf.Settle)
	return nil
}

// cycle takes the supply away and gives it back, in any case.
func (s *supply) cycle(stop <-chan struct{}) error {
	if err := s.Reopen(); err != nil {
		return err
	}
	if err := s.cut.Set(true); err != nil {
		return err
	}
	stopped := !pause(s.conf.Off, stop)
	if err := s.cut.Set(false); err != nil {
		return err
	}
	if stopped || !pause(s.conf.Settle, stop) {
		return errStopped
	}
	return nil
}

func (s *supply) Close() error {
	if s.cut == nil {
		return nil
	}
	return s.cut.Close()
}

// pause waits for d; false means that stop was closed before.
func pause(d time.Duration, stop <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-stop:
		return false
	case <-t.C:
		return true
	}
}
