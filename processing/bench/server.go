package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Server is the Redis of one run: a process of our own, or a database of one
// that was given, which was empty.
type Server struct {
	URL  string
	Addr string // host:port
	DB   int

	admin *redis.Client
	cmd   *exec.Cmd // nil: not ours
	ended chan struct{}
	log   bytes.Buffer // guarded by ended
	dir   string
}

// AOF says how a server keeps its data.
type AOF string

// The ways.
const (
	AOFOff      AOF = "off"
	AOFEverySec AOF = "everysec"
	AOFAlways   AOF = "always"
)

func (a AOF) args() []string {
	if a == AOFOff || a == "" {
		return []string{"--appendonly", "no"}
	}
	// A rewrite in the middle would be charged to whom it meets.
	return []string{"--appendonly", "yes", "--appendfsync", string(a), "--auto-aof-rewrite-percentage", "0"}
}

// startTries is how often a port is chosen: another process may take it first.
const startTries = 5

// StartServer runs a redis-server on the loopback, on the given processors if there are any.
func StartServer(ctx context.Context, aof AOF, on []int, args ...string) (*Server, error) {
	args = append(aof.args(), args...)
	var err error
	for range startTries {
		var s *Server
		if s, err = startServer(ctx, on, args); err == nil || errors.Is(err, exec.ErrNotFound) || ctx.Err() != nil {
			return s, err
		}
	}
	return nil, err
}

func startServer(ctx context.Context, on []int, args []string) (*Server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "ttp-bench-")
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	s := &Server{Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), dir: dir, ended: make(chan struct{})}
	s.URL = "redis://" + s.Addr + "/0"
	s.cmd = exec.Command("redis-server", append([]string{
		"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--daemonize", "no",
	}, args...)...)
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	dieWithUs(s.cmd)
	if err := s.cmd.Start(); err != nil {
		os.RemoveAll(dir)
		if errors.Is(err, exec.ErrNotFound) {
			err = fmt.Errorf("redis-server is not installed (Debian: apt-get install redis-server); or name an empty database with --url: %w", err)
		}
		return nil, fmt.Errorf("bench: %w", err)
	}
	go func() { // ends with the process
		s.cmd.Wait()
		close(s.ended)
	}()
	s.admin = redis.NewClient(&redis.Options{Addr: s.Addr, MaxRetries: -1})
	if err := s.ready(ctx); err != nil {
		s.Close()
		return nil, err
	}
	if len(on) > 0 {
		if err := pin(s.cmd.Process.Pid, on); err != nil {
			s.Close()
			return nil, err
		}
	}
	return s, nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("bench: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// readyTime is how long a server may take to answer.
const readyTime = 15 * time.Second

// ready waits until the server answers.
func (s *Server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	for {
		err := s.admin.Ping(ctx).Err()
		if err == nil {
			return nil
		}
		select {
		case <-s.ended:
			return fmt.Errorf("bench: redis-server ended: %s", bytes.TrimSpace(s.log.Bytes()))
		case <-ctx.Done():
			return fmt.Errorf("bench: redis-server at %s does not answer: %w", s.Addr, err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// UseServer connects to a database that was given. It must be empty, since a
// run fills it and empties it.
func UseServer(ctx context.Context, url string) (*Server, error) {
	o, err := redis.ParseURL(url)
	if err != nil {
		return nil, fmt.Errorf("bench: url: %w", err)
	}
	if o.TLSConfig != nil || o.Network != "tcp" {
		return nil, errors.New("bench: url: redis-benchmark and asynq are asked to connect as ttp does: name a server without TLS, as redis://host:port/9")
	}
	o.MaxRetries = -1
	s := &Server{URL: url, Addr: o.Addr, DB: o.DB, admin: redis.NewClient(o)}
	n, err := s.admin.DBSize(ctx).Result()
	if err != nil {
		s.admin.Close()
		return nil, fmt.Errorf("bench: %s: %w", o.Addr, err)
	}
	if n > 0 {
		s.admin.Close()
		return nil, fmt.Errorf("bench: database %d of %s holds %d keys: the benchmark fills a database and empties it; give an empty one, as redis://%s/9", o.DB, o.Addr, n, o.Addr)
	}
	return s, nil
}

// connect opens a client of its own.
func (s *Server) connect() *redis.Client {
	o := *s.admin.Options()
	o.Addr = s.Addr
	return redis.NewClient(&o)
}

// Close stops a server of ours and removes its data, or empties the database.
func (s *Server) Close() error {
	if s.cmd == nil {
		err := s.admin.FlushDB(context.Background()).Err()
		return errors.Join(err, s.admin.Close())
	}
	s.admin.Close()
	s.cmd.Process.Kill()
	<-s.ended
	return os.RemoveAll(s.dir)
}

// Usage is what a server says of itself.
type Usage struct {
	CPU    time.Duration // user and system
	Memory int64         // used_memory
}

// Usage asks INFO.
func (s *Server) Usage(ctx context.Context) (u Usage, err error) {
	text, err := s.admin.Info(ctx, "cpu", "memory").Result()
	if err != nil {
		return u, fmt.Errorf("bench: INFO: %w", err)
	}
	user, err1 := infoNumber(text, "used_cpu_user")
	system, err2 := infoNumber(text, "used_cpu_sys")
	memory, err3 := infoNumber(text, "used_memory")
	return Usage{CPU: time.Duration((user + system) * float64(time.Second)), Memory: int64(memory)}, errors.Join(err1, err2, err3)
}

func infoNumber(text, name string) (float64, error) {
	v, err := strconv.ParseFloat(infoField(text, name), 64)
	if err != nil {
		return 0, fmt.Errorf("bench: INFO lacks %s", name)
	}
	return v, nil
}

func infoField(text, name string) string {
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// Version is the server's, for the report.
func (s *Server) Version(ctx context.Context) string {
	text, err := s.admin.Info(ctx, "server").Result()
	if err != nil {
		return "unknown"
	}
	if v := infoField(text, "valkey_version"); v != "" {
		return "Valkey " + v
	}
	return "Redis " + infoField(text, "redis_version")
}
