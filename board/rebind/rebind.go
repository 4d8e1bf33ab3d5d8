package rebind

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// How long is waited.
const (
	answerLimit = 5 * time.Second // for the kernel, both writes together
	nodeLimit   = 2 * time.Second // for the device node, and udev's permissions on it
	nodeTick    = 20 * time.Millisecond
	bindPause   = 200 * time.Millisecond
	bindTries   = 5
)

// Controller is an I2C controller and the driver that serves it.
type Controller struct {
	Name   string // "3f804000.i2c"
	Driver string // "i2c-bcm2835"

	root    string
	node    string // /dev/i2c-1, as configured
	adapter int    // N of i2c-N
	device  string // its directory in sysfs
	driver  string // the driver's directory
	serves  string // what else hangs on it and would be lost, or ""

	pending chan error // of a Cycle whose answer is not there yet; else nil
	unbound bool       // by us, and not bound again yet
}

// Find finds the controller of the adapter at path, such as /dev/i2c-1. root is
// "/" or, in tests, a tree like it.
func Find(root, path string) (*Controller, error) {
	c := &Controller{root: root, node: path, adapter: number(filepath.Join(root, path))}
	if c.adapter < 0 {
		return nil, fmt.Errorf("rebind: %s is not there or not an I2C adapter (/dev/i2c-N)", path)
	}
	name := fmt.Sprintf("i2c-%d", c.adapter)
	adapter, err := filepath.EvalSymlinks(filepath.Join(root, "sys/bus/i2c/devices", name))
	if err != nil {
		return nil, fmt.Errorf("rebind: %s: %w", name, err)
	}
	c.device = filepath.Dir(adapter)
	c.driver, err = filepath.EvalSymlinks(filepath.Join(c.device, "driver"))
	if err != nil {
		return nil, fmt.Errorf("rebind: %s is behind a multiplexer or has no driver of its own", name)
	}
	c.Name, c.Driver = filepath.Base(c.device), filepath.Base(c.driver)
	c.serves = serves(adapter, name)
	return c, nil
}

// number finds N behind a path like /dev/i2c-N or a link to it, -1 without one.
func number(path string) int {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return -1
	}
	digits, ok := strings.CutPrefix(filepath.Base(real), "i2c-")
	n, err := strconv.Atoi(digits)
	if !ok || err != nil || n < 0 {
		return -1
	}
	return n
}

// serves names what else the controller serves that forbids to take its driver
// away: other adapters, behind multiplexers or beside, may be in use; a chip
// that was made by hand does not come back.
func serves(adapter, name string) string {
	for _, pattern := range []string{"../i2c-[0-9]*", "i2c-[0-9]*", "*/i2c-[0-9]*", "*/channel-[0-9]*"} {
		found, _ := filepath.Glob(filepath.Join(adapter, pattern))
		for _, f := range found {
			base := filepath.Base(f)
			if base != name && base != "i2c-dev" {
				return "it also serves " + base
			}
		}
	}
	chips, _ := filepath.Glob(filepath.Join(adapter, "[0-9]*-[0-9a-f][0-9a-f][0-9a-f][0-9a-f]"))
	for _, chip := range chips {
		if !exists(filepath.Join(chip, "of_node")) && !exists(filepath.Join(chip, "firmware_node")) {
			return "the chip " + filepath.Base(chip) + " was declared by hand (new_device) and would not come back"
		}
	}
	return ""
}

// Allowed says whether Cycle may do its work, and if not, why and what to do.
func (c *Controller) Allowed() error {
	if c.serves != "" {
		return fmt.Errorf("rebind %s: %s; set rebind = false for this bus, or move the sensors", c.Name, c.serves)
	}
	for _, file := range []string{"unbind", "bind"} {
		path := filepath.Join(c.driver, file)
		switch err := unix.Access(path, unix.W_OK); {
		case errors.Is(err, unix.EROFS):
			return fmt.Errorf("rebind %s: %s is read-only here: ProtectKernelTunables in the service's unit does that", c.Name, path)
		case err != nil:
			return fmt.Errorf("rebind %s: %s may not be written: %w; a udev rule permits it (docs/buses.md), rebind = false leaves it", c.Name, path, err)
		}
	}
	return nil
}

