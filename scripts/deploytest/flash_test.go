package deploytest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
)

// TestMain lets this program stand for the telhub of a board: with BOARD_AGENT
// the one that runs; else, with BOARD_LISTEN, the one that flash-board.sh asks.
func TestMain(m *testing.M) {
	listen := os.Getenv("BOARD_LISTEN")
	switch {
	case os.Getenv("BOARD_AGENT") != "":
		os.Stdin.Read(make([]byte, 1)) // until the test closes it
	case listen == "" || len(os.Args) < 2:
		os.Exit(m.Run())
	case os.Args[1] == "check":
		fmt.Printf("{\"http_listen\":%q}\n", listen)
	case os.Args[1] == "version":
		fmt.Println(`{"version":"v1"}`)
	}
}

// flash runs flash.sh with an ssh that is this script of sh, and a command that
// takes longer than CUT seconds cut; without it a minute, for a busy machine.
func flash(t *testing.T, ssh string, args ...string) (code int, out, calls string) {
	t.Helper()
	bin, noted := t.TempDir(), filepath.Join(t.TempDir(), "calls")
	for name, text := range map[string]string{
		"ssh":     "for last; do :; done\nprintf '%s\\n' \"$*\" >>" + noted + "\n" + ssh + "\n",
		"timeout": "shift 2\nexec /usr/bin/timeout \"${CUT:-60}\" \"$@\"\n",
	} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.CommandContext(t.Context(), "../flash.sh", append([]string{"--binary", os.Args[0]}, args...)...)
	c.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	words, err := c.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	seen, err := os.ReadFile(noted)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), string(words), string(seen)
}

