package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/telhub/telhub/agent/config"
)

// connectTime bounds a connection: a gateway on the same network takes
// milliseconds.
const connectTime = 3 * time.Second

// tcp connects to each gateway and hangs up. Nothing is asked.
func (x *exam) tcp(ctx context.Context) {
	for i := range x.cfg.Buses {
		b := &x.cfg.Buses[i]
		switch {
		case b.TCP == "":
		case x.agent != nil:
			x.ok(b.Name, b.TCP+": not connected to, because the agent runs and many gateways take one connection only; what it finds stands under agent")
		default:
			x.gateway(ctx, b)
		}
	}
}

// gateway connects to one.
func (x *exam) gateway(ctx context.Context, b *config.Bus) {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	var d net.Dialer
	begun := time.Now()
	c, err := d.DialContext(ctx, "tcp", b.TCP)
	if err == nil {
		_ = c.Close()
		x.ok(b.Name, fmt.Sprintf("%s takes a connection, in %v", b.TCP, time.Since(begun).Round(100*time.Microsecond)))
		return
	}
	host, port, _ := net.SplitHostPort(b.TCP)
	var name *net.DNSError
	switch {
	case errors.As(err, &name):
		x.fail(b.Name, b.TCP+": the name "+host+" is not found: "+name.Err, "write the device's address instead of its name, or mend the name service (getent hosts "+host+")")
	case errors.Is(err, syscall.ECONNREFUSED):
		x.fail(b.Name, b.TCP+": the host is there, but nobody listens on port "+port,
			"switch Modbus TCP on in the device's settings and compare the port (502 mostly); some refuse a second connection: end the other program")
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		x.fail(b.Name, b.TCP+": there is no way to this host", "compare its address with this board's network (ip addr, ip route), its cable and power")
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		x.fail(b.Name, fmt.Sprintf("%s does not answer within %v", b.TCP, connectTime), "ping "+host+"; check its power and cable, and firewalls between")
	default:
		x.fail(b.Name, b.TCP+": "+err.Error(), "ping "+host+"; check its power and cable, and firewalls between")
	}
}
