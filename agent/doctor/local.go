package doctor

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/telhub/telhub/agent/httpapi"
)

// local is the agent that runs on this machine.
type local struct {
	pid    int             // that holds the store; 0 = not known
	status *httpapi.Status // nil when it does not answer
}

// agentProcess looks whether the agent is installed, runs and is well.
func (x *exam) agentProcess(ctx context.Context) {
	x.unitFile()
	pid, held := x.tree.lockHolder(filepath.Join(x.cfg.Spool.Path, "lock"))
	status, err := x.ask(ctx)
	if held || status != nil {
		x.agent = &local{pid: pid, status: status}
	}
	listen := x.cfg.HTTP.Listen
	switch {
	case status != nil && status.Device != x.cfg.Device:
		x.warn(listen, fmt.Sprintf("the agent that answers there is %s, this configuration is of %s", status.Device, x.cfg.Device),
			"name the configuration that runs with --config, or systemctl reload telhub to let this one take effect")
	case status != nil:
		x.answers(status)
	case held && listen == "":
		x.ok("process", fmt.Sprintf("runs%s; http.listen is off, so it cannot be asked how it is", pidText(pid)))
	case held:
		x.fail("process", fmt.Sprintf("holds the spool%s, but %s does not answer: %v", pidText(pid), listen, err),
			"journalctl -u telhub tells why; its http.listen may be another one than in this file")
	case errors.Is(err, errForeign):
		x.fail(listen, err.Error(), "another program has this port: set http.listen to a free one, or stop it")
	case x.unit != nil:
		x.warn("process", "does not run", "systemctl enable --now telhub; if it ends by itself, journalctl -u telhub tells why")
	default:
		x.warn("process", "does not run", "telhub run starts it; install the unit "+unitName+" so that it starts with the board")
	}
}

func (x *exam) unitFile() {
	switch {
	case x.unit != nil && x.tree.exists("/etc/systemd/system/multi-user.target.wants/"+unitName):
		x.ok("unit", x.unit.path+", enabled")
	case x.unit != nil:
		x.warn("unit", x.unit.path+" is not enabled: the agent does not start with the board", "systemctl enable telhub")
	case x.tree.exists("/run/systemd/system"):
		x.warn("unit", unitName+" is not installed", "install the package, or copy systemd/telhub.service to /etc/systemd/system")
	}
}

// answers judges what the agent says of itself.
func (x *exam) answers(s *httpapi.Status) {
	seen := fmt.Sprintf("runs%s, version %s, up %s, %s, uplink %s", pidText(x.agent.pid), orElse(s.Version, "unknown"),
		time.Duration(s.Uptime*1e9).Round(time.Second), s.State, s.Uplink.State)
	if len(s.Problems) == 0 {
		x.ok("process", seen)
		return
	}
	x.warn("process", seen, "its own words follow; the status page shows them as they change")
	for _, p := range s.Problems {
		x.warn("it says", p.What, p.Do)
	}
}

func pidText(pid int) string {
	if pid <= 0 {
		return ""
	}
	return fmt.Sprintf(" as pid %d", pid)
}

// errForeign: something answers, but not an agent.
var errForeign = errors.New("what answers is not a telhub")

const (
	askTime  = 5 * time.Second
	maxReply = 4 << 20
)

// ask gets /api/status. HTTP/1.0 needs no more than this: the answer ends with
// the connection (RFC 1945, 7.2.2).
func (x *exam) ask(ctx context.Context) (*httpapi.Status, error) {
	if x.cfg.HTTP.Listen == "" {
		return nil, nil
	}
	network, addr := "tcp", dialable(x.cfg.HTTP.Listen)
	if path, ok := strings.CutPrefix(x.cfg.HTTP.Listen, "unix:"); ok {
		network, addr = "unix", path
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	var d net.Dialer
	c, err := d.DialContext(ctx, network, addr)
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, os.ErrNotExist) {
		return nil, errors.New("nobody listens there")
	} else if err != nil {
		return nil, err
	}
	defer c.Close()
	deadline, _ := ctx.Deadline()
	if err := c.SetDeadline(deadline); err != nil {
		return nil, err
	}
	if _, err := c.Write([]byte("GET /api/status HTTP/1.0\r\nHost: localhost\r\n\r\n")); err != nil {
		return nil, err
	}
	return parseStatus(c)
}

// dialable turns an address to listen on into one to call: every interface of
// this machine has the loopback among them.
func dialable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		return net.JoinHostPort("localhost", port)
	}
	return listen
}

func parseStatus(r io.Reader) (*httpapi.Status, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxReply))
	if err != nil {
		return nil, err
	}
	head, body, found := bytes.Cut(b, []byte("\r\n\r\n"))
	first, _, _ := bufio.NewReader(bytes.NewReader(head)).ReadLine()
	if !found || !bytes.HasPrefix(first, []byte("HTTP/1.")) {
		return nil, errForeign
	}
	if !bytes.Contains(first, []byte(" 200 ")) {
		return nil, fmt.Errorf("%w: GET /api/status gives %s", errForeign, first)
	}
	var s httpapi.Status
	if err := json.Unmarshal(body, &s); err != nil || s.Device == "" {
		return nil, errForeign
	}
	return &s, nil
}
