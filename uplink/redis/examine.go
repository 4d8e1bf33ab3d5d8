package redis

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

// Examination is what can be found out about a Redis and the way to it, for
// people. What could not be found out is empty.
type Examination struct {
	Nodes []Reach // one for each address of the configuration
	Err   error   // why no command is answered; everything below is then empty

	// Info holds the fields of INFO's sections server, replication, persistence
	// and memory, Config what CONFIG GET tells of settings that matter: most
	// servers let only an administrator ask.
	Info, Config map[string]string
	InfoErr      error
	// Loader is what the server's user default may do, as in "+@all ~*": with its
	// rights the server reads its log at a start.
	Loader string

	Rights []Right // what the agent needs, what tail and audit need behind it

	Level    uplink.Durability // what would be in force
	LevelErr error             // why the server does not tell

	Marks   [frame.Lanes]uplink.Mark
	MarkErr error

	Round time.Duration // of a command, the best of some
	Ahead time.Duration // by which the server's clock is ahead of this machine's; valid if Told
	Told  bool
}

// Reach is how far one address can be reached.
type Reach struct {
	Addr    string
	Found   []string // addresses behind the name
	Err     error    // of the name, the connection or TLS; nil: it can be reached
	Took    time.Duration
	Expires time.Time // of the server's certificate; zero without TLS
}

// Examine looks at the Redis that o names. It changes nothing on it: the fence
// stays, and writes are tried in a way that cannot succeed.
func Examine(ctx context.Context, o Options) (*Examination, error) {
	s, err := New(o)
	if err != nil {
		return nil, err
	}
	x := &Examination{Info: map[string]string{}, Config: map[string]string{}}
	reached := false
	for _, addr := range o.Server.Addrs {
		r := o.reach(ctx, addr)
		x.Nodes = append(x.Nodes, r)
		reached = reached || r.Err == nil
	}
	if !reached {
		x.Err = uplink.ErrUnreachable
		return x, nil
	}
	client := o.client()
	defer client.Close()
	x.ask(ctx, s, client)
	return x, nil
}

// reach resolves an address, connects to it and shakes hands.
func (o *Options) reach(ctx context.Context, addr string) (r Reach) {
	r.Addr = addr
	host, _, err := net.SplitHostPort(addr)
	if o.Server.Network != "unix" && err == nil && net.ParseIP(host) == nil {
		look, cancel := context.WithTimeout(ctx, dialTimeout)
		r.Found, r.Err = net.DefaultResolver.LookupHost(look, host)
		cancel()
		if r.Err != nil {
			return r
		}
	}
	start := time.Now()
	c, err := o.dialer()(ctx, "tcp", addr)
	r.Took = time.Since(start)
	if err != nil {
		if cure := (&Sink{o: *o}).cure(err.Error()); cure != "" {
			err = fmt.Errorf("%w; %s", err, cure)
		}
		r.Err = err
		return r
	}
	defer c.Close()
	if p, ok := c.(plainConn); ok {
		if t, ok := p.Conn.(*tls.Conn); ok {
			r.Expires = t.ConnectionState().PeerCertificates[0].NotAfter
		}
	}
	return r
}

// rounds is how often the round trip is measured.
const rounds = 5

// ask asks the server everything, until it does not answer at all.
func (x *Examination) ask(ctx context.Context, s *Sink, c redis.UniversalClient) {
	for i := range rounds {
		start := time.Now()
		err := c.HGet(ctx, s.keys.state, s.keys.field[0]).Err()
		if took := time.Since(start); i == 0 || took < x.Round {
			x.Round = took
		}
		if err != nil && !absent(err) && !refused(err) {
			x.Err = s.hungUp(s.classify(err))
			return
		}
	}
	x.rehearse(ctx, s, c)
	node, err := s.node(ctx, c)
	if err != nil {
		x.Err = s.classify(err)
		return
	}
	x.inform(ctx, s, node)
	x.Level = s.detect(ctx, c).durability()
	if _, err := s.ask(ctx, c); err != nil && s.o.Durability != "memory" {
		x.LevelErr = s.classify(err)
	}
	x.marks(ctx, s, c)
}

// absent reports whether the server says that there is no such value. A
// sentinel's lack of a master has the same error inside.
func absent(err error) bool { return err == redis.Nil }

// inform fills Info, Config and the clock's difference.
func (x *Examination) inform(ctx context.Context, s *Sink, c *redis.Client) {
	for _, section := range []string{"server", "replication", "persistence", "memory"} {
		start := time.Now()
		text, err := c.Info(ctx, section).Result()
		if err != nil {
			x.InfoErr = s.classify(err)
			return
		}
		middle := start.Add(time.Since(start) / 2)
		for line := range strings.Lines(text) {
			if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
				x.Info[name] = value
			}
		}
		if us, err := strconv.ParseInt(x.Info["server_time_usec"], 10, 64); err == nil && section == "server" {
			x.Ahead, x.Told = time.UnixMicro(us).Sub(middle), true
		}
	}
	for _, name := range []string{"appendfsync", "maxmemory-policy", "stop-writes-on-bgsave-error", "maxclients"} {
		if got, err := c.ConfigGet(ctx, name).Result(); err == nil && got[name] != "" {
			x.Config[name] = got[name]
		}
	}
	x.Loader = loader(c.Do(ctx, "ACL", "GETUSER", "default").Val())
}

// loader puts the rights together that ACL GETUSER tells; "" where it was not
// answered.
func loader(answer any) string {
	rights := make(map[string]string)
	switch v := answer.(type) {
	case []any: // RESP2
		for i := 0; i+1 < len(v); i += 2 {
			rights[fmt.Sprint(v[i])] = fmt.Sprint(v[i+1])
		}
	case map[any]any: // RESP3
		for name, value := range v {
			rights[fmt.Sprint(name)] = fmt.Sprint(value)
		}
	}
	return strings.TrimSpace(rights["commands"] + " " + rights["keys"])
}

// marks reads the lanes' marks without opening the lanes.
func (x *Examination) marks(ctx context.Context, s *Sink, c redis.UniversalClient) {
	for i := range frame.Lanes {
		text, err := c.HGet(ctx, s.keys.state, s.keys.field[i]).Result()
		switch {
		case absent(err):
			continue
		case err != nil:
			x.MarkErr = s.classify(err)
			return
		}
		m, ok := parseMark(text)
		if !ok {
			x.MarkErr = fmt.Errorf("field %s of %s is %q, not fence;epoch;seq; something else writes there: delete the field, or use another redis.stream",
				s.keys.field[i], s.keys.state, text)
			return
		}
		x.Marks[i] = m
	}
}

// Seen reports whether an agent has ever opened this device's lanes.
func (x *Examination) Seen() (fence uint64, ok bool) {
	for i := range x.Marks {
		fence = max(fence, x.Marks[i].Fence)
	}
	return fence, fence > 0
}
