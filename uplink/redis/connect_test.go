package redis

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

func TestUnixSocket(t *testing.T) {
	srv := redistest.Start(t)
	o := options("")
	o.Server = Address{Network: "unix", Addrs: []string{srv.Socket()}}
	s := newSink(t, o)
	if !s.Reachable(t.Context()) {
		t.Error("the socket is not reachable")
	}
	open(t, s, 1)
	mustAppend(t, s, batch(1, 1, 1, 2))
	wantSequence(t, client(t, srv), "1/1", "1/2")

	srv.Kill()
	if s.Reachable(t.Context()) {
		t.Error("the socket of a dead server is reachable")
	}
	if err := openError(t, o); !errors.Is(err, uplink.ErrUnreachable) {
		t.Errorf("error %v, want %v", err, uplink.ErrUnreachable)
	}
}

func TestDatabaseOfTheURL(t *testing.T) {
	srv := redistest.Start(t)
	o := options(srv.Addr())
	o.Server.DB = 3
	s := newSink(t, o)
	open(t, s, 1)
	mustAppend(t, s, batch(1, 1, 1, 1))
	if got := srv.Do("INFO keyspace"); !strings.Contains(got, "db3:keys=2") {
		t.Errorf("keys are not in database 3: %q", got)
	}
	o.Server.DB = 99
	wantText(t, openError(t, o), "DB index is out of range", "redis.url")
}

// tlsServer runs a server that asks for client certificates.
func tlsServer(t *testing.T, ca *redistest.CA) (srv *redistest.Server, addr string) {
	cert, key := ca.Issue("server")
	port := strconv.Itoa(redistest.FreePort(t))
	srv = redistest.Start(t, "--tls-port", port, "--tls-cert-file", cert, "--tls-key-file", key,
		"--tls-ca-cert-file", ca.File, "--tls-auth-clients", "yes")
	return srv, "127.0.0.1:" + port
}

func TestTLSWithClientCertificate(t *testing.T) {
	ca := redistest.NewCA(t, "private")
	srv, addr := tlsServer(t, ca)
	cert, key := ca.Issue("pi-01")
	o := options(addr)
	o.Server.TLS, o.CAFile, o.CertFile, o.KeyFile = true, ca.File, cert, key
	s := newSink(t, o)
	open(t, s, 1)
	mustAppend(t, s, batch(1, 1, 1, 2))
	var marks [frame.Lanes]frame.ID
	marks[frame.Live] = frame.ID{Epoch: 1, Seq: 2}
	if err := s.Sync(t.Context(), &marks); err != nil {
		t.Error(err)
	}
	wantSequence(t, client(t, srv), "1/1", "1/2")
}

func TestTLSErrorsSayWhatToDo(t *testing.T) {
	ca, other := redistest.NewCA(t, "private"), redistest.NewCA(t, "other")
	srv, addr := tlsServer(t, ca)
	cert, key := ca.Issue("pi-01")
	foreignCert, foreignKey := other.Issue("pi-01")
	empty := filepath.Join(t.TempDir(), "empty.crt")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(addr, ":")
	for _, c := range []struct {
		name, addr, ca, cert, key string
		want                      []string
	}{
		{"another authority", addr, other.File, cert, key, []string{"signed by unknown authority", "redis.ca_file"}},
		{"no client certificate", addr, ca.File, "", "", []string{"client certificate", "redis.cert_file", "redis.key_file"}},
		{"a foreign client certificate", addr, ca.File, foreignCert, foreignKey, []string{"redis.cert_file", "authority"}},
		{"no such authority file", addr, empty + "-not", cert, key, []string{empty + "-not", "no such file"}},
		{"an empty authority file", addr, empty, cert, key, []string{empty, "holds no PEM certificate"}},
		{"a key that does not match", addr, ca.File, cert, foreignKey, []string{"private key does not match", "redis.key_file"}},
		{"a name that is not in the certificate", "localhost:" + port, ca.File, cert, key, []string{"redis.url must name the server"}},
		{"a port without TLS", srv.Addr(), ca.File, cert, key, []string{"does not speak TLS"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options(c.addr)
			o.Server.TLS, o.CAFile, o.CertFile, o.KeyFile = true, c.ca, c.cert, c.key
			err := openError(t, o)
			wantText(t, err, c.want...)
			if errors.Is(err, uplink.ErrUnreachable) {
				t.Errorf("%v counts as unreachable, but the server was reached", err)
			}
		})
	}
	t.Run("plain text to a TLS port", func(t *testing.T) {
		wantText(t, openError(t, options(addr)), "rediss://")
	})
}

// acl runs a server whose only user is telhub, with the given rights.
func acl(t *testing.T, srv *redistest.Server, rights string) {
	t.Helper()
	if got := srv.Do("ACL SETUSER telhub reset on >first ~telhub:* " + rights); got != "+OK\r\n" {
		t.Fatalf("ACL SETUSER … %s: %s", rights, got)
	}
}

