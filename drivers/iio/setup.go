package iio

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/sysfs"
)

// Bounds and choices of the buffer's size.
const (
	maxLength  = 1 << 16
	minLength  = 64
	keep       = 2  // seconds that the kernel keeps while nobody reads
	wakeups    = 20 // times a second that scans are fetched
	someLength = 1024
)

// change is a file that was written, and what it held.
type change struct {
	path string
	was  []byte
}

// Reopen finds the device and sets its buffer up anew. It implements the
// catalog's Port.
func (b *Buffered) Reopen() error {
	_ = b.Close()
	if err := b.find(); err != nil {
		return err
	}
	if err := b.open(); err != nil {
		return err
	}
	if err := b.setUp(); err != nil {
		_ = b.Close()
		return err
	}
	return nil
}

// Look sees whether the device, its buffer, the channels and the trigger are
// there. It changes nothing, and does not open the node, which would take the
// buffer from a program that reads it.
func (b *Buffered) Look() error {
	if err := b.find(); err != nil {
		return err
	}
	dir := b.dir.String()
	files, _ := filepath.Glob(filepath.Join(dir, "scan_elements/in_*_en")) // its only error is a bad pattern
	found := make(map[string]bool)
	for _, file := range files {
		found[elementName(file, "_en")] = true
	}
	if err := b.hasElements(found); err != nil {
		return err
	}
	if b.opt.Trigger != "" && b.triggerDir(b.opt.Trigger) == "" {
		return b.fail("find trigger", drivers.ErrUnplugged, b.makeTrigger())
	}
	return nil
}

// Node is the device node that Look or Reopen has found.
func (b *Buffered) Node() string { return "/dev/" + string(b.entry[:b.nEntry]) }

// open opens the device's node. The kernel gives a buffer to one program at a
// time, so from here on nobody else changes it.
func (b *Buffered) open() error {
	var node sysfs.Path
	node.Root(b.root).Add("/dev/").AddBytes(b.entry[:b.nEntry])
	fd, err := node.OpenDevice(unix.O_RDONLY | unix.O_NONBLOCK)
	b.err.There.Reset()
	switch err {
	case nil:
		b.fd = fd
		return nil
	case unix.ENOENT, unix.ENODEV, unix.ENXIO:
		return b.err.Set("open "+node.String(), drivers.ErrUnplugged, "the device's driver has no buffer: read it without buffered = true")
	case unix.EBUSY:
		return b.err.Set("open "+node.String(), drivers.ErrBusy, "end the other program that reads this buffer, such as iiod")
	case unix.EACCES, unix.EPERM:
		return b.err.Set("open "+node.String(), err, `give it to the agent's group by a udev rule: SUBSYSTEM=="iio", GROUP="iio", MODE="0660"`)
	}
	return b.err.Fail("open "+node.String(), err)
}

// setUp configures the buffer, in the order that the kernel wants: what is
// scanned cannot change while the buffer is enabled, and how it is stored can
// depend on every setting before.
func (b *Buffered) setUp() error {
	dir := b.dir.String()
	b.change(filepath.Join(dir, "buffer/enable"), "0", true) // left enabled by a program that was killed
	if err := b.elements(dir); err != nil {
		return err
	}
	if err := b.tick(dir); err != nil {
		return err
	}
	trigger, err := b.trigger(dir)
	if err != nil {
		return err
	}
	for i := range b.set {
		if err := b.write(&b.set[i]); err != nil {
			return err
		}
	}
	hertz, err := b.frequency(dir, trigger)
	if err != nil {
		return err
	}
	if err := b.size(dir, hertz); err != nil {
		return err
	}
	if err := b.arrange(dir); err != nil {
		return err
	}
	b.holes.reset(hertz)
	if err := b.change(filepath.Join(dir, "buffer/enable"), "1", true); err != nil {
		hint := "the kernel's log may say why"
		if trigger == "" {
			hint = "it may need a trigger: " + b.triggers()
		}
		return b.fail("enable the buffer", err, hint)
	}
	return nil
}

