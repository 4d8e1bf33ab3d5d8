package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"hash/crc32"
	"net"
	"os"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/telhub/telhub/uplink"
)

// Options configure a Sink. Server, Stream and Device are required.
type Options struct {
	Server Address
	User   string // ACL user; empty: the address's
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

// Topology is how a Redis is made up.
type Topology uint8

// The topologies.
const (
	Single   Topology = iota // one server
	Sentinel                 // a master that sentinels name
	Cluster
)

// Address says where a Redis is.
type Address struct {
	Topology Topology
	TLS      bool
	Network  string   // "tcp" or "unix"
	Addrs    []string // "host:port" of servers, sentinels or cluster nodes; or the socket's path
	Master   string   // Sentinel: name of the master
	DB       int
	User     string
	Password string
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

// client connects nothing yet; it returns a client of one connection a node.
func (o *Options) client() redis.UniversalClient {
	t := &o.Server
	u := &redis.UniversalOptions{
		Addrs: t.Addrs, DB: t.DB, MasterName: t.Master,
		Dialer:                     o.dialer(),
		Protocol:                   2,
		CredentialsProviderContext: o.credentials,
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
	switch t.Topology {
	case Sentinel:
		return redis.NewFailoverClient(u.Failover())
	case Cluster:
		c := u.Cluster()
		// Our commands name their key; asking each node for its table of
		// commands would cost a right and 100 kB.
		c.DisableRoutingPolicies = true
		return redis.NewClusterClient(c)
	}
	s := u.Simple()
	s.Network = t.Network
	return redis.NewClient(s)
}

// credentials gives user and password; go-redis asks at every connect.
func (o *Options) credentials(context.Context) (string, string, error) {
	user, password := o.Server.User, o.Server.Password
	if o.User != "" {
		user = o.User
	}
	if o.Password == nil {
		return user, password, nil
	}
	p, err := o.Password()
	if err != nil {
		return "", "", fmt.Errorf("password: %w", err)
	}
	if p != "" {
		password = p
	}
	return user, password, nil
}

// plainConn hides SyscallConn, by which go-redis checks a pooled connection
// before each use at a cost of three allocations; a dead one is found by the
// next command as well.
type plainConn struct{ net.Conn }

// dialer opens connections: TLS is done here because the files behind it are
// read anew each time.
func (o *Options) dialer() func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		d := net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}
		if o.Server.Network == "unix" {
			network, addr = "unix", o.Server.Addrs[0]
		}
		c, err := d.DialContext(ctx, network, addr)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", uplink.ErrUnreachable, err)
		}
		if !o.Server.TLS {
			return plainConn{c}, nil
		}
		tc, err := o.handshake(ctx, c, addr)
		if err != nil {
			c.Close()
			return nil, fmt.Errorf("tls with %s: %w", addr, err)
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
	err = tc.HandshakeContext(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		// a server without TLS waits for the rest of what it takes for a command
		err = fmt.Errorf("no answer within %v; %s", dialTimeout, wantsPlain)
	}
	return tc, err
}
