package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/telhub/telhub/agent/clock"
	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/catalog"
)

// ErrNoSensor: the configuration has no sensor of that name.
var ErrNoSensor = errors.New("no such sensor")

// Read opens a sensor's bus, takes one reading and closes it again. A device
// that speaks by itself is listened to for at most wait.
func Read(ctx context.Context, cfg *config.Config, name string, wait time.Duration, open Openers) ([]drivers.Output, *drivers.Reading, error) {
	for i := range cfg.Sensors {
		s := &cfg.Sensors[i]
		if s.Name != name {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		if s.Engine.Kind == catalog.I2C {
			return readPolled(ctx, cfg.BusOf(s), s, open)
		}
		outputs, r, err := readStream(ctx, cfg.BusOf(s), s, wait)
		if err != nil {
			err = fmt.Errorf("sensor %s: %w", name, err)
		}
		return outputs, r, err
	}
	return nil, nil, ErrNoSensor
}

func readPolled(ctx context.Context, b *config.Bus, s *config.Sensor, open Openers) ([]drivers.Output, *drivers.Reading, error) {
	bus, err := open.i2c(b.Path, b.Timeout)
	if err != nil {
		return nil, nil, fmt.Errorf("bus %s: %w", b.Name, err)
	}
	defer bus.Close()
	dev, err := catalog.OpenSensor(bus, s.Spec())
	if err != nil {
		return nil, nil, err
	}
	if err := dev.Init(); err != nil {
		return nil, nil, fmt.Errorf("sensor %s: %w", s.Name, err)
	}
	r := &drivers.Reading{}
	for {
		again, err := dev.Read(r)
		switch {
		case errors.Is(err, drivers.ErrNotReady):
			r.Reset()
			again = max(again, 10*time.Millisecond)
		case err != nil:
			return nil, nil, fmt.Errorf("sensor %s: %w", s.Name, err)
		case again == 0:
			return dev.Outputs(), r, nil
		}
		select {
		case <-time.After(again):
		case <-ctx.Done():
			return nil, nil, fmt.Errorf("sensor %s: no value in time: %w", s.Name, ctx.Err())
		}
	}
}

func readStream(ctx context.Context, b *config.Bus, s *config.Sensor, wait time.Duration) ([]drivers.Output, *drivers.Reading, error) {
	port, err := newLine(b)
	if err != nil {
		return nil, nil, err
	}
	if err := port.Reopen(); err != nil {
		return nil, nil, fmt.Errorf("port %s: %w", b.Port, err)
	}
	defer port.Close()
	dec, err := catalog.OpenStream(s.Spec())
	if err != nil {
		return nil, nil, err
	}
	r := &drivers.Reading{}
	buf, bytes := make([]byte, 512), 0
	for ctx.Err() == nil {
		n, err := port.Read(buf)
		if errors.Is(err, drivers.ErrTimeout) {
			if dec.Idle(readTimeout, r) {
				return dec.Outputs(), r, nil
			}
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("port %s: %w", b.Port, err)
		}
		bytes += n
		for p := buf[:n]; len(p) > 0; {
			k, done := dec.Feed(p, clock.Boottime(), r)
			if done && !r.Empty() {
				return dec.Outputs(), r, nil
			}
			p = p[k:]
		}
	}
	if bytes == 0 {
		return nil, nil, fmt.Errorf("nothing came from %s within %v: check cable and power, and whether the device speaks by itself", b.Port, wait)
	}
	good, corrupt := dec.Counts()
	return nil, nil, fmt.Errorf("%d bytes came from %s within %v, but no reading: %d units were well-formed and %d corrupt; check mode = %q and the wiring",
		bytes, b.Port, wait, good, corrupt, b.Mode)
}