func aclOptions(addr, password string) Options {
	o := options(addr)
	o.User, o.Password = "telhub", func() (string, error) { return password, nil }
	return o
}

// use opens, appends, detects and syncs, and returns the level and what failed.
func use(t *testing.T, o Options) (uplink.Durability, error) {
	t.Helper()
	s := newSink(t, o)
	var marks [frame.Lanes]uplink.Mark
	level, err := s.Open(t.Context(), 1, &marks)
	if err != nil {
		return level, err
	}
	next := marks[frame.Live].ID.Seq + 1
	if err := s.Append(t.Context(), batch(1, 1, next, next)); err != nil {
		return level, err
	}
	var ids [frame.Lanes]frame.ID
	return level, s.Sync(t.Context(), &ids)
}

func TestLeastRightsOfAnACLUser(t *testing.T) {
	srv := redistest.Start(t, "--appendonly", "yes")
	srv.StartReplica()
	o := aclOptions(srv.Addr(), "first")
	t.Run("are enough", func(t *testing.T) {
		acl(t, srv, permissions)
		if level, err := use(t, o); err != nil || level != uplink.AgedReplica && level != uplink.Replica {
			t.Errorf("level %v, error %v, want replica", level, err)
		}
	})
	for _, right := range strings.Fields(permissions) {
		t.Run("need "+right, func(t *testing.T) {
			rest := slices.DeleteFunc(strings.Fields(permissions), func(r string) bool { return r == right })
			acl(t, srv, strings.Join(rest, " "))
			srv.Do("SCRIPT FLUSH") // so that eval is needed
			level, err := use(t, o)
			switch {
			case right == "+info" || right == "+command|info":
				// the level is found out with it; without, a weaker one is assumed
				if err != nil || right == "+info" && level != uplink.Age {
					t.Errorf("level %v, error %v, want age", level, err)
				}
			default:
				wantText(t, err, "~telhub:*", right)
			}
		})
	}
}

// A right that is taken away while frames flow must not let a frame in without
// its mark: it would come again.
func TestNoFrameWithoutItsMark(t *testing.T) {
	srv := redistest.Start(t)
	acl(t, srv, permissions)
	s, c := newSink(t, aclOptions(srv.Addr(), "first")), client(t, srv)
	open(t, s, 1)
	mustAppend(t, s, batch(1, 1, 1, 2))
	for _, right := range []string{"hset", "xadd", "hget"} {
		srv.Do("ACL SETUSER telhub -" + right)
		wantText(t, s.Append(t.Context(), batch(1, 1, 3, 4)), "~telhub:*", "+"+right)
		srv.Do("ACL SETUSER telhub +" + right)
		if m := open(t, s, 1)[frame.Live].ID; m.Seq != 2 {
			t.Errorf("mark after a refused %s is %v, want 1/2", right, m)
		}
	}
	wantSequence(t, c, "1/1", "1/2")
	mustAppend(t, s, batch(1, 1, 3, 3))
	wantSequence(t, c, "1/1", "1/2", "1/3")
}

func TestPasswordFileIsReadAtEachConnect(t *testing.T) {
	srv := redistest.Start(t)
	acl(t, srv, permissions)
	file := filepath.Join(t.TempDir(), "password")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("first")
	o := options(srv.Addr())
	o.User = "telhub"
	o.Password = func() (string, error) {
		b, err := os.ReadFile(file)
		return string(b), err
	}
	s := newSink(t, o)
	open(t, s, 1)
	mustAppend(t, s, batch(1, 1, 1, 1))

	srv.Do("ACL SETUSER telhub resetpass >second")
	srv.Do("CLIENT KILL USER telhub")
	p := &pump{s: s, seq: 1}
	p.step(t.Context())
	wantText(t, p.lastErr, "WRONGPASS", "redis.password_file")
	write("second")
	p.until(t, 4)
	wantSequence(t, client(t, srv), "1/1", "1/2", "1/3", "1/4")

	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	wantText(t, openError(t, o), "password", file, "no such file")
}

func TestMissingPasswordSaysWhereToSetIt(t *testing.T) {
	srv := redistest.Start(t, "--requirepass", "secret")
	wantText(t, openError(t, options(srv.Addr())), "unauthenticated", "redis.password_file")
	o := options(srv.Addr())
	o.Server.Password = "wrong"
	err := openError(t, o)
	wantText(t, err, "WRONGPASS", "redis.url")
	if strings.Contains(err.Error(), "wrong ") || strings.Contains(err.Error(), "secret") {
		t.Errorf("error %q shows a password", err)
	}
	o.Server.Password = "secret"
	open(t, newSink(t, o), 1)
}
