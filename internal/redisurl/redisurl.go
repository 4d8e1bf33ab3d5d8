package redisurl

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/telhub/telhub/internal/spell"
	"github.com/telhub/telhub/internal/toml"
)

// Topology is how a Redis is made up.
type Topology uint8

// The topologies.
const (
	Single Topology = iota // one server
	Sentinel
	Cluster
)

// URL is what an address says.
type URL struct {
	Topology Topology
	TLS      bool
	Network  string   // "tcp" or "unix"
	Addrs    []string // "host:port", or the socket's path
	Master   string   // Sentinel: name of the master
	User     string
	Password Secret
	DB       int
}

// schemes maps a scheme to what it means and the port it implies.
var schemes = map[string]struct {
	topology Topology
	tls      bool
	port     string
}{
	"redis":           {Single, false, "6379"},
	"rediss":          {Single, true, "6379"},
	"redis+sentinel":  {Sentinel, false, "26379"},
	"rediss+sentinel": {Sentinel, true, "26379"},
	"redis+cluster":   {Cluster, false, "6379"},
	"rediss+cluster":  {Cluster, true, "6379"},
}

var schemeNames = []string{
	"redis", "rediss", "unix",
	"redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster",
}

// Parse reads the address of a Redis:
//
//	redis://user:password@host:6379/0
//	rediss://host                                 TLS
//	unix:///run/redis/redis.sock?db=1
//	redis+sentinel://host1,host2:26379/0?master=name
//	redis+cluster://host1,host2                   no database: a cluster has one
//
// rediss+sentinel and rediss+cluster speak TLS. Errors never hold a password.
func Parse(s string) (URL, error) {
	scheme, rest, found := strings.Cut(s, "://")
	if !found {
		return URL{}, errors.New(`is not a URL, as in "redis://127.0.0.1:6379/0"`)
	}
	if scheme == "unix" {
		return parseUnixURL(rest)
	}
	known, ok := schemes[scheme]
	if !ok {
		return URL{}, fmt.Errorf("scheme %q is unknown; %s", toml.Shorten(scheme), likely(scheme))
	}
	u := URL{Topology: known.topology, TLS: known.tls, Network: "tcp"}
	rest, query, _ := strings.Cut(rest, "?")
	if err := u.setQuery(query); err != nil {
		return URL{}, err
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		if err := u.setUser(rest[:at]); err != nil {
			return URL{}, err
		}
		rest = rest[at+1:]
	}
	hosts, path, _ := strings.Cut(rest, "/")
	if err := u.setHosts(hosts, known.port); err != nil {
		return URL{}, err
	}
	return u, u.setPath(path)
}

// parseUnixURL reads what follows unix://: [user:password@]/path[?db=N].
func parseUnixURL(rest string) (URL, error) {
	u := URL{Network: "unix"}
	path, query, hasQuery := strings.Cut(rest, "?")
	if at := strings.Index(path, "@/"); at >= 0 && path[0] != '/' {
		if err := u.setUser(path[:at]); err != nil {
			return URL{}, err
		}
		path = path[at+1:]
	}
	if !strings.HasPrefix(path, "/") || len(path) < 2 {
		return URL{}, errors.New(`needs the socket's full path, as in "unix:///run/redis/redis.sock"`)
	}
	u.Addrs = []string{path}
	if hasQuery {
		db, found := strings.CutPrefix(query, "db=")
		if !found {
			return URL{}, errors.New("takes only ?db=N behind the path")
		}
		return u, u.setDB(db)
	}
	return u, nil
}

// setUser reads "user:password", either of which may be empty, with %-escapes.
func (u *URL) setUser(info string) error {
	user, password, _ := strings.Cut(info, ":")
	name, err1 := url.PathUnescape(user)
	pass, err2 := url.PathUnescape(password)
	if err1 != nil || err2 != nil {
		return errors.New("has a stray % in its user or password; write %25 for a percent sign")
	}
	u.User, u.Password = name, Secret(pass)
	return nil
}

// setHosts reads "host[:port]", for Sentinel and Cluster several with commas.
func (u *URL) setHosts(hosts, port string) error {
	list := strings.Split(hosts, ",")
	if len(list) > 1 && u.Topology == Single {
		return errors.New("names several hosts; use redis+sentinel:// or redis+cluster://")
	}
	for _, h := range list {
		addr, err := withPort(h, port)
		if err != nil {
			return err
		}
		u.Addrs = append(u.Addrs, addr)
	}
	return nil
}

// withPort checks "host[:port]" and adds the port when there is none.
func withPort(h, port string) (string, error) {
	if h == "" {
		return "", errors.New(`names no host, as in "redis://127.0.0.1:6379/0"`)
	}
	if !strings.Contains(h, ":") || strings.HasSuffix(h, "]") {
		h += ":" + port
	}
	host, p, err := net.SplitHostPort(h)
	if err != nil || host == "" || strings.ContainsAny(host, " \t%\\") {
		return "", errors.New("host is not understood; write host:port, an IPv6 address in brackets")
	}
	if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
		return "", errors.New("port is not a number from 1 to 65535")
	}
	return net.JoinHostPort(host, p), nil
}

// setQuery reads "master=name", which Sentinel needs and nothing else takes.
func (u *URL) setQuery(query string) error {
	master, found := strings.CutPrefix(query, "master=")
	switch {
	case u.Topology == Sentinel && (!found || master == ""):
		return errors.New(`names no master, as in "redis+sentinel://host1,host2/0?master=mymaster"`)
	case u.Topology != Sentinel && query != "", strings.ContainsAny(master, "&#"):
		return errors.New("takes no options behind ?; they have keys of their own under [redis]")
	}
	u.Master = master
	return nil
}

// setPath reads "/0", the number of the database.
func (u *URL) setPath(path string) error {
	switch {
	case path == "":
		return nil
	case u.Topology == Cluster && path != "0":
		return errors.New("a cluster has no numbered databases; end the URL behind the hosts")
	}
	return u.setDB(path)
}

func (u *URL) setDB(s string) error {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return errors.New("database behind the last / is not a number")
	}
	u.DB = int(n)
	return nil
}

// likely names the scheme that was meant, or all of them.
func likely(scheme string) string {
	if near := spell.Nearest(scheme, schemeNames); near != "" {
		return "did you mean " + near + "?"
	}
	return "known are " + strings.Join(schemeNames, ", ")
}
