package agent

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/physic"

	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/drivers"
)

// descriptor is an adapter that only knows whether it is open.
type descriptor struct{ open bool }

func (d *descriptor) String() string                  { return "i2c-1" }
func (d *descriptor) Tx(uint16, []byte, []byte) error { return nil }
func (d *descriptor) SetSpeed(physic.Frequency) error { return nil }
func (d *descriptor) Reopen() error                   { d.open = true; return nil }
func (d *descriptor) Close() error                    { d.open = false; return nil }

// The kernel waits for our own descriptor, too: it is closed before the driver
// is taken away, and the step says why it cannot be taken.
func TestTheAdapterIsClosedBeforeItsDriverIsTakenAway(t *testing.T) {
	root := t.TempDir()
	controller := filepath.Join(root, "sys/devices/platform/soc/3f804000.i2c")
	driver := filepath.Join(root, "sys/bus/platform/drivers/i2c-bcm2835")
	for _, dir := range []string{filepath.Join(controller, "i2c-1"), driver, filepath.Join(root, "dev"), filepath.Join(root, "sys/bus/i2c/devices")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{
		filepath.Join(root, "sys/bus/i2c/devices/i2c-1"): filepath.Join(controller, "i2c-1"),
		filepath.Join(controller, "driver"):              driver,
	} {
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
	}
	files := map[string]string{"unbind": filepath.Join(driver, "unbind"), "bind": filepath.Join(driver, "bind"), "node": filepath.Join(root, "dev/i2c-1")}
	for _, path := range files {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d := &descriptor{}
	a := newAdapter(&config.Bus{Path: "/dev/i2c-1"}, Openers{Root: root, I2C: func(string, time.Duration) (I2C, error) { return d, d.Reopen() }})
	if err := a.Reopen(); err != nil || !d.open {
		t.Fatalf("reopen: %v, open %v", err, d.open)
	}
	if err := a.rebind(nil); err != nil {
		t.Fatal(err)
	}
	if d.open {
		t.Error("the adapter was open while its driver was taken away")
	}
	for _, name := range []string{"unbind", "bind"} {
		if got, err := os.ReadFile(files[name]); string(got) != "3f804000.i2c" {
			t.Errorf("%s was told %q, %v", name, got, err)
		}
	}
	if err := a.Reopen(); err != nil || !d.open {
		t.Errorf("reopen: %v, open %v", err, d.open)
	}
	if err := os.Remove(files["bind"]); err != nil {
		t.Fatal(err)
	}
	if err := a.rebind(nil); err == nil || !strings.Contains(err.Error(), "docs/buses.md") {
		t.Errorf("without permission: %v", err)
	}
	other := newAdapter(&config.Bus{Path: "/dev/i2c-7"}, Openers{Root: root})
	if err := other.rebind(nil); err == nil {
		t.Error("an adapter that is not there was bound anew")
	}
}

// slowLine records when a supply was cut and given back.
type slowLine struct {
	begun  time.Time
	told   []string
	closed bool
}

func (l *slowLine) Set(cut bool) error {
	word := map[bool]string{true: "cut ", false: "on "}[cut]
	l.told = append(l.told, word+time.Since(l.begun).String())
	return nil
}

func (l *slowLine) Close() error { l.closed = true; return nil }

// A supply is on from the start, off for as long as it is to be, and on again
// also when the agent ends meanwhile.
func TestTheSupplyKeepsItsTimes(t *testing.T) {
	for _, tt := range []struct {
		name   string
		stopAt time.Duration
		want   []string
		took   time.Duration
		err    error
	}{
		{"a whole cycle", time.Hour, []string{"cut 300ms", "on 800ms"}, 800 * time.Millisecond, nil},
		{"the agent ends meanwhile", 400 * time.Millisecond, []string{"cut 300ms", "on 400ms"}, 100 * time.Millisecond, errStopped},
		{"the agent ends while they start", 900 * time.Millisecond, []string{"cut 300ms", "on 800ms"}, 600 * time.Millisecond, errStopped},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				line := &slowLine{begun: time.Now()}
				s := &supply{
					conf: config.Power{Chip: "gpiochip0", Line: 17, Active: "high", Off: 500 * time.Millisecond, Settle: 300 * time.Millisecond},
					open: func(config.Power) (Lamp, error) { return line, nil },
				}
				stop := make(chan struct{})
				time.AfterFunc(tt.stopAt, func() { close(stop) })
				if err := s.Reopen(); err != nil || time.Since(line.begun) != 300*time.Millisecond || len(line.told) > 0 {
					t.Errorf("open: %v after %v, told %v", err, time.Since(line.begun), line.told)
				}
				start := time.Now()
				if err := s.cycle(stop); !errors.Is(err, tt.err) || time.Since(start) != tt.took {
					t.Errorf("got %v after %v, want %v after %v", err, time.Since(start), tt.err, tt.took)
				}
				if !slices.Equal(line.told, tt.want) {
					t.Errorf("the line was told %v, want %v", line.told, tt.want)
				}
				if err := s.Close(); err != nil || !line.closed {
					t.Errorf("close: %v, closed %v", err, line.closed)
				}
			})
		})
	}
}

// Whatever keeps a transport from being opened, its owner is told that only
// opening helps, and asking it does not allocate.
func TestWhatCannotBeOpenedIsUnplugged(t *testing.T) {
	busy := errors.New("somebody has it")
	a := newAdapter(&config.Bus{Path: "/dev/i2c-1"}, Openers{I2C: func(string, time.Duration) (I2C, error) { return nil, busy }})
	if err := a.Tx(0x48, nil, nil); !errors.Is(err, drivers.ErrUnplugged) {
		t.Errorf("before the first try: %v", err)
	}
	if err := a.Reopen(); !errors.Is(err, busy) {
		t.Errorf("reopen: %v", err)
	}
	if err := a.Tx(0x48, nil, nil); !errors.Is(err, drivers.ErrUnplugged) || !errors.Is(err, busy) {
		t.Errorf("after it: %v, want both why and what it means", err)
	}
	l := &line{path: "/dev/null/none", err: absent(busy)}
	b := make([]byte, 8)
	if got := testing.AllocsPerRun(100, func() {
		_ = a.Tx(0x48, b, b)
		_, _ = l.Read(b)
		_, _ = l.Write(b)
		_, _ = l.ReadBefore(b, time.Time{})
		_ = l.Discard()
	}); got != 0 {
		t.Errorf("%v allocations, want 0", got)
	}
}

// look tells devices apart by their nodes, and follows links.
func TestLookSeesAnotherDeviceBehindTheLink(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "by-id")
	see := look(link)
	if got := see(); got != 0 {
		t.Errorf("nothing looks like %d", got)
	}
	seen := make(map[uint64]string)
	note := func(what string) {
		t.Helper()
		n := see()
		if other, ok := seen[n]; ok || n == 0 {
			t.Errorf("%s looks like %s: %d", what, other, n)
		}
		if n != see() {
			t.Errorf("%s looks different the second time", what)
		}
		seen[n] = what
	}
	for _, name := range []string{"ttyUSB0", "ttyUSB1"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(name, link); err != nil {
			t.Fatal(err)
		}
		note(name)
		if err := os.Chmod(filepath.Join(dir, name), 0o660); err != nil {
			t.Fatal(err)
		}
		note(name + " with its group's permission")
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if got := see(); got != 0 {
			t.Errorf("a dangling link looks like %d", got)
		}
		if err := os.Remove(link); err != nil {
			t.Fatal(err)
		}
	}
}