func TestAHostIsNoOptionOfSSH(t *testing.T) {
	hosts := filepath.Join(t.TempDir(), "hosts")
	for _, host := range []string{"-oProxyCommand=id", "root@board -v", "root@$(id)", "root@board;id"} {
		if err := os.WriteFile(hosts, []byte("root@good\n"+host+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		code, out, calls := flash(t, "exit 255", "--fleet", hosts)
		if code != 2 || calls != "" || !strings.Contains(out, "is no USER@HOST") {
			t.Errorf("%s: exit code %d, ssh was called with %q:\n%s", host, code, calls, out)
		}
	}
}

// answers is an ssh to a board of this machine's kind with this answer to "try".
func answers(try string) string {
	return `case $last in
*survey*)
	printf 'machine=%s\nshell=62\ntarget=/usr/bin/telhub\nwritable=yes\nfree=9999999\nstate_free=9999999\nversion=v1\n' "$(uname -m)" ;;
*receive*) exec cat >/dev/null ;;
*" try "*) printf '` + try + `' ;;
*result*) echo "done v2 is ready" ;;
esac`
}

func TestWhatABoardSaysCommandsNothing(t *testing.T) {
	tests := map[string]struct{ ssh, want string }{
		"escape sequences": {`printf 'machine=\033]0;owned\007m\ntarget=/usr/bin/telhub\n'; printf '::add-mask::x\n\033[2J\302\2331A\n' >&2`, "owned"},
		"without end":      {`exec cat /dev/zero`, "cannot be reached"},
		"silent":           {`exec sleep 600`, "cannot be reached"},
		"a version with a command": {answers(`version=v2;reboot\nlisten=127.0.0.1:9155\n`),
			`the new program's version is "v2;reboot"`},
		"a quote in http.listen": {answers(`version=v2\nlisten=unix:/run/a'\''b\n`), `http.listen is "unix:/run/a'b"`},
		"two http.listen":        {answers(`version=v2\nlisten=:9155\nlisten=id\n`), "http.listen is"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if name == "silent" {
				t.Setenv("CUT", "2")
			}
			code, out, calls := flash(t, tt.ssh, "root@board")
			if code != 1 || !strings.Contains(out, tt.want) || strings.Contains(calls, " switch ") {
				t.Errorf("exit code %d, want 1 and %q:\n%s", code, tt.want, out)
			}
			if i := strings.IndexFunc(out, func(r rune) bool { return r != '\n' && unicode.IsControl(r) }); i >= 0 {
				t.Errorf("%q goes to the terminal", out[i:])
			}
			if strings.Contains("\n"+out, "\n::") {
				t.Errorf("a command for the forge:\n%s", out)
			}
		})
	}
	if code, out, calls := flash(t, answers(`version=v2\nlisten=[::1]:9155\n`), "root@board"); code != 0 || !strings.Contains(calls, " switch ") {
		t.Errorf("a good board: exit code %d:\n%s", code, out)
	}
}

// What ssh leaves behind, a ProxyCommand or a master, holds its standard error
// open: nobody waits for that.
func TestWhatSSHLeavesBehindHoldsNobodyUp(t *testing.T) {
	began := time.Now()
	code, out, _ := flash(t, "sleep 30 >/dev/null </dev/null &\necho cut >&2\nexit 255", "root@board")
	if took := time.Since(began); code != 1 || !strings.Contains(out, "root@board    cut") || took > 30*time.Second {
		t.Errorf("exit code %d after %v, want 1 at once:\n%s", code, took, out)
	}
}

// ssh writes files of its own: a fleet's list of known hosts is longer than
// what a board may say.
func TestSSHMayWriteItsListOfKnownHosts(t *testing.T) {
	t.Setenv("KNOWN_HOSTS", filepath.Join(t.TempDir(), "known_hosts"))
	code, out, calls := flash(t, "head -c 300000 /dev/zero >$KNOWN_HOSTS || exit 255\n"+answers(`version=v2\nlisten=:9155\n`), "root@board")
	if code != 0 || !strings.Contains(calls, " switch ") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}

// TestABoardIsNotHeldUp has somebody else answer in the agent's place: the
// board's part of a flash ends all the same, and so the way back begins.
func TestABoardIsNotHeldUp(t *testing.T) {
	for _, fetch := range []string{"curl", "wget", "bash"} {
		for name, every := range map[string]time.Duration{"byte by byte": 300 * time.Millisecond, "without end": 0} {
			t.Run(fetch+" "+name, func(t *testing.T) {
				t.Parallel()
				out := survey(t, fetch, trickle(t, every))
				if !strings.Contains(out, "version=v1\n") || strings.Contains(out, "ready=yes") {
					t.Errorf("got %s", out)
				}
			})
		}
	}
}

// trickle serves one byte every so often, or as many as are taken, for ever.
func trickle(t *testing.T, every time.Duration) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() { // ends with ln
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { // ends with the client
				defer c.Close()
				c.Read(make([]byte, 1024))
				fmt.Fprint(c, "HTTP/1.0 200 OK\r\n\r\n")
				many := make([]byte, 1<<16)
				for {
					b := many
					if every > 0 {
						b = many[:1]
						<-time.After(every)
					}
					if _, err := c.Write(b); err != nil {
						return
					}
				}
			}()
		}
	}()
	return ln.Addr().String()
}

// survey runs the board's part with nothing but fetch to ask the agent with.
func survey(t *testing.T, fetch, listen string) string {
	t.Helper()
	bin := t.TempDir()
	for _, tool := range []string{"sh", "sed", "cut", "head", "grep", "stat", "env", "timeout", "sha256sum", "df", "awk", "touch", "rm", "uname", "od", "tr", fetch} {
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Fatalf("%v: scripts/test-deps.sh installs it", err)
		}
		if err := os.Symlink(path, filepath.Join(bin, tool)); err != nil {
			t.Fatal(err)
		}
	}
	agent := exec.CommandContext(t.Context(), os.Args[0])
	agent.Env = append(os.Environ(), "BOARD_AGENT=1")
	end, err := agent.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { end.Close(); agent.Wait() }()
	program, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", agent.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	systemctl := fmt.Sprintf("#!/bin/sh\ncase $4 in\nExecStart) echo 'ExecStart={ path=%s ; }' ;;\nMainPID) echo MainPID=%d ;;\nEnvironment) echo Environment=BOARD_LISTEN=%s ;;\nesac\n",
		program, agent.Process.Pid, listen)
	if err := os.WriteFile(filepath.Join(bin, "systemctl"), []byte(systemctl), 0o755); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), "/usr/bin/timeout", "30", "sh", "../flash-board.sh", "survey")
	c.Env = []string{"PATH=" + bin}
	out, err := c.CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
	return string(out)
}