// Cycle takes the driver away, gives it back, and waits until the adapter's
// node can be opened again. The caller has closed the adapter. Where somebody
// else has it open nothing is done, as far as that can be seen: only root sees
// everybody.
func (c *Controller) Cycle() error {
	if c.pending != nil {
		return c.await()
	}
	if err := c.Allowed(); err != nil {
		return err
	}
	if who := holders(c.root, c.node); who != "" {
		return fmt.Errorf("rebind %s: %s is open in %s; the kernel would wait for it", c.Name, c.node, who)
	}
	c.pending = make(chan error, 1)
	go func(done chan<- error) { done <- c.cycle() }(c.pending)
	return c.await()
}

// Mend binds the driver again if Cycle could not. It does nothing otherwise.
func (c *Controller) Mend() error {
	if c.pending != nil {
		return c.await()
	}
	if !c.unbound {
		return nil
	}
	if err := c.bind(); err != nil {
		return err
	}
	c.unbound = false
	return c.awaitNode()
}

// await waits for the kernel's answer, with a limit: who waits in unbind cannot
// be helped.
func (c *Controller) await() error {
	limit := time.NewTimer(answerLimit)
	defer limit.Stop()
	select {
	case err := <-c.pending:
		c.pending = nil
		if c.unbound = errors.Is(err, errUnbound); err != nil {
			return err
		}
		return c.awaitNode()
	case <-limit.C:
		return fmt.Errorf("rebind %s: the kernel waits, because some program has %s open; end that program", c.Name, c.node)
	}
}

// errUnbound: the driver is away and does not come back.
var errUnbound = errors.New("its driver was taken away and cannot be given back")

// cycle runs in a goroutine of its own and touches no field that changes.
func (c *Controller) cycle() error {
	if err := c.write("unbind"); err != nil {
		return fmt.Errorf("rebind %s: %w", c.Name, err)
	}
	var err error
	for range bindTries {
		if err = c.bind(); err == nil {
			return nil
		}
		<-time.After(bindPause)
	}
	return err
}

// bind gives the driver back. One that is there already is no error.
func (c *Controller) bind() error {
	err := c.write("bind")
	if err == nil || exists(filepath.Join(c.device, "driver")) {
		return nil
	}
	return fmt.Errorf("rebind %s: %w: %w", c.Name, errUnbound, err)
}

func (c *Controller) write(file string) error {
	f, err := os.OpenFile(filepath.Join(c.driver, file), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(c.Name)
	return errors.Join(err, f.Close())
}

// awaitNode waits until the adapter's node is there and may be opened: udev
// gives it its group a moment after the kernel has made it.
func (c *Controller) awaitNode() error {
	deadline := time.Now().Add(nodeLimit)
	for {
		err := unix.Access(filepath.Join(c.root, c.node), unix.R_OK|unix.W_OK)
		if err == nil || time.Now().After(deadline) {
			return nil // the transport's own error says more
		}
		<-time.After(nodeTick)
	}
}

// holders names the processes that have node open, as far as we may look.
func holders(root, node string) string {
	real, err := filepath.EvalSymlinks(filepath.Join(root, node))
	if err != nil {
		return ""
	}
	var found []string
	processes, _ := filepath.Glob(filepath.Join(root, "proc/[0-9]*"))
	for _, p := range processes {
		fds, _ := os.ReadDir(filepath.Join(p, "fd"))
		for _, fd := range fds {
			if to, err := os.Readlink(filepath.Join(p, "fd", fd.Name())); err == nil && to == real {
				comm, _ := os.ReadFile(filepath.Join(p, "comm"))
				found = append(found, fmt.Sprintf("%s (pid %s)", strings.TrimSpace(string(comm)), filepath.Base(p)))
				break
			}
		}
	}
	return strings.Join(found, ", ")
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
