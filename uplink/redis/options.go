package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"hash/crc32"
	"net"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/telhub/telhub/uplink"
)

// Options configure a Sink. URL, Stream and Device are required.
type Options struct {
	// URL names the server:
	//	redis://host:port/db            rediss:// with TLS
	//	unix:///path/to.sock?db=0
	//	redis+sentinel://host:port,host:port/db?master=name   rediss+sentinel://
	//	redis+cluster://host:port,host:port                   rediss+cluster://
	// A user and password in it serve where User and Password give none.
	URL  string
	User string
	// Password returns the current password; it is asked at every connect, so
	// that a rotated secret needs no restart. May be nil.
	Password func() (string, error)
	CAFile   string // certificates that the server's must chain to; empty: the system's
	CertFile string // client certificate and key, read at every connect
	KeyFile  string

	Device     string
	Stream     string // prefix of all keys
	Shards     int
	MaxLen     int64  // entries a stream is trimmed to, approximately; 0: never
	Durability string // auto, memory, aof or replica
}

const (
	dialTimeout = 3 * time.Second
	ioTimeout   = 3 * time.Second
	waitFor     = 2 * time.Second // WAIT and WAITAOF
)

// castagnoli is the polynomial of CRC-32C (RFC 3720, appendix B.4).
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Shard returns the shard of a device: CRC-32C(device) mod shards.
func Shard(device string, shards int) int {
	return int(crc32.Checksum([]byte(device), castagnoli) % uint32(max(shards, 1)))
}

// StreamKey names the stream of a lane.
func StreamKey(stream string, shard int, lane string) string {
	return fmt.Sprintf("%s:{%d}:%s", stream, shard, lane)
}

// StateKey names the hash that holds the marks of a shard.
func StateKey(stream string, shard int) string { return StreamKey(stream, shard, "state") }

// target is a parsed URL.
type target struct {
	kind     string // "", "sentinel" or "cluster"
	network  string
	addrs    []string
	db       int
	master   string
	tls      bool
	user     string
	password string
}

// errURL is what every complaint about a URL begins with; the URL itself may
// hold a password and is never shown.
var errURL = errors.New("redis url")

func parseURL(raw string) (target, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return target{}, fmt.Errorf("%w: not a URL; write redis://host:port/db", errURL)
	}
	t := target{network: "tcp", user: u.User.Username()}
	t.password, _ = u.User.Password()
	scheme, kind, _ := strings.Cut(u.Scheme, "+")
	t.kind, t.tls = kind, scheme == "rediss"
	switch {
	case u.Scheme == "unix":
		t.network, t.addrs = "unix", []string{path.Join("/", u.Host, u.Path)}
		u.Path = "/" + u.Query().Get("db")
	case scheme != "redis" && scheme != "rediss", kind != "" && kind != "sentinel" && kind != "cluster":
		return target{}, fmt.Errorf("%w: scheme %q; use redis, rediss, unix, redis+sentinel or redis+cluster", errURL, u.Scheme)
	default:
		if t.addrs, err = hosts(u.Host, kind); err != nil {
			return target{}, err
		}
	}
	if db := strings.Trim(u.Path, "/"); db != "" {
		if t.db, err = strconv.Atoi(db); err != nil || t.db < 0 {
			return target{}, fmt.Errorf("%w: database %q is not a number", errURL, db)
		}
	}
	if t.master = u.Query().Get("master"); t.kind == "sentinel" && t.master == "" {
		return target{}, fmt.Errorf("%w: sentinel needs ?master=NAME", errURL)
	}
	return t, nil
}

// hosts splits "a:1,b" and fills in the usual port.
func hosts(list, kind string) ([]string, error) {
	if list == "" {
		return nil, fmt.Errorf("%w: no host", errURL)
	}
	port := "6379"
	if kind == "sentinel" {
		port = "26379"
	}
	var out []string
	for h := range strings.SplitSeq(list, ",") {
		if _, _, err := net.SplitHostPort(h); err != nil {
			h = net.JoinHostPort(strings.Trim(h, "[]"), port)
		}
		out = append(out, h)
	}
	return out, nil
}

// client connects nothing yet; it returns a client of one connection a node.
func (o *Options) client(t target) redis.UniversalClient {
	u := &redis.UniversalOptions{
		Addrs: t.addrs, DB: t.db, MasterName: t.master,
		Dialer:                     o.dialer(t),
		Protocol:                   2,
		CredentialsProviderContext: o.credentials(t),
		MaxRetries:                 -1, // a retry inside would hide what happened; ours are exact
		DialTimeout:                dialTimeout,
		DialerRetries:              1,
		ReadTimeout:                ioTimeout,
		WriteTimeout:               ioTimeout,
		ReadBufferSize:             4 << 10,
		WriteBufferSize:            32 << 10,
		PipelinePoolSize:           -1,
		PoolSize:                   1,
		PoolTimeout:                ioTimeout,
		ConnMaxIdleTime:            -1,
		DisableIdentity:            true,
		MaintNotificationsConfig:   &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	switch t.kind {
	case "sentinel":
		return redis.NewFailoverClient(u.Failover())
	case "cluster":
		return redis.NewClusterClient(u.Cluster())
	}
	s := u.Simple()
	s.Network = t.network
	return redis.NewClient(s)
}

func (o *Options) credentials(t target) func(context.Context) (string, string, error) {
	return func(context.Context) (string, string, error) {
		user, password := t.user, t.password
		if o.User != "" {
			user = o.User
		}
		if o.Password != nil {
			p, err := o.Password()
			if err != nil {
				return "", "", fmt.Errorf("redis password: %w", err)
			}
			if p != "" {
				password = p
			}
		}
		return user, password, nil
	}
}

// plainConn hides SyscallConn, by which go-redis checks a pooled connection
// before each use at a cost of three allocations; a dead one is found by the
// next command as well.
type plainConn struct{ net.Conn }

// dialer opens connections: TLS is done here because the files behind it are
// read anew each time.
func (o *Options) dialer(t target) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		d := net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}
		if t.network == "unix" {
			network, addr = t.network, t.addrs[0]
		}
		c, err := d.DialContext(ctx, network, addr)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", uplink.ErrUnreachable, err)
		}
		if !t.tls {
			return plainConn{c}, nil
		}
		tc, err := o.handshake(ctx, c, addr)
		if err != nil {
			c.Close()
			return nil, fmt.Errorf("redis %s: tls: %w", addr, err)
		}
		return plainConn{tc}, nil
	}
}

func (o *Options) handshake(ctx context.Context, c net.Conn, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	cfg := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, err
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no PEM certificate", o.CAFile)
		}
	}
	if o.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile)
		if err != nil {
			return nil, err
		}
		cfg.Certificates = []tls.Certificate{cert}
	}
	tc := tls.Client(c, cfg)
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	return tc, tc.HandshakeContext(ctx)
}
