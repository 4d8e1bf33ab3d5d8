package redis

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"github.com/telhub/telhub/uplink"
)

// The rights that an ACL user needs on the keys ~<stream>:*. Servers before
// 7.2 do not know waitaof and refuse a rule that names it.
const (
	permissions        = "+evalsha +eval +hget +hset +xadd +info +command|info +wait"
	permissionAOF      = "+waitaof" // Redis and Valkey 7.2
	permissionsCluster = "+cluster|slots +asking"
	permissionDatabase = "+select"           // for a database other than 0
	permissionsRead    = "+xread +xrevrange" // for a Reader
)

// classify gives the script's and the server's errors their types, and all
// others a word on what to do.
func (s *Sink) classify(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	word, rest, _ := strings.Cut(text, " ")
	switch word {
	case "FENCED", "GAP":
		m, ok := parseMark(rest)
		if !ok {
			break
		}
		if word == "GAP" {
			return &uplink.GapError{Mark: m}
		}
		return &uplink.FencedError{Mark: m}
	case "LOADING":
		return fmt.Errorf("redis %s: %w: %w", s.Server(), uplink.ErrLoading, err)
	}
	if strings.Contains(text, "\n") {
		err = oneLine{err}
	}
	if cure := s.cure(text); cure != "" {
		return fmt.Errorf("redis %s: %w; %s", s.Server(), err, cure)
	}
	return fmt.Errorf("redis %s: %w", s.Server(), err)
}

const (
	needsPassword = "the server wants a password: set redis.password_file, and redis.user for a user of its ACL"
	wrongName     = "redis.url must name the server as its certificate does"
	wantsPlain    = "that port does not speak TLS: use the server's tls-port, or write redis:// in redis.url"
)

// oneLine shows an error of several lines, one a sentinel, as a list.
type oneLine struct{ error }

func (e oneLine) Error() string { return strings.ReplaceAll(e.error.Error(), "\n", ", ") }
func (e oneLine) Unwrap() error { return e.error }

// cure says what to do about an error, "" where nothing better is known than
// what it says. Elder servers put an error's code behind a sentence about the
// script, so it is looked for anywhere.
func (s *Sink) cure(text string) string {
	if strings.Contains(text, "all sentinels") && strings.Contains(text, "redis: nil") {
		return fmt.Sprintf("no sentinel knows a master %q: check master= in redis.url", s.o.Server.Master)
	}
	rights := "a user for telhub needs ~" + s.o.Stream + ":* " + s.permissions()
	for _, c := range [...]struct{ sign, cure string }{
		{"WRONGPASS", "check redis.user and the password: redis.password_file, TELEMETRY_REDIS_PASSWORD or redis.url"},
		{"NOAUTH", needsPassword},
		{"unauthenticated", needsPassword}, // the reply to a long command
		{"NOPERM", rights},
		{"can't run this command", rights}, // inside a script
		{"can't access at least one of the keys", rights},
		{"OOM ", "the server has reached its maxmemory: give it more, or lower redis.maxlen"},
		{"WRONGTYPE", "something else uses the keys " + s.o.Stream + ":{…}: delete them, or choose another redis.stream"},
		{"MISCONF", "the server cannot write to its disk and refuses writes: look at its log"},
		{"READONLY", "that is a replica: give the master's address, or redis+sentinel:// so that it is found"},
		{"MOVED ", "that server is part of a cluster: write redis+cluster:// in redis.url"},
		{"NOREPLICAS", "the server lacks the replicas that its min-replicas-to-write wants"},
		{"BADMARK", "something else writes into that hash: delete the field, or choose another redis.stream"},
		{"i/o timeout", "it does not answer within " + ioTimeout.String() + ": it hangs, or the network loses packets"},
		{"CLUSTERDOWN", "the cluster lacks nodes or slots: look at CLUSTER INFO"},
		{"TRYAGAIN", "the cluster is moving this slot; it is tried again"},
		{"max number of clients", "raise the server's maxclients"},
		{"DB index is out of range", "lower the number behind the last / of redis.url"},
		{"signed by unknown authority", "set redis.ca_file to the certificate of the authority that signed the server's"},
		{"certificate is valid for", wrongName},
		{"certificate is not valid for any names", wrongName},
		{"certificate has expired or is not yet valid", "look at the certificate's dates and at this board's clock"},
		{"certificate required", "the server wants a client certificate: set redis.cert_file and redis.key_file"},
		{"remote error: tls: ", "the server refuses redis.cert_file: it must be of an authority that the server trusts, and in date"},
		{"private key does not match", "redis.cert_file and redis.key_file do not belong together"},
		{"does not look like a TLS handshake", wantsPlain},
	} {
		if strings.Contains(text, c.sign) {
			return c.cure
		}
	}
	return ""
}

// hungUp explains a server that closes the connection at the first command.
func (s *Sink) hungUp(err error) error {
	switch {
	case !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE):
		return err
	case s.o.Server.TLS:
		return fmt.Errorf("%w; the server hung up at once: it may want a client certificate of an authority that it trusts, see redis.cert_file and redis.key_file", err)
	}
	return fmt.Errorf("%w; the server hung up at once: if that port wants TLS, write rediss:// in redis.url; one that has reached its maxclients does so, too", err)
}

// permissions are the rights that this sink's user needs.
func (s *Sink) permissions() string {
	p := permissions
	if s.o.Server.Topology == Cluster {
		p += " " + permissionsCluster
	}
	if s.o.Server.DB != 0 {
		p += " " + permissionDatabase
	}
	return p + ", from version 7.2 " + permissionAOF
}

func isNoScript(err error) bool {
	return err != nil && strings.HasPrefix(err.Error(), "NOSCRIPT")
}

// errClosed: Sync was called while no connection was open.
var errClosed = errors.New("redis: not connected")

// errNotYet: the server did not confirm in time.
var errNotYet = errors.New("redis: not durable yet")

// errWeaker: what confirmed frames so far is gone; the next open finds out what
// still does.
var errWeaker = errors.New("redis: the replica or log that confirmed frames is gone; connecting anew to see what is left")
