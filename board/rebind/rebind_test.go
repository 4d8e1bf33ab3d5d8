package rebind

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"golang.org/x/sys/unix"
)

// machine is a tree like that of a Raspberry Pi 3, whose files unbind and bind
// are pipes: the test plays the kernel at their other ends.
type machine struct {
	root, device, driver string
	wrote                chan string // what came through the pipes, "unbind 3f804000.i2c"
}

const adapterPath = "sys/devices/platform/soc/3f804000.i2c/i2c-1"

func newMachine(t *testing.T) *machine {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{root: root, wrote: make(chan string, 16)}
	m.device = filepath.Join(root, "sys/devices/platform/soc/3f804000.i2c")
	m.driver = filepath.Join(root, "sys/bus/platform/drivers/i2c-bcm2835")
	m.mkdir(t, adapterPath+"/i2c-dev/i2c-1")
	m.mkdir(t, "sys/bus/platform/drivers/i2c-bcm2835")
	m.mkdir(t, "dev")
	m.link(t, "../../../devices/platform/soc/3f804000.i2c/i2c-1", "sys/bus/i2c/devices/i2c-1")
	m.attach(t)
	return m
}

func (m *machine) mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(m.root, path), 0o755); err != nil {
		t.Fatal(err)
	}
}

func (m *machine) link(t *testing.T, to, path string) {
	t.Helper()
	m.mkdir(t, filepath.Dir(path))
	if err := os.Symlink(to, filepath.Join(m.root, path)); err != nil {
		t.Fatal(err)
	}
}

