package doctor

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/catalog"
	"github.com/telhub/telhub/drivers/sysfs"
)

// readTime bounds a reading of what the kernel has; a thermometer on a 1-Wire
// bus takes most of a second.
const readTime = 3 * time.Second

// looker is a device that can be looked at without changing it: one whose Init
// requests or sets something.
type looker interface{ Look() error }

// noded is a device behind a node, which the agent's user has to be able to open.
type noded interface{ Node() string }

// kernelSensors looks at the sensors that the kernel reads: hwmon, iio, thermal, w1,
// gpio and the board itself.
func (x *exam) kernelSensors(ctx context.Context) {
	for i := range x.cfg.Sensors {
		s := &x.cfg.Sensors[i]
		if s.Engine.Kind != catalog.Local {
			continue
		}
		if x.agent != nil {
			x.ok(s.Name, s.Use+": not asked, because the agent runs and has it; what it finds stands under agent")
			continue
		}
		x.kernelSensor(ctx, s)
	}
}

// kernelSensor looks at one of them: what changes nothing is read.
func (x *exam) kernelSensor(ctx context.Context, s *config.Sensor) {
	spec := s.Spec()
	spec.Root = strings.TrimRight(x.o.Root, "/")
	dev, err := catalog.OpenLocal(spec)
	if err != nil {
		x.fail(s.Name, err.Error(), "telhub check tells more")
		return
	}
	var seen any = dev.Sensor
	if dev.Sensor == nil {
		seen = dev.Port
	}
	l, looks := seen.(looker)
	if looks {
		err = l.Look()
	} else {
		err = x.reading(ctx, s, dev.Sensor)
	}
	if err != nil {
		x.refused(s, err)
		return
	}
	if n, ok := seen.(noded); ok && !x.node(s, n.Node(), dev.Stream != nil) {
		return
	}
	if looks {
		x.ok(s.Name, s.Use+" is there; telhub read "+s.Name+" takes a reading")
	}
}

// refused says what a driver of ours met, and its hint as the cure.
func (x *exam) refused(s *config.Sensor, err error) {
	seen, cure := err.Error(), ""
	var e *sysfs.Error
	if errors.As(err, &e) {
		bare := sysfs.Error{Subject: e.Subject, Step: e.Step, Err: e.Err}
		seen, cure = bare.Error(), strings.TrimPrefix(strings.TrimPrefix(seen, bare.Error()), ": ")
	}
	x.fail(s.Name, seen, orElse(cure, "the kernel's log (dmesg) may say why; telhub read "+s.Name+" tries again"))
}

// reading takes one and tells of what did not come.
func (x *exam) reading(ctx context.Context, s *config.Sensor, dev drivers.Sensor) error {
	if err := dev.Init(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	var r drivers.Reading
	for {
		wait, err := dev.Read(&r)
		if err != nil {
			return err
		}
		if wait == 0 {
			break
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	var came, bad, silent []string
	for i, o := range dev.Outputs() {
		switch {
		case r.Has(i):
			came = append(came, o.Name)
		case r.IsBad(i):
			bad = append(bad, o.Name)
		case slices.Contains(s.Only, o.Name):
			silent = append(silent, o.Name)
		}
	}
	if len(came) > 0 {
		x.ok(s.Name, s.Use+" gives "+strings.Join(came, ", "))
	}
	if len(bad) > 0 {
		x.warn(s.Name, s.Use+" gives no valid "+strings.Join(bad, ", "), "telhub read "+s.Name+" shows each; the kernel's log (dmesg) may say why")
	}
	if len(silent) > 0 {
		x.warn(s.Name, "this machine has no "+strings.Join(silent, ", "), "take it out of only: it stays silent")
	}
	if len(came)+len(bad)+len(silent) == 0 {
		x.warn(s.Name, s.Use+" gives nothing at all", "this machine has none of it: delete the sensor")
	}
	return nil
}

// node reports whether the agent's user may open the device's node and, for
// one whose buffer has to be set up, write its files.
func (x *exam) node(s *config.Sensor, node string, buffered bool) bool {
	if ok, seen, cure := x.mayOpen(node); !ok {
		x.fail(s.Name, node+": "+seen, orElse(cure, "its driver has no such node; the kernel's log (dmesg) may say why"))
		return false
	}
	if !buffered {
		return true
	}
	file := path.Join("/sys/bus/iio/devices", lastOf(node), "buffer/enable")
	ok, seen, _ := x.mayOpen(file)
	if !ok {
		x.fail(s.Name, file+": "+seen, x.iioRule())
	}
	return ok
}

// iioRule gives a device's node and files to the agent's user, whose group is
// called like it.
func (x *exam) iioRule() string {
	return fmt.Sprintf(`put SUBSYSTEM=="iio", KERNEL=="iio:device*", GROUP="%s", MODE="0660", RUN+="/bin/sh -c 'cd /sys%%p && chgrp -R %s . && `+
		`chmod -R g+w buffer scan_elements current_timestamp_clock sampling_frequency in_*scale trigger 2>/dev/null'" into /etc/udev/rules.d/60-telhub.rules, and run udevadm trigger`, x.who.name, x.who.name)
}
