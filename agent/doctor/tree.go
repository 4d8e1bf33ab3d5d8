package doctor

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// tree is a file system's root: "/" but for tests.
type tree string

// path gives a path of the machine as this process sees it.
func (t tree) path(p string) string { return filepath.Join(string(t), p) }

// real reports whether the tree is this machine's own.
func (t tree) real() bool { return t == "/" }

// text reads a small file without its line end; "" if it cannot be read.
func (t tree) text(p string) string {
	b, err := os.ReadFile(t.path(p))
	if err != nil {
		return ""
	}
	return strings.TrimRight(string(b), "\n\x00")
}

func (t tree) exists(p string) bool {
	_, err := os.Stat(t.path(p))
	return err == nil
}

// glob returns the machine's paths that match.
func (t tree) glob(pattern string) []string {
	found, _ := filepath.Glob(t.path(pattern)) // its only error is a bad pattern
	for i := range found {
		found[i] = "/" + strings.TrimPrefix(strings.TrimPrefix(found[i], strings.TrimRight(string(t), "/")), "/")
	}
	return found
}

// resolve follows the links of a device's path; links of a tree that is not "/"
// must be relative.
func (t tree) resolve(p string) (string, error) {
	real, err := filepath.EvalSymlinks(t.path(p))
	if err != nil {
		return "", err
	}
	root, err := filepath.EvalSymlinks(string(t))
	if err != nil {
		return "", err
	}
	return "/" + strings.TrimLeft(strings.TrimPrefix(real, strings.TrimRight(root, "/")), "/"), nil
}

// processes calls f with each process's id and name until f returns false.
func (t tree) processes(f func(pid int, name string) bool) {
	entries, err := os.ReadDir(t.path("/proc"))
	if err != nil {
		return
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if name := t.text("/proc/" + e.Name() + "/comm"); name != "" && !f(pid, name) {
			return
		}
	}
}

// running finds a process by one of its names; 0 if there is none.
func (t tree) running(names ...string) (pid int, name string) {
	t.processes(func(p int, n string) bool {
		if slices.Contains(names, n) {
			pid, name = p, n
		}
		return pid == 0
	})
	return pid, name
}

// arguments returns a process's command line.
func (t tree) arguments(pid int) []string {
	return strings.Split(t.text("/proc/"+strconv.Itoa(pid)+"/cmdline"), "\x00")
}

// meminfo reads a field of /proc/meminfo, in bytes; 0 if it is not there.
func (t tree) meminfo(field string) int64 {
	for line := range strings.Lines(t.text("/proc/meminfo")) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			if f := strings.Fields(rest); len(f) > 0 {
				n, _ := strconv.ParseInt(f[0], 10, 64)
				return n << 10
			}
		}
	}
	return 0
}

// lockHolder returns the process that holds a lock on a file by flock, as
// /proc/locks has it: looking is no attempt, which could get in an agent's way.
func (t tree) lockHolder(p string) (pid int, held bool) {
	inode, ok := inodeOf(t.path(p))
	if !ok {
		return 0, false
	}
	for line := range strings.Lines(t.text("/proc/locks")) {
		// "1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF"; waiters have "->"
		f := strings.Fields(line)
		if len(f) < 6 || f[1] != "FLOCK" {
			continue
		}
		if _, number, _ := cutLast(f[5], ":"); number == strconv.FormatUint(inode, 10) {
			pid, _ = strconv.Atoi(f[4])
			return pid, true
		}
	}
	return 0, false
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// inodeOf returns a file's inode number.
func inodeOf(path string) (uint64, bool) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return 0, false
	}
	return uint64(st.Ino), true // its type differs by architecture
}
