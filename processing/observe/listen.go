package observe

import (
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/telhub/telhub/internal/localhttp"
)

// listen opens what http.listen names.
func listen(where string) (net.Listener, error) {
	ln, err := localhttp.Listen(where)
	if err != nil {
		return nil, fmt.Errorf("http.listen = %q: %w%s", where, err, hint(err))
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
