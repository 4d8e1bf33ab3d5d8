package observe

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
)

// listen opens what http.listen names.
func listen(where string) (net.Listener, error) {
	ln, err := open(where)
	if err != nil {
		return nil, fmt.Errorf("http.listen = %q: %w%s", where, err, hint(err))
	}
	return ln, nil
}

func open(where string) (net.Listener, error) {
	path, isUnix := strings.CutPrefix(where, "unix:")
	if !isUnix {
		return net.Listen("tcp", where)
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o660); err != nil {
		ln.Close()
		return nil, err
	}
	return ln, nil
}

func hint(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "; another program, or another ttp run, has this port: choose another one (TTP_HTTP_LISTEN=127.0.0.1:9157), or none (TTP_HTTP_LISTEN=)"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "; this machine does not have that address (yet): use 127.0.0.1 or 0.0.0.0"
	case errors.Is(err, syscall.EACCES):
		return "; ports below 1024 need CAP_NET_BIND_SERVICE: choose a higher one"
	}
	return ""
}

// removeStale deletes the socket that a killed process left behind. A socket
// that somebody answers on, and any other file, stay.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode()&os.ModeSocket == 0 {
		return fmt.Errorf("%s exists and is no socket: choose another path or remove it", path)
	}
	if c, err := net.Dial("unix", path); err == nil {
		c.Close()
		return fmt.Errorf("%s is in use by another process", path)
	}
	return os.Remove(path)
}

func isLoopback(a net.Addr) bool {
	t, ok := a.(*net.TCPAddr)
	return ok && t.IP.IsLoopback()
}

// isLocalName tells whether a Host header names this machine whatever the DNS
// says. The port does not matter: it may have been forwarded.
func isLocalName(host string) bool {
	name := host
	if n, _, err := net.SplitHostPort(host); err == nil {
		name = n
	}
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	if name == "localhost" || strings.HasSuffix(name, ".localhost") { // RFC 6761, 6.3
		return true
	}
	ip := net.ParseIP(strings.Trim(name, "[]"))
	return ip != nil && ip.IsLoopback()
}
