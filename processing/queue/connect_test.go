package queue

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

// works enqueues a task and sees it.
func works(t *testing.T, o Options) {
	t.Helper()
	q, err := Open(t.Context(), o)
	if err != nil {
		t.Error(err)
		return
	}
	defer q.Close()
	q.mustEnqueue(t, &Task{ID: "a", Type: "t"})
	if got := q.all(t, DefaultQueue); len(got) != 1 {
		t.Errorf("%s: got %d tasks, want 1", o.URL, len(got))
	}
}

// fails opens and wants an error with a text.
func fails(t *testing.T, o Options, want string) {
	t.Helper()
	o.Retry = -1
	q, err := Open(t.Context(), o)
	if err == nil {
		q.Close()
		t.Errorf("%s: opened", o.URL)
		return
	}
	if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
		t.Errorf("%s: got %v, want %q", o.URL, err, want)
	}
}

func TestConnectPlainAndUnix(t *testing.T) {
	s := redistest.Start(t)
	works(t, Options{URL: s.URL()})
	works(t, Options{URL: "unix://" + s.Socket() + "?db=3", Prefix: "other"})
	fails(t, Options{URL: "redis+cluster://" + s.Addr()}, "no cluster")
	fails(t, Options{URL: "rediss://" + s.Addr()}, "TLS")
	fails(t, Options{URL: "redis://" + s.Addr() + "/99"}, "lower the number behind the last /")
	fails(t, Options{URL: "redis://127.0.0.1:1"}, "is it running?")
}

// The rights that errors and docs name are enough, and not for FLUSHALL.
func TestConnectWithRights(t *testing.T) {
	s := redistest.Start(t)
	s.Do("ACL SETUSER p on >p ~ttp:* " + rights)
	works(t, Options{URL: "redis://p:p@" + s.Addr()})
	if got := s.Do("ACL DRYRUN p FLUSHALL"); !strings.Contains(got, "no permissions") {
		t.Errorf("FLUSHALL: got %q", got)
	}
}

func TestConnectWithPassword(t *testing.T) {
	s := redistest.Start(t, "--requirepass", "secret")
	file := filepath.Join(t.TempDir(), "password")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("secret\r\n")
	works(t, Options{URL: s.URL(), PasswordFile: file})
	works(t, Options{URL: "redis://:secret@" + s.Addr(), Prefix: "b"})
	works(t, Options{URL: s.URL(), Prefix: "c", User: "default", Password: func() (string, error) { return "secret", nil }})
	fails(t, Options{URL: s.URL()}, "wants a password")
	fails(t, Options{URL: "redis://:no@" + s.Addr()}, "check user and password")
	write("")
	fails(t, Options{URL: s.URL(), PasswordFile: file}, "is empty")
	fails(t, Options{URL: s.URL(), PasswordFile: file + "x"}, "no such file")
}

func TestConnectWithTLS(t *testing.T) {
	ca := redistest.NewCA(t, "ca")
	cert, key := ca.Issue("server")
	port := redistest.FreePort(t)
	redistest.Start(t, "--tls-port", strconv.Itoa(port), "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", ca.File)
	url := "rediss://127.0.0.1:" + strconv.Itoa(port)
	clientCert, clientKey := ca.Issue("client")
	works(t, Options{URL: url, CAFile: ca.File, CertFile: clientCert, KeyFile: clientKey})
	fails(t, Options{URL: url}, "unknown authority")
	fails(t, Options{URL: url, CAFile: clientKey}, "holds no PEM certificate")
	other := redistest.NewCA(t, "other")
	badCert, badKey := other.Issue("client")
	fails(t, Options{URL: url, CAFile: ca.File, CertFile: badCert, KeyFile: badKey}, "certificate")
}

func TestConnectBySentinel(t *testing.T) {
	x := redistest.StartSentinels(t)
	url := "redis+sentinel://" + x.Sentinel.Addr() + "/0?master=" + redistest.MasterName
	works(t, Options{URL: url})
	fails(t, Options{URL: "redis+sentinel://" + x.Sentinel.Addr() + "/0?master=nobody"}, "nobody")
	q := connect(t, url, Options{Retry: 2 * time.Minute})
	x.Master.Kill()
	q.mustEnqueue(t, &Task{Type: "t"}) // goes to the replica once it is master
	x.Replica.Await("EXISTS ttp:{0}:default:normal", func(reply string) bool { return reply == ":1\r\n" })
}

func TestServerShowsNoSecret(t *testing.T) {
	q, err := prepare(Options{URL: "redis://u:secret@h:1"})
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	if got := q.Server(); got != "h:1" {
		t.Errorf("got %q", got)
	}
}

// A Valkey does as well.
func TestValkey(t *testing.T) {
	s := redistest.StartValkey(t)
	q := connect(t, s.URL(), Options{})
	q.mustEnqueue(t, &Task{ID: "a", Type: "t", Unique: "u", Keep: time.Hour}, &Task{Type: "t", NotBefore: time.Now().Add(time.Hour)})
	if r := q.mustEnqueue(t, &Task{ID: "a", Type: "t"})[0]; !r.Existing {
		t.Errorf("got %+v", r)
	}
	promoteAll(t, q)
	overdue(t, q, Recurring{Name: "r", Every: time.Minute, Task: Task{Type: "t"}}, 2)
	if n, _, err := q.Tick(t.Context(), 0); n != 1 || err != nil {
		t.Errorf("fired %d, %v; want 1", n, err)
	}
	if s, err := q.Stats(t.Context()); err != nil || s.Queues[0].Waiting() != 3 {
		t.Errorf("got %+v, %v", s, err)
	}
}
