package indicator

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// LED is an LED that the kernel knows.
type LED struct {
	dir       string
	activeLow bool
	max       string // brightness of on
	trigger   string // what drove it before; "" when there is no choice
}

// OpenLED takes over the LED called name from its trigger and switches it off.
// root is "/" or, in tests, a tree like it. The LED's files belong to root;
// the error says how to get the right to write them.
func OpenLED(root, name string, activeLow bool) (*LED, error) {
	dir := filepath.Join(root, "sys/class/leds", name)
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("led %q: there is none of this name (there are %s)", name, ledNames(root))
	}
	l := &LED{dir: dir, activeLow: activeLow, max: "1"}
	if b, err := os.ReadFile(filepath.Join(dir, "max_brightness")); err == nil {
		if s := strings.TrimSpace(string(b)); positive(s) {
			l.max = s
		}
	}
	if b, err := os.ReadFile(filepath.Join(dir, "trigger")); err == nil {
		l.trigger = current(string(b))
		if err := l.write("trigger", "none"); err != nil {
			return nil, err
		}
	}
	if err := l.Set(false); err != nil {
		return nil, err
	}
	return l, nil
}

// Set switches the LED.
func (l *LED) Set(on bool) error {
	if on != l.activeLow {
		return l.write("brightness", l.max)
	}
	return l.write("brightness", "0")
}

// Close switches the LED off and gives it back to its trigger.
func (l *LED) Close() error {
	err := l.Set(false)
	if l.trigger != "" && l.trigger != "none" {
		if e := l.write("trigger", l.trigger); err == nil {
			err = e
		}
	}
	return err
}

func (l *LED) write(file, value string) error {
	path := filepath.Join(l.dir, file)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if os.IsPermission(err) {
		return fmt.Errorf("led %s: %w; let a udev rule give %s to this user's group", filepath.Base(l.dir), err, path)
	}
	if err != nil {
		return fmt.Errorf("led %s: %w", filepath.Base(l.dir), err)
	}
	_, err = f.WriteString(value)
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("led %s: write %q to %s: %w", filepath.Base(l.dir), value, file, err)
	}
	return nil
}

// current finds the trigger in force in the kernel's list: "none [mmc0] timer".
func current(list string) string {
	_, rest, found := strings.Cut(list, "[")
	name, _, closed := strings.Cut(rest, "]")
	if !found || !closed {
		return ""
	}
	return name
}

func positive(s string) bool {
	n, err := strconv.ParseUint(s, 10, 32)
	return err == nil && n > 0
}

// ledNames lists the LEDs that there are, for an error.
func ledNames(root string) string {
	entries, err := os.ReadDir(filepath.Join(root, "sys/class/leds"))
	if err != nil || len(entries) == 0 {
		return "no LEDs at all"
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return strings.Join(names, ", ")
}
