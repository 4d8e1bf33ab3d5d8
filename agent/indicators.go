package agent

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/agent/process"
	"github.com/telhub/telhub/board/indicator"
)

// Lamp is an LED or a GPIO line that shows alarms, or one that cuts a supply.
type Lamp interface {
	Set(on bool) error
	io.Closer
}

// openLamp opens an indicator of the configuration.
func openLamp(c *config.Indicator) (Lamp, error) {
	if c.LED != "" {
		return indicator.OpenLED("/", c.LED, c.ActiveLow)
	}
	return indicator.OpenLine(c.Chip, c.Line, c.ActiveLow)
}

// lampRetry is how often an indicator that fails is tried again.
const lampRetry = 10 * time.Second

// indicators switches LEDs and GPIO lines as alarms come and go. An indicator
// that cannot be opened or switched is reported and tried again: a missing
// lamp is no reason to lose a sample.
type indicators struct {
	log   *Log
	conf  []config.Indicator
	drive map[int][]string // channel → indicators
	open  func(*config.Indicator) (Lamp, error)

	lamps  []Lamp   // nil while one could not be opened
	on     []bool   // as switched
	texts  []string // of the last error; "" when all is well
	states []process.AlarmState
	wake   chan struct{} // capacity 1: an alarm has changed
}

func newIndicators(log *Log, conf []config.Indicator, drive map[int][]string) *indicators {
	return &indicators{
		log: log, conf: conf, drive: drive, open: openLamp,
		lamps: make([]Lamp, len(conf)), on: make([]bool, len(conf)), texts: make([]string, len(conf)),
		wake: make(chan struct{}, 1),
	}
}

// changed tells run that an alarm has changed. It never blocks.
func (x *indicators) changed() {
	select {
	case x.wake <- struct{}{}:
	default:
	}
}

// run is the indicators' goroutine. Agent.Run starts it, ctx ends it; it
// leaves all of them switched off.
func (x *indicators) run(ctx context.Context, alarms func([]process.AlarmState) []process.AlarmState) {
	retry := time.NewTicker(lampRetry)
	defer retry.Stop()
	for {
		x.states = alarms(x.states[:0])
		for i := range x.conf {
			x.show(i, x.wanted(x.conf[i].Name))
		}
		select {
		case <-x.wake:
		case <-retry.C:
		case <-ctx.Done():
			x.close()
			return
		}
	}
}

// wanted reports whether an alarm is raised that drives the indicator.
func (x *indicators) wanted(name string) bool {
	for i := range x.states {
		for _, driven := range x.drive[x.states[i].Channel] {
			if driven == name && x.states[i].State != 0 {
				return true
			}
		}
	}
	return false
}

// show switches indicator i, opening it first if need be.
func (x *indicators) show(i int, on bool) {
	var err error
	if x.lamps[i] == nil {
		x.lamps[i], err = x.open(&x.conf[i])
		if err != nil {
			x.lamps[i] = nil // no typed nil
		}
		x.on[i] = false
	}
	if err == nil && x.on[i] != on {
		if err = x.lamps[i].Set(on); err == nil {
			x.on[i] = on
		}
	}
	x.report(i, err)
}

// report logs a new error once, and that it has passed.
func (x *indicators) report(i int, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text == x.texts[i] {
		return
	}
	x.texts[i] = text
	log := x.log.For("agent")
	if err != nil {
		log.Warn().Err(err).Str("indicator", x.conf[i].Name).Msg("an indicator cannot be switched; it is tried again")
		return
	}
	log.Info().Str("indicator", x.conf[i].Name).Msg("the indicator works again")
}

func (x *indicators) close() {
	for i, l := range x.lamps {
		if l == nil {
			continue
		}
		if err := l.Close(); err != nil {
			x.report(i, fmt.Errorf("switch off: %w", err))
		}
	}
}
