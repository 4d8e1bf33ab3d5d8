package httpapi

import (
	"fmt"
	"net"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// firstFD is the number of the first socket that systemd passes
// (sd_listen_fds(3), SD_LISTEN_FDS_START).
const firstFD = 3

// inherited returns the socket for address where among those that systemd has
// opened for this process, so that a port below 1024 needs no privilege; nil
// when there is none. The socket itself stays open for the next call, after a
// reload; the listener is a copy, the caller's own.
func inherited(where string, getenv func(string) string, pid int) (net.Listener, error) {
	if getenv("LISTEN_PID") != strconv.Itoa(pid) {
		return nil, nil // not set, or meant for another process
	}
	count := getenv("LISTEN_FDS")
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 {
		return nil, fmt.Errorf("LISTEN_FDS=%q: want a number of sockets", count)
	}
	want, err := net.ResolveTCPAddr("tcp", where)
	if err != nil {
		return nil, nil // net.Listen finds the better words
	}
	for fd := firstFD; fd < firstFD+n; fd++ {
		ln, err := adopt(fd)
		if err != nil {
			return nil, fmt.Errorf("socket %d of systemd: %w", fd, err)
		}
		if got, ok := ln.Addr().(*net.TCPAddr); ok && same(got, want) {
			return ln, nil
		}
		if err := ln.Close(); err != nil {
			return nil, fmt.Errorf("socket %d of systemd: %w", fd, err)
		}
	}
	return nil, nil
}

// adopt makes a listener of a copy of fd.
func adopt(fd int) (net.Listener, error) {
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(dup), "socket of systemd")
	defer f.Close() // FileListener takes a copy of its own
	return net.FileListener(f)
}

// same reports whether a socket listens where it is wanted. "Everywhere" has
// several spellings, and systemd's own, [::], takes IPv4, too.
func same(got, want *net.TCPAddr) bool {
	everywhere := want.IP == nil || want.IP.IsUnspecified()
	return got.Port == want.Port && (got.IP.Equal(want.IP) || everywhere && got.IP.IsUnspecified())
}
