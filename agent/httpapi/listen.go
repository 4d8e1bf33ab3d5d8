package httpapi

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/telhub/telhub/internal/localhttp"
)

// listen opens what http.listen names, or takes it from systemd.
func listen(where string) (net.Listener, error) {
	ln, err := open(where)
	if err != nil {
		return nil, fmt.Errorf("http.listen = %q: %w%s", where, err, hint(err))
	}
	return ln, nil
}

func open(where string) (net.Listener, error) {
	if !strings.HasPrefix(where, "unix:") {
		if ln, err := inherited(where, os.Getenv, os.Getpid()); ln != nil || err != nil {
			return ln, err
		}
	}
	return localhttp.Listen(where)
}

func hint(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "; another program, or another telhub, has this port: choose another one or stop it"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "; this machine does not have that address (yet): use 127.0.0.1 or 0.0.0.0"
	case errors.Is(err, syscall.EACCES):
		return "; ports below 1024 are for root: choose a higher one, or let systemd open it (telhub.socket)"
	}
	return ""
}
