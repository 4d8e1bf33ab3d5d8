package httpapi

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// asChild makes a copy of the test binary serve on what it was handed.
const asChild = "TELHUB_TEST_LISTEN"

// TestMain lets a child stand where systemd's service would: the sockets have
// fixed numbers, which only a process of its own has free.
func TestMain(m *testing.M) {
	if where := os.Getenv(asChild); where != "" {
		os.Exit(child(where))
	}
	os.Exit(m.Run())
}

// child serves on where twice, as before and after a reload, until its standard
// input says to go on. It prints where it listens.
func child(where string) int {
	os.Setenv("LISTEN_PID", fmt.Sprint(os.Getpid())) // systemd sets it between fork and exec
	in := bufio.NewReader(os.Stdin)
	for range 2 {
		s, err := New(options(where, &fake{}))
		if err != nil {
			fmt.Println(err)
			return 1
		}
		ctx, stop := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		fmt.Println(s.Addr())
		in.ReadString('\n')
		stop()
		if err := <-ended; err != nil {
			fmt.Println(err)
			return 1
		}
	}
	return 0
}

// passed starts a child that is handed a socket, and returns its output.
func passed(t *testing.T, ln net.Listener, where, fds string) (lines *bufio.Reader, next io.Writer) {
	t.Helper()
	file, err := ln.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), asChild+"="+where, "LISTEN_FDS="+fds)
	cmd.ExtraFiles = []*os.File{file} // becomes 3
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	return bufio.NewReader(out), in
}

func TestSocketOfSystemd(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "[::]"} {
		ln, err := net.Listen("tcp", host+":0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		port := ln.Addr().(*net.TCPAddr).Port
		where := fmt.Sprintf("%s:%d", host, port)
		if host == "[::]" {
			where = fmt.Sprintf("0.0.0.0:%d", port)
		}
		lines, next := passed(t, ln, where, "1")
		// The port is taken by this process: who answers there has the socket.
		for range 2 {
			if line, _ := lines.ReadString('\n'); strings.TrimSpace(line) != ln.Addr().String() {
				t.Fatalf("listens on %q, want %s", line, ln.Addr())
			}
			resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/health/detailed", port))
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != 200 {
				t.Errorf("got %d, want 200", resp.StatusCode)
			}
			http.DefaultClient.CloseIdleConnections()
			fmt.Fprintln(next)
		}
	}
}

// A socket for another address is not taken for the one that is configured.
func TestSocketOfSystemdElsewhere(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	lines, _ := passed(t, ln, "127.0.0.1:0", "1")
	if line, _ := lines.ReadString('\n'); line == "" || strings.TrimSpace(line) == ln.Addr().String() {
		t.Errorf("listens on %q, want a port of its own", line)
	}
}

func TestSocketsOfSystemdThatAreNot(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	for fds, want := range map[string]string{
		"many": `http.listen = "127.0.0.1:0": LISTEN_FDS="many": want a number of sockets`,
		"2":    `http.listen = "127.0.0.1:0": socket 4 of systemd: `, // the second is the runtime's or nothing
	} {
		lines, _ := passed(t, ln, "127.0.0.1:0", fds)
		if line, _ := lines.ReadString('\n'); !strings.HasPrefix(line, want) {
			t.Errorf("LISTEN_FDS=%s: got %q, want %q", fds, line, want)
		}
	}
	for _, pid := range []string{"", "1"} {
		got, err := inherited("127.0.0.1:1", func(name string) string { return map[string]string{"LISTEN_PID": pid, "LISTEN_FDS": "1"}[name] }, 2)
		if got != nil || err != nil {
			t.Errorf("LISTEN_PID=%q: got %v, %v, want nothing", pid, got, err)
		}
	}
}
