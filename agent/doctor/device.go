package doctor

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/telhub/telhub/agent/config"
)

// Devices tells about device files what the doctor says of them, in the same
// words: for who looks at devices that no configuration names yet.
type Devices struct{ x exam }

// NewDevices looks below root, "/" outside tests, with the eyes of this process's user.
func NewDevices(root string) *Devices {
	d := &Devices{exam{o: Options{Root: root}, tree: tree(root)}}
	d.x.who = d.x.identify()
	return d
}

// MayOpen reports whether this process may read and write a device; if not,
// what was seen and what helps.
func (d *Devices) MayOpen(path string) (ok bool, seen, cure string) { return d.x.mayOpen(path) }

// Holders lists the other processes that have a device open, or a login on it.
func (d *Devices) Holders(device string) []Holder { return d.x.tree.holders(device) }

// Agent reports whether an agent runs with this configuration: it holds the
// lock of its store. pid is 0 where that is not known.
func (d *Devices) Agent(cfg *config.Config) (pid int, runs bool) {
	return d.x.tree.lockHolder(filepath.Join(cfg.Spool.Path, "lock"))
}

// KernelDriver names the driver that is bound to an address of an I2C
// adapter; "" if none is.
func (d *Devices) KernelDriver(adapter int, addr uint16) string {
	return d.x.kernelDriver(adapter, addr)
}

// Holder is a process that has a device.
type Holder struct {
	PID   int    `json:"pid"`
	Name  string `json:"name"`
	Login bool   `json:"login,omitempty"` // it is a getty for that port
}

// Agent reports whether the holder is an agent.
func (h *Holder) Agent() bool { return h.Name == "telhub" }

// holders lists the other processes that have a device open, as far as we may
// look, or offer a login on it.
func (t tree) holders(device string) (list []Holder) {
	name := strings.TrimPrefix(device, "/dev/")
	t.processes(func(pid int, comm string) bool {
		getty := strings.HasSuffix(comm, "getty") && slices.Contains(t.arguments(pid), name)
		if (pid != os.Getpid() || !t.real()) && (getty || t.hasOpen(pid, device)) {
			list = append(list, Holder{PID: pid, Name: comm, Login: getty})
		}
		return true
	})
	return list
}
