package queue

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"github.com/telhub/telhub/internal/redisurl"
)

// rights are what an ACL user needs on the keys ~<prefix>:*. FLUSHALL and
// SWAPDB, which look at no key, are @write and @dangerous; INFO is the latter, too.
const rights = "+@read +@write +@stream +@scripting +@connection -@dangerous +info +time"

const (
	needsPassword = "the server wants a password: give one by its file, and a user if it is one of the ACL"
	wrongName     = "the URL must name the server as its certificate does"
	wantsPlain    = "that port does not speak TLS: use the server's tls-port, or write redis:// in the URL"
)

// explain gives an error of the server or the network its type and a word on
// what to do. unknown: a call may have been executed all the same.
func (q *Queue) explain(ctx context.Context, err error, unknown bool) error {
	if ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
		err = fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	more, executed := lost(err)
	unknown = unknown || executed
	text := err.Error()
	if strings.Contains(text, "\n") { // several, one a sentinel or node
		err = oneLine{err}
	}
	if cure := q.cure(text, err); cure != "" {
		err = fmt.Errorf("redis %s: %w; %s", q.Server(), err, cure)
	} else {
		err = fmt.Errorf("redis %s: %w", q.Server(), err)
	}
	switch {
	case q.closed.Load():
		return fmt.Errorf("%w: %w", ErrClosed, err)
	case unknown || errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	case more || passing(err):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

// oneLine shows an error of several lines as a list.
type oneLine struct{ error }

func (e oneLine) Error() string { return strings.ReplaceAll(e.error.Error(), "\n", ", ") }
func (e oneLine) Unwrap() error { return e.error }

// cure says what to do about an error, "" where nothing better is known than
// what it says. Elder servers put an error's code behind a sentence about the
// script, so it is looked for anywhere.
func (q *Queue) cure(text string, err error) string {
	if strings.Contains(text, "all sentinels") && strings.Contains(text, "redis: nil") {
		return fmt.Sprintf("no sentinel knows a master %q: check master= in the URL", q.u.Master)
	}
	acl := "the user needs ~" + q.o.Prefix + ":* " + rights
	for _, c := range [...]struct{ sign, cure string }{
		{"WRONGPASS", "check user and password"},
		{"NOAUTH", needsPassword},
		{"unauthenticated", needsPassword}, // the reply to a long command
		{"NOPERM", acl},
		{"can't run this command", acl}, // inside a script
		{"can't access at least one of the keys", acl},
		{"OOM ", "the server has reached its maxmemory: give it more, let workers catch up, or lower MaxLen"},
		{"WRONGTYPE", "something else uses the keys " + q.o.Prefix + ":{…}: delete them, or choose another prefix"},
		{"MISCONF", "the server cannot write to its disk and refuses writes: look at its log"},
		{"READONLY", "that is a replica: give the master's address, or redis+sentinel:// so that it is found"},
		{"MOVED ", "that server is part of a cluster: write redis+cluster:// in the URL"},
		{"CROSSSLOT", "a script's keys are not of one slot, which is a fault of this program"},
		{"NOREPLICAS", "the server lacks the replicas that its min-replicas-to-write wants"},
		{"BUSY ", "another script keeps the server busy: look at its SLOWLOG"},
		{"syntax error", "the server must be Redis 7.0 or Valkey 7.2 or later"},
		{"i/o timeout", "it does not answer within " + ioTimeout.String() + ": it hangs, or the network loses packets"},
		{"connection refused", "is it running? check host and port of the URL"},
		{"no such host", "check the host's name in the URL"},
		{"CLUSTERDOWN", "the cluster lacks nodes or slots: look at CLUSTER INFO"},
		{"cluster support disabled", "that server is no cluster: write redis:// in the URL"},
		{"TRYAGAIN", "the cluster is moving this slot"},
		{"max number of clients", "raise the server's maxclients"},
		{"DB index is out of range", "lower the number behind the last / of the URL"},
		{"signed by unknown authority", "name the certificate of the authority that signed the server's as CA file"},
		{"certificate is valid for", wrongName},
		{"certificate is not valid for any names", wrongName},
		{"certificate has expired or is not yet valid", "look at the certificate's dates and at this machine's clock"},
		{"certificate required", "the server wants a client certificate: give certificate and key"},
		{"remote error: tls: ", "the server refuses the client certificate: it must be of an authority that the server trusts, and in date"},
		{"private key does not match", "the client's certificate and key do not belong together"},
		{"does not look like a TLS handshake", wantsPlain},
	} {
		if strings.Contains(text, c.sign) {
			return c.cure
		}
	}
	return q.hungUp(err)
}

// hungUp explains a server that closes the connection at the first command.
func (q *Queue) hungUp(err error) string {
	switch {
	case !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE):
		return ""
	case q.u.TLS:
		return "the server hung up: it may want a client certificate of an authority that it trusts"
	}
	return "the server hung up: it was stopped, or that port wants TLS (rediss:// in the URL), or it has reached its maxclients"
}

// Server names the server without secrets, for people.
func (q *Queue) Server() string {
	kind := ""
	switch q.u.Topology {
	case redisurl.Sentinel:
		kind = "sentinel "
	case redisurl.Cluster:
		kind = "cluster "
	}
	return kind + strings.Join(q.u.Addrs, ",")
}
