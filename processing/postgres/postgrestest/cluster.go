package postgrestest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Cluster is a PostgreSQL server process that can be stopped, killed and started
// again over the same data.
type Cluster struct {
	bin  string // directory of the server's programs
	dir  string
	port int
	as   *syscall.Credential // nil: who runs the test

	cmd   *exec.Cmd
	ended chan struct{}
	log   *bytes.Buffer // complete when ended is closed
	made  atomic.Int64  // databases
}

// startTime is how long a server may take until it answers.
const startTime = 60 * time.Second

// New makes and starts a cluster; the caller calls Close. TestMain may share
// one among the tests of a package.
func New() (*Cluster, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	// A unix socket's path must be short; a test's own directory often is not.
	dir, err := os.MkdirTemp("", "pg")
	if err != nil {
		return nil, err
	}
	c := &Cluster{bin: bin, dir: dir}
	if err := c.make(); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return c, nil
}

// Start is New for one test, which ends the cluster.
func Start(tb testing.TB) *Cluster {
	tb.Helper()
	c, err := New()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	return c
}

// programs finds the server's programs. Debian keeps them out of PATH.
func programs() (string, error) {
	if p, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(p), nil
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return "", errors.New("PostgreSQL is missing: apt-get install postgresql, or run make test, which does")
	}
	return filepath.Dir(found[len(found)-1]), nil
}

func (c *Cluster) make() error {
	if err := c.chooseUser(); err != nil {
		return err
	}
	init := exec.Command(filepath.Join(c.bin, "initdb"), "--pgdata", c.data(), "--username", "postgres", "--auth", "trust",
		"--encoding", "UTF8", "--locale", "C", "--no-sync")
	init.SysProcAttr, init.Dir = &syscall.SysProcAttr{Credential: c.as}, c.dir
	if out, err := init.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	var err error
	for range 5 { // another process may take a free port first
		if c.port, err = freePort(); err != nil {
			return err
		}
		if err = c.Start(); err == nil {
			return nil
		}
	}
	return err
}

// chooseUser finds whom to run as: PostgreSQL refuses root.
func (c *Cluster) chooseUser() error {
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return fmt.Errorf("PostgreSQL does not run as root, and the user that its package makes is missing: %w", err)
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	c.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(c.dir, int(uid), int(gid))
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

// Start runs the server, after Stop or Kill over the data that it left, and
// waits until it answers.
func (c *Cluster) Start() error {
	// Durable as users have it, but for a disk that is no part of the test: what
	// the operating system has survives a process that is killed.
	cmd := exec.Command(filepath.Join(c.bin, "postgres"), "-D", c.data(), "-h", "127.0.0.1", "-p", strconv.Itoa(c.port),
		"-k", c.dir, "-c", "fsync=off", "-c", "max_connections=60", "-c", "shared_buffers=32MB")
	c.log = &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr, cmd.Dir = c.log, c.log, c.dir
	// The server must not outlive a test binary that is killed.
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.as, Pdeathsig: syscall.SIGQUIT}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	c.cmd, c.ended = cmd, ended
	go func() { // ends with the process
		cmd.Wait()
		close(ended)
	}()
	deadline := time.Now().Add(startTime)
	for time.Now().Before(deadline) {
		if c.answers() {
			return nil
		}
		select {
		case <-ended:
			return fmt.Errorf("postgres ended:\n%s", c.log)
		case <-time.After(20 * time.Millisecond):
		}
	}
	c.Kill()
	return fmt.Errorf("postgres does not answer:\n%s", c.log)
}

func (c *Cluster) answers() bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.URL("postgres"))
	if err != nil {
		return false
	}
	return conn.Close(ctx) == nil
}

// URL is the address of a database of the cluster's.
func (c *Cluster) URL(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", c.port, database)
}

// Addr is the server's TCP address.
func (c *Cluster) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)) }

// Database makes an empty database and returns its address.
func (c *Cluster) Database(tb testing.TB) string {
	tb.Helper()
	name := fmt.Sprintf("test%d", c.made.Add(1))
	conn, err := pgx.Connect(tb.Context(), c.URL("postgres"))
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(tb.Context(), "CREATE DATABASE "+name); err != nil {
		tb.Fatal(err)
	}
	return c.URL(name)
}

// Stop ends the server at once and in order: clients are cut off.
func (c *Cluster) Stop() { c.end(syscall.SIGINT) }

// Kill ends the server as a crash does, its children with it.
func (c *Cluster) Kill() { c.end(syscall.SIGQUIT) }

func (c *Cluster) end(sig syscall.Signal) {
	if c.cmd == nil {
		return
	}
	c.cmd.Process.Signal(sig)
	<-c.ended
	c.cmd = nil
}

// Close ends the server and removes its data.
func (c *Cluster) Close() {
	c.Kill()
	os.RemoveAll(c.dir)
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
