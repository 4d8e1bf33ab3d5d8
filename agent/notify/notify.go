package notify

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Systemd is the service manager's notification socket. Its methods may be
// called from any goroutine; each sends one datagram without keeping a file
// open, so nothing is left to close. A nil *Systemd does nothing.
type Systemd struct {
	addr net.UnixAddr
}

// FromEnv reads $NOTIFY_SOCKET through getenv (os.Getenv). It returns nil,
// nil when the variable is not set: the service does not run under systemd,
// or its unit has no Type=notify.
func FromEnv(getenv func(string) string) (*Systemd, error) {
	path := getenv("NOTIFY_SOCKET")
	if path == "" {
		return nil, nil
	}
	// A path, or with "@" first the name of an abstract socket, whose first
	// byte is NUL in the kernel's address (unix(7)); package net does that.
	if path[0] != '/' && path[0] != '@' || len(path) < 2 {
		return nil, fmt.Errorf("NOTIFY_SOCKET=%q: want an absolute path or @name; vsock is not supported", path)
	}
	return &Systemd{addr: net.UnixAddr{Name: path, Net: "unixgram"}}, nil
}

// Ready says that the start is complete, or a reload done.
func (s *Systemd) Ready(status string) error {
	return s.send("READY=1", statusLine(status))
}

// Status sets the line that systemctl status shows.
func (s *Systemd) Status(status string) error { return s.send(statusLine(status)) }

// Reloading says that the configuration is being read anew; Ready ends it.
// With Type=notify-reload systemd wants the time at which that began on
// CLOCK_MONOTONIC, to tell this answer from an earlier one.
func (s *Systemd) Reloading() error {
	if s == nil {
		return nil
	}
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return fmt.Errorf("notify: clock_gettime: %w", err)
	}
	return s.send("RELOADING=1", "MONOTONIC_USEC="+strconv.FormatInt(ts.Nano()/1000, 10))
}

// Stopping says that the ordered shutdown has begun.
func (s *Systemd) Stopping(status string) error {
	return s.send("STOPPING=1", statusLine(status))
}

// Extend asks for that much more time to start or stop than the unit allows.
func (s *Systemd) Extend(d time.Duration) error {
	return s.send("EXTEND_TIMEOUT_USEC=" + strconv.FormatInt(d.Microseconds(), 10))
}

// Alive feeds the watchdog.
func (s *Systemd) Alive() error { return s.send("WATCHDOG=1") }

// statusLine keeps a status on its line: a line feed would begin another
// assignment.
func statusLine(status string) string {
	if status == "" {
		return ""
	}
	return "STATUS=" + strings.ReplaceAll(status, "\n", " ")
}

// send writes the assignments that are not empty as one datagram.
func (s *Systemd) send(assignments ...string) error {
	if s == nil {
		return nil
	}
	var b []byte
	for _, a := range assignments {
		if a != "" {
			b = append(append(b, a...), '\n')
		}
	}
	if len(b) == 0 {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &s.addr)
	if err != nil {
		return fmt.Errorf("notify systemd at %s: %w", s.addr.Name, err)
	}
	defer conn.Close()
	// A datagram socket whose reader is stuck would block for ever.
	if err := conn.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
		return fmt.Errorf("notify systemd at %s: %w", s.addr.Name, err)
	}
	if _, err := conn.Write(b); err != nil {
		return fmt.Errorf("notify systemd at %s: %w", s.addr.Name, err)
	}
	return nil
}
