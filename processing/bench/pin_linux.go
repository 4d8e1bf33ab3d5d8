package bench

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// cpus are the processors that this process may use.
func cpus() (list []int, err error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("bench: sched_getaffinity: %w", err)
	}
	for i := range len(set) * 64 {
		if set.IsSet(i) {
			list = append(list, i)
		}
	}
	return list, nil
}

// pin keeps a process, all its threads, on processors.
func pin(pid int, on []int) error {
	var set unix.CPUSet
	for _, c := range on {
		set.Set(c)
	}
	// A thread begins where the one that makes it may run: when a round finds no
	// other, there will be none.
	for moved := map[int]bool{}; ; {
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		if err != nil {
			return fmt.Errorf("bench: %w", err)
		}
		fresh := false
		for _, e := range entries {
			tid, err := strconv.Atoi(e.Name())
			if err != nil || moved[tid] {
				continue
			}
			if err := unix.SchedSetaffinity(tid, &set); err != nil && err != unix.ESRCH {
				return fmt.Errorf("bench: sched_setaffinity %d: %w", tid, err)
			}
			moved[tid], fresh = true, true
		}
		if !fresh {
			break
		}
	}
	if pid == os.Getpid() {
		runtime.GOMAXPROCS(len(on))
	}
	return nil
}

// dieWithUs lets a child end when this process is killed.
func dieWithUs(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
