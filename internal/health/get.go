package health

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// maxAnswer is the longest answer that is read, head and body, in bytes: one
// with some thousand checks. Whoever has the port may be anybody.
const maxAnswer = 1 << 20

// get asks for a path and returns the answer's status code and body. where is
// what http.listen names: "host:port" or "unix:/path". It ends with ctx.
func get(ctx context.Context, where, path string) (code int, body []byte, err error) {
	network, address, err := target(where)
	if err != nil {
		return 0, nil, err
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, network, address)
	if err != nil {
		return 0, nil, ended(ctx, err)
	}
	defer c.Close()
	// A deadline in the past ends what waits for the connection.
	defer context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })()
	// localhost: on a loopback address servers answer to local names only.
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: health\r\nConnection: close\r\n\r\n", path); err != nil {
		return 0, nil, ended(ctx, err)
	}
	in := &io.LimitedReader{R: c, N: maxAnswer + 1}
	code, body, err = read(in)
	switch {
	case in.N <= 0:
		return 0, nil, fmt.Errorf("the answer to %s is longer than %d bytes: another program answers there", path, maxAnswer)
	case err != nil:
		return 0, nil, ended(ctx, err)
	}
	return code, body, nil
}

// read reads an answer, as long as in lets it be.
func read(in io.Reader) (code int, body []byte, err error) {
	r, err := http.ReadResponse(bufio.NewReader(in), nil)
	if err != nil {
		return 0, nil, err
	}
	defer r.Body.Close()
	body, err = io.ReadAll(r.Body)
	return r.StatusCode, body, err
}

// ended tells the end of ctx from other failures. A dial has a clock of its
// own, which may be first.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("no answer in time: %w", cmp.Or(ctx.Err(), err))
	}
	return err
}

// target is where to connect for what a server listens on. One that listens
// everywhere is asked on the loopback.
func target(where string) (network, address string, err error) {
	if path, ok := strings.CutPrefix(where, "unix:"); ok {
		return "unix", path, nil
	}
	host, port, err := net.SplitHostPort(where)
	if err != nil {
		return "", "", err
	}
	ip := net.ParseIP(host)
	switch {
	case host == "" || ip != nil && ip.Equal(net.IPv4zero):
		host = "127.0.0.1"
	case ip != nil && ip.IsUnspecified():
		host = "::1"
	}
	return "tcp", net.JoinHostPort(host, port), nil
}
