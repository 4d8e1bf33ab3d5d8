package agent

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/telhub/telhub/drivers"
)

// look returns what pipeline.BusPlan.Look wants to know of the device at path,
// links followed: a number of its node, of when that was changed last and of who
// may open it, as udev changes that a moment after the kernel has made it.
func look(path string) func() uint64 {
	return func() uint64 {
		var st unix.Stat_t
		if unix.Stat(path, &st) != nil {
			return 0
		}
		const odd = 0x9E3779B97F4A7C15 // spreads what differs in few bits
		n := uint64(st.Ino)
		for _, x := range []uint64{uint64(st.Rdev), uint64(st.Ctim.Sec), uint64(st.Ctim.Nsec), uint64(st.Mode), uint64(st.Uid), uint64(st.Gid)} {
			n = n*odd + x
		}
		return max(n, 1)
	}
}

// absence is why a transport could not be opened, whatever that was: the bus
// cannot be used before that has changed.
type absence struct{ error }

// Is makes it drivers.ErrUnplugged.
func (absence) Is(target error) bool { return target == drivers.ErrUnplugged }
func (a absence) Unwrap() error      { return a.error }

// absent is what a transport that could not be opened answers: why, and in any
// case drivers.ErrUnplugged, so that its owner goes on trying.
func absent(why error) error {
	if errors.Is(why, drivers.ErrUnplugged) {
		return why
	}
	return absence{why}
}
