package queue

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/telhub/telhub/internal/redisurl"
	"github.com/telhub/telhub/internal/secret"
)

const (
	dialTimeout = 3 * time.Second
	ioTimeout   = 5 * time.Second
)

// quiet keeps go-redis from writing to stderr by itself: every failure comes
// back as an error.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

// silence sets go-redis' logger, which is global to the process, once.
var silence = sync.OnceFunc(func() { redis.SetLogger(quiet{}) })

// connector opens connections as the options say.
type connector struct {
	o Options
	u redisurl.URL
}

// client connects nothing yet.
func (c *connector) client() redis.UniversalClient {
	silence()
	u := &redis.UniversalOptions{
		Addrs: c.u.Addrs, DB: c.u.DB, MasterName: c.u.Master,
		Dialer:                     c.dial,
		Protocol:                   2,
		CredentialsProviderContext: c.credentials,
		MaxRetries:                 -1, // a retry inside would enqueue twice; ours are exact
		DialTimeout:                dialTimeout,
		DialerRetries:              1,
		ReadTimeout:                ioTimeout,
		WriteTimeout:               ioTimeout,
		ContextTimeoutEnabled:      true,
		PoolSize:                   c.o.Conns,
		PoolTimeout:                ioTimeout,
		DisableIdentity:            true,
		MaintNotificationsConfig:   &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	switch c.u.Topology {
	case redisurl.Sentinel:
		return redis.NewFailoverClient(u.Failover())
	case redisurl.Cluster:
		o := u.Cluster()
		o.DisableRoutingPolicies = true // our commands name their keys
		return redis.NewClusterClient(o)
	}
	s := u.Simple()
	s.Network = c.u.Network
	return redis.NewClient(s)
}

// credentials gives user and password; go-redis asks at every connect.
func (c *connector) credentials(context.Context) (string, string, error) {
	user, password := c.u.User, c.u.Password.Reveal()
	if c.o.User != "" {
		user = c.o.User
	}
	read := c.o.Password
	if read == nil && c.o.PasswordFile != "" {
		read = func() (string, error) {
			p, err := secret.Read(c.o.PasswordFile)
			return p.Reveal(), err
		}
	}
	if read == nil {
		return user, password, nil
	}
	p, err := read()
	if err != nil {
		return "", "", fmt.Errorf("password: %w", err)
	}
	if p != "" {
		password = p
	}
	return user, password, nil
}

// dial opens a connection. TLS is done here because the files behind it are
// read anew each time.
func (c *connector) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}
	if c.u.Network == "unix" {
		network, addr = "unix", c.u.Addrs[0]
	}
	conn, err := d.DialContext(ctx, network, addr)
	if err != nil || !c.u.TLS {
		return conn, err
	}
	tc, err := c.handshake(ctx, conn, addr)
	if err != nil {
		conn.Close()
		return nil, &net.OpError{Op: "dial", Net: "tls", Err: fmt.Errorf("tls with %s: %w", addr, err)}
	}
	return tc, nil
}

func (c *connector) handshake(ctx context.Context, conn net.Conn, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	cfg := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if c.o.CAFile != "" {
		pem, err := os.ReadFile(c.o.CAFile)
		if err != nil {
			return nil, err
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no PEM certificate", c.o.CAFile)
		}
	}
	if c.o.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(c.o.CertFile, c.o.KeyFile)
		if err != nil {
			return nil, err
		}
		cfg.Certificates = []tls.Certificate{cert}
	}
	tc := tls.Client(conn, cfg)
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	err = tc.HandshakeContext(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		// a server without TLS waits for the rest of what it takes for a command
		err = fmt.Errorf("no answer within %v; %s", dialTimeout, wantsPlain)
	}
	return tc, err
}