// change writes a file unless it holds the value, and remembers what it held.
// always writes it in any case, and remembers that it was off.
func (b *Buffered) change(path, value string, always bool) error {
	was, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	was = sysfs.Line(was)
	if string(was) == value && !always {
		return nil
	}
	var p sysfs.Path
	if err := put(p.Root("").Add(path), []byte(value)); err != nil {
		return err
	}
	if always {
		was = []byte("0")
	}
	if !slices.ContainsFunc(b.undo, func(c change) bool { return c.path == path && !always }) {
		b.undo = append(b.undo, change{path, bytes.Clone(was)})
	}
	return nil
}

// elements has the kernel scan the channels and the time, and nothing else.
func (b *Buffered) elements(dir string) error {
	files, _ := filepath.Glob(filepath.Join(dir, "scan_elements/in_*_en")) // its only error is a bad pattern
	found := make(map[string]bool)
	for _, file := range files {
		name := elementName(file, "_en")
		found[name] = true
		value := "0"
		if name == stamped || b.scansIt(name) {
			value = "1"
		}
		if err := b.change(file, value, false); err != nil {
			return b.fail("set "+filepath.Base(file), err, "")
		}
	}
	return b.hasElements(found)
}

// hasElements sees that the buffer can scan the channels and the time.
func (b *Buffered) hasElements(found map[string]bool) error {
	if len(found) == 0 {
		return b.fail("find scan_elements", drivers.ErrIdentity, "the device's driver has no buffer, or its trigger is missing (some need an interrupt in the device tree): read it without buffered = true")
	}
	if !found[stamped] {
		return b.fail("find in_timestamp_en", drivers.ErrIdentity, "the device's buffer has no time stamps: read it without buffered = true")
	}
	for _, c := range b.channels {
		if c.wanted && !found[c.name] {
			return b.fail("find channel "+c.name, drivers.ErrIdentity, "the buffer has "+strings.Join(sorted(found), ", "))
		}
	}
	return nil
}

// scansIt reports whether the channel is one that somebody wants.
func (b *Buffered) scansIt(name string) bool {
	return slices.ContainsFunc(b.channels, func(c channel) bool { return c.wanted && c.name == name })
}

func elementName(file, suffix string) string {
	return strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "in_"), suffix)
}

func sorted(set map[string]bool) (list []string) {
	for name := range set {
		if name != stamped {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

// tick chooses the clock of the stamps.
func (b *Buffered) tick(dir string) error {
	const file = "current_timestamp_clock"
	path := filepath.Join(dir, file)
	_ = b.change(path, "boottime", false) // what is in force is read back
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return b.fail("read "+file, err, "")
	}
	name := string(sysfs.Line(text))
	ok := false
	if b.clock, ok = newSource(name); !ok {
		return b.fail("read "+file, drivers.ErrIdentity, fmt.Sprintf("the clock %q is not known", name))
	}
	return nil
}

// size sets the buffer's length and watermark: for some wake-ups a second, and
// long enough to outlast a busy machine.
func (b *Buffered) size(dir string, hertz float64) error {
	length, watermark := b.opt.Length, b.opt.Watermark
	if length == 0 {
		length = someLength
		if hertz > 0 {
			length = int(min(max(hertz*keep, minLength), maxLength))
		}
		length = max(length, min(2*watermark, maxLength))
	}
	if watermark == 0 {
		watermark = int(min(max(hertz/wakeups, 1), float64(length/2)))
	}
	if err := b.change(filepath.Join(dir, "buffer/length"), strconv.Itoa(length), false); err != nil {
		return b.fail("set buffer/length", err, "")
	}
	err := b.change(filepath.Join(dir, "buffer/watermark"), strconv.Itoa(watermark), false)
	if errors.Is(err, fs.ErrNotExist) { // before Linux 4.2, where each scan wakes
		return nil
	}
	if err != nil {
		return b.fail("set buffer/watermark", err, "")
	}
	return nil
}

// fail makes an error of what the setting up did.
func (b *Buffered) fail(step string, err error, hint string) error {
	b.err.There.Reset()
	var no unix.Errno
	if errors.As(err, &no) {
		err = no
		if no == unix.EACCES || no == unix.EPERM || no == unix.EROFS {
			hint = permit
		} else if s := sysfs.Sentinel(no); s != drivers.ErrInvalid {
			err = s
		}
	}
	return b.err.Set(step, err, hint)
}
