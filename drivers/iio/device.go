package iio

import (
	"strings"

	"golang.org/x/sys/unix"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/sysfs"
)

// devices is where the kernel lists devices and triggers.
const devices = "/sys/bus/iio/devices"

// device finds a device by its name, wherever it is numbered now.
type device struct {
	root, chip, which string

	walk   sysfs.Class
	dir    sysfs.Path // of the device, found by find
	entry  [64]byte
	nEntry int // length of its name in entry: "iio:device0"
	parent [64]byte
	label  [64]byte
	text   [64]byte
	err    sysfs.Error
}

func newDevice(o *Options) device {
	d := device{root: o.Root, chip: o.Chip, which: o.Device}
	d.err.Subject = "iio " + o.Chip
	if o.Device != "" {
		d.err.Subject += " " + o.Device
	}
	return d
}

// find goes to the directory of the device and makes sure that there is one.
func (d *device) find() error {
	d.err.There.Reset()
	if err := d.walk.Walk(d.root, devices, "iio:device", "name"); err != nil {
		return d.err.Set("find", sysfs.Sentinel(err), "there is no "+devices+"; no driver of an iio device is loaded (a dtoverlay, or modprobe)")
	}
	found := 0
	for d.walk.Next() {
		if string(d.walk.Value) != d.chip || !d.is() {
			continue
		}
		found++
		d.dir.Root("").AddBytes(d.walk.Path.Bytes())
		d.nEntry = copy(d.entry[:], d.walk.Entry)
		d.err.There.Add(d.walk.Value, d.where())
	}
	switch found {
	case 1:
		return nil
	case 0:
		d.list()
		return d.err.Set("find", drivers.ErrUnplugged, "load its driver (a dtoverlay, or modprobe); the kernel has ")
	}
	return d.err.Set("find", drivers.ErrIdentity, "several devices have this name; choose one with device, what stands in brackets: ")
}

// where is the device that Next has found as find says it: by the device that
// it is part of, which keeps its name, or else by its number.
func (d *device) where() []byte {
	if parent := d.walk.Path.Above(d.parent[:]); len(parent) > 0 {
		return parent
	}
	return d.walk.Entry
}

// is reports whether the device that Next has found is the wanted one.
func (d *device) is() bool {
	if d.which == "" || string(d.walk.Entry) == d.which || string(d.where()) == d.which {
		return true
	}
	n := d.walk.Path.Len()
	label, err := d.walk.Path.Add("/label").Read(d.label[:])
	d.walk.Path.Cut(n)
	return err == nil && string(label) == d.which
}

// list gathers which devices there are.
func (d *device) list() {
	d.err.There.Reset()
	if d.walk.Walk(d.root, devices, "iio:device", "name") == nil {
		for d.walk.Next() {
			d.err.There.Add(d.walk.Value, d.where())
		}
	}
	if d.err.There.Empty() {
		d.err.There.Add([]byte("none"), nil)
	}
}

// names are the files that can hold an attribute of a channel: its own, then
// those shared by the channels of its type, and by all.
func names(channel, attr string) []string {
	stem := stemOf(channel)
	list := []string{"in_" + channel + "_" + attr}
	if strings.Contains(channel, "-") { // differential
		list = append(list, "in_"+stem+"-"+stem+"_"+attr)
	}
	return append(list, "in_"+stem+"_"+attr, "in_"+attr, attr)
}

// number reads the first of the device's files that there is. Without any it
// gives the value of none.
func (d *device) number(files []string, none float64) (float64, error) {
	n := d.dir.Len()
	defer d.dir.Cut(n)
	for _, file := range files {
		text, err := d.dir.Cut(n).Add("/").Add(file).Read(d.text[:])
		if err == unix.ENOENT {
			continue
		}
		if err != nil {
			return 0, d.err.Fail(file, err)
		}
		v, ok := number(text)
		if !ok {
			d.err.There.Reset()
			return 0, d.err.Set(file, drivers.ErrInvalid, "it holds no number")
		}
		return v, nil
	}
	return none, nil
}