// attach is what binding does: the link to the driver, and the node.
func (m *machine) attach(t *testing.T) {
	t.Helper()
	m.link(t, "../../../../bus/platform/drivers/i2c-bcm2835", "sys/devices/platform/soc/3f804000.i2c/driver")
	if err := os.WriteFile(filepath.Join(m.root, "dev/i2c-1"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (m *machine) detach(t *testing.T) {
	t.Helper()
	for _, path := range []string{filepath.Join(m.device, "driver"), filepath.Join(m.root, "dev/i2c-1")} {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}

// plain makes unbind and bind files, for tests in which nothing is written.
func (m *machine) plain(t *testing.T) {
	t.Helper()
	for _, file := range []string{"unbind", "bind"} {
		if err := os.WriteFile(filepath.Join(m.driver, file), nil, 0o200); err != nil {
			t.Fatal(err)
		}
	}
}

// kernel serves a pipe: it tells what was written and acts on it.
func (m *machine) kernel(t *testing.T, file string, act func(t *testing.T)) {
	t.Helper()
	path := filepath.Join(m.driver, file)
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := os.OpenFile(path, os.O_RDWR, 0) // both ends: it never blocks, nor ends
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 64)
		for {
			n, err := r.Read(b)
			if err != nil {
				return
			}
			if act != nil {
				act(t)
			}
			m.wrote <- file + " " + string(b[:n])
		}
	}()
	t.Cleanup(func() { r.Close(); <-done })
}

func (m *machine) find(t *testing.T) *Controller {
	t.Helper()
	c, err := Find(m.root, "/dev/i2c-1")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheControllerIsFoundAndCycled(t *testing.T) {
	m := newMachine(t)
	detached := make(chan struct{})
	m.kernel(t, "unbind", func(t *testing.T) { m.detach(t); close(detached) })
	m.kernel(t, "bind", func(t *testing.T) { <-detached; m.attach(t) })
	m.link(t, "i2c-1", "dev/sensors")
	c, err := Find(m.root, "/dev/sensors")
	if err != nil {
		t.Fatal(err)
	}
	if c.Name != "3f804000.i2c" || c.Driver != "i2c-bcm2835" {
		t.Errorf("found %s of %s", c.Name, c.Driver)
	}
	if err := c.Cycle(); err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{<-m.wrote: true, <-m.wrote: true}
	if !got["unbind 3f804000.i2c"] || !got["bind 3f804000.i2c"] {
		t.Errorf("the kernel was told %v", got)
	}
	if err := c.Mend(); err != nil || len(m.wrote) > 0 {
		t.Errorf("mend: %v, %d writes, want nothing to mend", err, len(m.wrote))
	}
}

// The driver does not come back at once: Mend, called before each reopen, gives
// it back when the kernel lets us.
func TestADriverThatCannotBeGivenBackIsMended(t *testing.T) {
	m := newMachine(t)
	m.kernel(t, "unbind", m.detach)
	c := m.find(t)
	bind := filepath.Join(m.driver, "bind")
	if err := os.WriteFile(bind, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.Allowed(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(bind); err != nil {
		t.Fatal(err)
	}
	if err := c.write("unbind"); err != nil {
		t.Fatal(err)
	}
	first := <-m.wrote // a kernel has done it when the write returns, this one when it says so
	c.pending = make(chan error, 1)
	c.pending <- c.bind()
	if err := c.await(); !errors.Is(err, errUnbound) || !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("got %v, want that the driver is away", err)
	}
	if err := c.Mend(); !errors.Is(err, errUnbound) {
		t.Fatalf("mend: got %v, want that it is still away", err)
	}
	m.kernel(t, "bind", m.attach)
	if err := c.Mend(); err != nil {
		t.Fatal(err)
	}
	if second := <-m.wrote; first != "unbind 3f804000.i2c" || second != "bind 3f804000.i2c" {
		t.Errorf("the kernel was told %q, %q", first, second)
	}
}

// Somebody has the adapter open: the kernel would wait for it for ever, so it is
// not asked.
func TestAnAdapterThatOthersHoldIsLeftAlone(t *testing.T) {
	m := newMachine(t)
	m.plain(t)
	m.mkdir(t, "proc/4711/fd")
	m.link(t, filepath.Join(m.root, "dev/i2c-1"), "proc/4711/fd/5")
	if err := os.WriteFile(filepath.Join(m.root, "proc/4711/comm"), []byte("i2cdump\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	err := m.find(t).Cycle()
	if err == nil || !strings.Contains(err.Error(), "i2cdump (pid 4711)") {
		t.Errorf("got %v, want the holder's name", err)
	}
	if text, _ := os.ReadFile(filepath.Join(m.driver, "unbind")); len(text) > 0 {
		t.Errorf("the kernel was told %q", text)
	}
}

// The answer does not come: the caller is told, and the driver comes back with
// the late answer.
func TestAnAnswerThatComesLate(t *testing.T) {
	m := newMachine(t)
	m.plain(t)
	c := m.find(t)
	synctest.Test(t, func(t *testing.T) {
		c.pending = make(chan error, 1)
		if err := c.Cycle(); err == nil || !strings.Contains(err.Error(), "end that program") {
			t.Fatalf("got %v, want that the kernel waits", err)
		}
		c.pending <- nil
		if err := c.Mend(); err != nil || c.pending != nil {
			t.Errorf("mend: %v, pending %v", err, c.pending)
		}
	})
}

func TestWhatWouldNotComeBackIsLeftAlone(t *testing.T) {
	for _, tt := range []struct {
		name string
		dirs []string
		say  string
	}{
		{"another adapter of the same controller", []string{"sys/devices/platform/soc/3f804000.i2c/i2c-2"}, "also serves i2c-2"},
		{"a multiplexer's bus", []string{adapterPath + "/1-0070/of_node", adapterPath + "/i2c-7"}, "also serves i2c-7"},
		{"a chip made by hand", []string{adapterPath + "/1-0049"}, "1-0049 was declared by hand"},
		{"chips of the device tree", []string{adapterPath + "/1-0068/of_node", adapterPath + "/1-0050/firmware_node"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			m.plain(t)
			for _, d := range tt.dirs {
				m.mkdir(t, d)
			}
			err := m.find(t).Allowed()
			if tt.say == "" && err != nil || tt.say != "" && (err == nil || !strings.Contains(err.Error(), tt.say)) {
				t.Errorf("got %v, want %q", err, tt.say)
			}
		})
	}
}

func TestABusBehindAMultiplexerIsNotTheControllers(t *testing.T) {
	m := newMachine(t)
	m.mkdir(t, adapterPath+"/i2c-7")
	m.link(t, "../../../devices/platform/soc/3f804000.i2c/i2c-1/i2c-7", "sys/bus/i2c/devices/i2c-7")
	if err := os.WriteFile(filepath.Join(m.root, "dev/i2c-7"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := Find(m.root, "/dev/i2c-7"); err == nil || !strings.Contains(err.Error(), "multiplexer") {
		t.Errorf("found %+v, %v", c, err)
	}
	for _, path := range []string{"/dev/i2c-9", "/dev/null"} {
		if c, err := Find("/", path); err == nil {
			t.Errorf("%s: found %+v", path, c)
		}
	}
}

// Without permission the cure is named. Root may write everything, so the file
// is one that does not exist.
func TestAMissingPermissionNamesItsCure(t *testing.T) {
	m := newMachine(t)
	err := m.find(t).Cycle()
	if err == nil || !strings.Contains(err.Error(), "udev rule") || !strings.Contains(err.Error(), "rebind = false") {
		t.Errorf("got %v", err)
	}
}
