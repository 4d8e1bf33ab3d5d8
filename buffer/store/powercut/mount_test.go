//go:build powercut

package powercut

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// mountImage mounts the file of a file system: the kernel replays its journal.
func mountImage(file, dir, options string) error {
	var err error
	for range 20 { // somebody else may take the free device
		var loop *os.File
		if loop, err = attach(file); err != nil {
			continue
		}
		err = syscall.Mount(loop.Name(), dir, "ext4", syscall.MS_NOATIME, options)
		loop.Close() // the device goes with the last user
		if err != nil {
			return fmt.Errorf("mount ext4: %w", err)
		}
		return nil
	}
	return fmt.Errorf("attach a loop device: %w (run as root)", err)
}

// attach puts a loop device over a file.
func attach(file string) (*os.File, error) {
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer control.Close()
	n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
	if err != nil {
		return nil, err
	}
	// Not os.OpenFile: it polls the file in a way that keeps the scheduler from
	// running, perhaps, the goroutine that serves it.
	back, err := syscall.Open(file, syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer syscall.Close(back)
	loop, err := os.OpenFile(fmt.Sprintf("/dev/loop%d", n), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	config := unix.LoopConfig{Fd: uint32(back), Info: unix.LoopInfo64{Flags: unix.LO_FLAGS_AUTOCLEAR}}
	if err := unix.IoctlLoopConfigure(int(loop.Fd()), &config); err != nil {
		loop.Close()
		return nil, err
	}
	return loop, nil
}
