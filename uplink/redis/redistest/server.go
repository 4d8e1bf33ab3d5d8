package redistest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// Server is a redis-server process that can be stopped, killed and started
// again over the same data.
type Server struct {
	tb     testing.TB
	binary string
	dir    string
	port   int
	first  []string // before all other arguments: a configuration file, a mode
	args   []string
	cmd    *exec.Cmd
	ended  chan struct{} // closed when cmd has ended; guards log
	log    *bytes.Buffer
}

// Start runs a redis-server without persistence; args are added to its command
// line ("--appendonly", "yes"). It is stopped when the test ends.
func Start(tb testing.TB, args ...string) *Server {
	tb.Helper()
	return newServer(tb, "redis-server", args).begin()
}

// StartValkey is Start with a valkey-server of version 8 or later, which knows
// WAITAOF, which redis-server of Debian 12 lacks.
func StartValkey(tb testing.TB, args ...string) *Server {
	tb.Helper()
	return newServer(tb, "valkey-server", args).begin()
}

func newServer(tb testing.TB, binary string, args []string) *Server {
	tb.Helper()
	if _, err := exec.LookPath(binary); err != nil {
		tb.Fatalf("%s is missing: run make test, which installs it", binary)
	}
	// A unix socket's path must be short; a test's own directory often is not.
	dir, err := os.MkdirTemp("", "redis")
	if err != nil {
		tb.Fatal(err)
	}
	s := &Server{tb: tb, binary: binary, dir: dir, args: args}
	tb.Cleanup(func() {
		s.Kill()
		os.RemoveAll(dir)
	})
	return s
}

// portTries is how often a port is chosen: another process may take it first.
const portTries = 5

// begin starts the server for the first time.
func (s *Server) begin() *Server {
	s.tb.Helper()
	for range portTries {
		s.port = FreePort(s.tb)
		if s.run() {
			return s
		}
		s.Kill()
	}
	s.tb.Fatalf("%s does not answer:\n%s", s.binary, s.log)
	return nil
}

// FreePort returns a TCP port of the loopback that nobody listens on.
func FreePort(tb testing.TB) int {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// Start runs the server, after Stop or Kill over the data that it left, and
// waits until it answers.
func (s *Server) Start() {
	s.tb.Helper()
	if !s.run() {
		s.Kill()
		s.tb.Fatalf("%s does not answer:\n%s", s.binary, s.log)
	}
}

// startTime is how long a server may take until it answers: after a crash it
// reads its log.
const startTime = 2 * time.Minute

// run starts the process and reports whether it came to answer.
func (s *Server) run() bool {
	s.tb.Helper()
	s.Launch()
	deadline := time.Now().Add(startTime)
	for time.Now().Before(deadline) {
		if s.answers() {
			return true
		}
		select {
		case <-s.ended:
			return false
		case <-time.After(10 * time.Millisecond):
		}
	}
	return false
}

// Launch starts the process and does not wait until it answers.
func (s *Server) Launch() {
	s.tb.Helper()
	args := append(slices.Clone(s.first),
		"--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--dir", s.dir,
		"--unixsocket", s.Socket(), "--save", "", "--appendonly", "no", "--daemonize", "no")
	s.log = &bytes.Buffer{}
	cmd := exec.Command(s.binary, append(args, s.args...)...)
	cmd.Stdout, cmd.Stderr = s.log, s.log
	// The server must not outlive a test binary that is killed.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		s.tb.Fatal(err)
	}
	ended := make(chan struct{})
	s.cmd, s.ended = cmd, ended
	go func() { // ends with the process
		cmd.Wait()
		close(ended)
	}()
}

// answers reports whether the server has loaded its data and replies.
func (s *Server) answers() bool {
	c, err := net.DialTimeout("unix", s.Socket(), time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Second))
	if _, err := c.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	buf := make([]byte, 64)
	n, _ := c.Read(buf)
	return bytes.HasPrefix(buf[:n], []byte("+PONG")) || bytes.HasPrefix(buf[:n], []byte("-NOAUTH"))
}

// Stop ends the server in order.
func (s *Server) Stop() { s.end(syscall.SIGTERM) }

// Kill ends the server at once.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

// Configure replaces the arguments that the next Start adds.
func (s *Server) Configure(args ...string) { s.args = args }

// Signal sends the server a signal: SIGSTOP makes it silent.
func (s *Server) Signal(sig syscall.Signal) { s.cmd.Process.Signal(sig) }

func (s *Server) end(sig syscall.Signal) {
	if s.cmd == nil {
		return
	}
	s.cmd.Process.Signal(sig)
	<-s.ended
	s.cmd = nil
	os.Remove(s.Socket())
}

// Addr is the server's TCP address.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// Port is the server's TCP port.
func (s *Server) Port() int { return s.port }

// URL is the server's address as telhub's configuration takes it.
func (s *Server) URL() string { return "redis://" + s.Addr() + "/0" }

// Socket is the path of the server's unix socket.
func (s *Server) Socket() string { return filepath.Join(s.dir, "s") }

// Pid is the process id, for measurements.
func (s *Server) Pid() int { return s.cmd.Process.Pid }

// Dir is the server's working directory.
func (s *Server) Dir() string { return s.dir }

// CPU returns the processor time that the server has used.
func (s *Server) CPU() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.Pid()))
	if err != nil {
		return 0, err
	}
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+2:])
	user, err1 := strconv.Atoi(string(f[11]))
	system, err2 := strconv.Atoi(string(f[12]))
	if err1 != nil || err2 != nil {
		return 0, fmt.Errorf("/proc/%d/stat: %s", s.Pid(), b)
	}
	return time.Duration(user+system) * 10 * time.Millisecond, nil
}
