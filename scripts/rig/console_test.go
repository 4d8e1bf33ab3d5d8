//go:build hil

package rig

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// chunk is how much is typed at once: an emulated UART can drop characters
// that arrive in a burst.
const chunk = 200

// try runs a command in the board's root shell and returns what it printed
// and its exit status. The command travels as base64, so that nothing has to
// be quoted, and the marks around its output are put together by the shell, so
// that the echo of what was typed is not taken for them.
func (b *board) try(t *testing.T, limit time.Duration, command string) (out string, status int) {
	t.Helper()
	c, err := net.Dial("unix", filepath.Join(b.dir, "con.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(limit))
	id := strconv.FormatInt(time.Now().UnixNano()%1e9, 36)
	text := base64.StdEncoding.EncodeToString([]byte(command + "\n"))
	fmt.Fprint(c, "\n: >/tmp/.x\n")
	for len(text) > 0 {
		n := min(chunk, len(text))
		fmt.Fprintf(c, "printf %%s %s >>/tmp/.x\n", text[:n])
		text = text[n:]
		wait(t, 5*time.Millisecond)
	}
	fmt.Fprintf(c, "A=RIG; echo; echo ${A}-BEGIN-%s; base64 -d /tmp/.x >/tmp/.x.sh; sh /tmp/.x.sh </dev/null 2>&1; echo ${A}-END-%s-$?\n", id, id)
	begin, end := "RIG-BEGIN-"+id, "RIG-END-"+id+"-"
	var collected strings.Builder
	r, begun := bufio.NewReader(c), false
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("on the board: %s: %v; so far:\n%s", command, err, collected.String())
		}
		line = strings.ReplaceAll(line, "\r", "")
		at := strings.Index(line, end)
		switch {
		case !begun:
			begun = strings.TrimSpace(line) == begin
		case at < 0:
			collected.WriteString(line)
		default:
			collected.WriteString(line[:at])
			status, err = strconv.Atoi(strings.TrimSpace(line[at+len(end):]))
			if err != nil {
				t.Fatalf("on the board: %s: exit status: %v", command, err)
			}
			return collected.String(), status
		}
	}
}

// run is try for commands that must succeed.
func (b *board) run(t *testing.T, command string) string {
	t.Helper()
	out, status := b.try(t, 60*time.Second, command)
	if status != 0 {
		t.Fatalf("on the board: %s: exit status %d\n%s", command, status, out)
	}
	return out
}

// sensorState is what the agent's /api/sensors says of a sensor.
type sensorState struct {
	Name      string            `json:"name"`
	Up        bool              `json:"up"`
	LastError string            `json:"last_error"`
	Errors    map[string]uint64 `json:"errors"`
	Skipped   uint64            `json:"skipped"`
}

// sensor asks the agent on the board for the state of a sensor.
func (b *board) sensor(t *testing.T, name string) sensorState {
	t.Helper()
	var sensors []sensorState
	b.api(t, "/api/sensors", &sensors)
	for _, s := range sensors {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("/api/sensors has no %q", name)
	return sensorState{}
}

// api asks the agent on the board.
func (b *board) api(t *testing.T, path string, into any) {
	t.Helper()
	out := b.run(t, "wget -qO- http://127.0.0.1:9155"+path)
	if err := json.Unmarshal([]byte(out), into); err != nil {
		t.Fatalf("%s: %v: %s", path, err, out)
	}
}
