package iio

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/sysfs"
)

// trigger attaches the trigger that was asked for and returns the one that is
// attached; "" for a device that has none, because its own FIFO paces it.
func (b *Buffered) trigger(dir string) (string, error) {
	path := filepath.Join(dir, "trigger/current_trigger")
	if b.opt.Trigger != "" {
		err := b.change(path, b.opt.Trigger, false)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return "", b.fail("set trigger", drivers.ErrIdentity, "this device takes none, its own FIFO paces it: remove trigger")
		case err != nil || b.triggerDir(b.opt.Trigger) == "":
			return "", b.fail("set trigger", orUnplugged(err), b.makeTrigger())
		}
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", b.fail("read current_trigger", err, "")
	}
	return string(sysfs.Line(text)), nil
}

// makeTrigger says how the trigger that was asked for comes to be.
func (b *Buffered) makeTrigger() string {
	return "there is " + b.triggers() + "; one by a timer is made by modprobe iio-trig-hrtimer and mkdir /sys/kernel/config/iio/triggers/hrtimer/" + b.opt.Trigger
}

func orUnplugged(err error) error {
	if err == nil {
		return drivers.ErrUnplugged
	}
	return err
}

// triggerDir finds the directory of a trigger by its name; "" if there is none.
func (b *Buffered) triggerDir(name string) string {
	dirs, _ := filepath.Glob(filepath.Join(b.root, devices, "trigger*")) // its only error is a bad pattern
	for _, dir := range dirs {
		if text, err := os.ReadFile(filepath.Join(dir, "name")); err == nil && string(sysfs.Line(text)) == name {
			return dir
		}
	}
	return ""
}

// triggers lists the triggers that there are, for an error.
func (b *Buffered) triggers() string {
	dirs, _ := filepath.Glob(filepath.Join(b.root, devices, "trigger*/name"))
	var names []string
	for _, file := range dirs {
		if text, err := os.ReadFile(file); err == nil {
			names = append(names, string(sysfs.Line(text)))
		}
	}
	if len(names) == 0 {
		return "no trigger"
	}
	return strings.Join(names, ", ")
}

// frequency sets the scans per second where that was asked for, and returns
// how many there are; 0 when nothing tells. A trigger by a timer goes before
// the device, whose own frequency then is only that of its conversions.
func (b *Buffered) frequency(dir, trigger string) (hertz float64, err error) {
	var files []string
	if trigger != "" {
		if t := b.triggerDir(trigger); t != "" {
			files = append(files, filepath.Join(t, "sampling_frequency"))
		}
	}
	for _, c := range b.channels {
		if c.wanted {
			for _, name := range names(c.name, "sampling_frequency") {
				files = append(files, filepath.Join(dir, name))
			}
		}
	}
	files = append(files, filepath.Join(dir, "buffer/sampling_frequency"))
	for _, file := range files {
		if _, err := os.Stat(file); err != nil {
			continue
		}
		if b.opt.Frequency > 0 {
			value := strconv.FormatFloat(b.opt.Frequency, 'f', -1, 64)
			if err := b.change(file, value, false); err != nil {
				available, _ := os.ReadFile(file + "_available")
				return 0, b.fail("set sampling_frequency = "+value, err, "it may be one of: "+string(sysfs.Line(available)))
			}
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return 0, b.fail("read sampling_frequency", err, "")
		}
		if hertz, ok := number(text); ok {
			return hertz, nil
		}
		return 0, nil
	}
	if b.opt.Frequency > 0 {
		return 0, b.fail("set sampling_frequency", drivers.ErrIdentity, "neither the device nor its trigger has one: remove it")
	}
	return 0, nil
}
