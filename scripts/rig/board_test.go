//go:build hil

package rig

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// board is the emulated Raspberry Pi.
type board struct {
	cache, dir, overlay string
	redisPort           int
	env                 []string // for rig-up.sh
	times               int      // that it was switched on
}

// newBoard lays out what a board boots: the agent, its configuration and what
// starts it. The board, which has an SD card of its own, is off.
func newBoard(t *testing.T, name string, redisPort int, configuration, start string) *board {
	t.Helper()
	b := bareBoard(t, name, redisPort)
	install(t, environ(t, "RIG_AGENT"), filepath.Join(b.overlay, "usr/bin/telhub"), 0o755)
	install(t, configuration, filepath.Join(b.overlay, "etc/telhub.toml"), 0o644)
	install(t, start, filepath.Join(b.overlay, "rig-start"), 0o755)
	return b
}

// bareBoard is a board, off, to whose root nothing is added.
func bareBoard(t *testing.T, name string, redisPort int) *board {
	t.Helper()
	b := &board{
		cache: environ(t, "RIG_CACHE"), dir: filepath.Join(environ(t, "RIG_RUN"), name),
		overlay: t.TempDir(), redisPort: redisPort,
	}
	if err := os.Mkdir(b.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.down(t) })
	return b
}

func environ(t *testing.T, name string) string {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		t.Fatalf("%s is not set: run scripts/test-hil.sh, which prepares the rig", name)
	}
	return v
}

func install(t *testing.T, from, to string, mode os.FileMode) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o755)
	}
	if err == nil {
		err = os.WriteFile(to, data, mode)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// up switches the board on and waits until it has booted; words are added to
// the kernel's command line. first, if not nil, is called as soon as the world
// can act on the board, long before its kernel runs a program.
func (b *board) up(t *testing.T, first func(), words ...string) {
	t.Helper()
	start := time.Now()
	args := append([]string{b.cache, b.dir, b.overlay, strconv.Itoa(b.redisPort)}, words...)
	cmd := exec.Command("./rig-up.sh", args...)
	cmd.Env = append(os.Environ(), b.env...)
	b.times++
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	control := filepath.Join(b.dir, "qmp.sock")
	if err := errors.Join(os.RemoveAll(control), cmd.Start()); err != nil {
		t.Fatalf("rig-up.sh: %v", err)
	}
	if first != nil {
		await(t, 20*time.Second, "QEMU's control socket", func() bool {
			c, err := net.Dial("unix", control)
			if err == nil {
				c.Close()
			}
			return err == nil
		})
		first()
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("rig-up.sh: %v\n%s", err, out.Bytes())
	}
	t.Logf("booted in %.1f s", time.Since(start).Seconds())
}

// cut takes the power away.
func (b *board) cut(t *testing.T) {
	t.Helper()
	if out, err := exec.Command("./rig-down.sh", b.dir, "KILL").CombinedOutput(); err != nil {
		t.Fatalf("rig-down.sh: %v\n%s", err, out)
	}
	b.keepLog(t)
}

// down switches the board off when the test is over.
func (b *board) down(t *testing.T) {
	if out, err := exec.Command("./rig-down.sh", b.dir).CombinedOutput(); err != nil {
		t.Errorf("rig-down.sh: %v\n%s", err, out)
	}
	b.keepLog(t)
}

// keepLog adds what the console printed in this boot to the board's log in
// the folder RIG_REPORT, if that is set.
func (b *board) keepLog(t *testing.T) {
	t.Helper()
	folder, log := os.Getenv("RIG_REPORT"), filepath.Join(b.dir, "con.log")
	data, err := os.ReadFile(log)
	if folder == "" || errors.Is(err, os.ErrNotExist) { // never on, or kept already
		return
	}
	f, err := os.OpenFile(filepath.Join(folder, filepath.Base(b.dir)+"-serial.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Error(err)
		return
	}
	_, err = fmt.Fprintf(f, "==== boot %d\n%s\n", b.times, data)
	if err := errors.Join(err, f.Close(), os.Remove(log)); err != nil {
		t.Error(err)
	}
}

// temperature sets what a thermometer of the board measures.
func (b *board) temperature(t *testing.T, id string, milliCelsius int) {
	t.Helper()
	b.set(t, id, "temperature", milliCelsius)
}

// set sets a property of an emulated chip.
func (b *board) set(t *testing.T, id, property string, value int) {
	t.Helper()
	b.qmp(t, "qom-set", map[string]any{
		"path": "/machine/peripheral/" + id, "property": property, "value": value,
	})
}

// link plugs the network cable in or pulls it.
func (b *board) link(t *testing.T, plugged bool) {
	t.Helper()
	b.qmp(t, "set_link", map[string]any{"name": "n0", "up": plugged})
}

// qmp runs a command on QEMU's control socket (QEMU Machine Protocol).
func (b *board) qmp(t *testing.T, command string, arguments map[string]any) {
	t.Helper()
	c, err := net.Dial("unix", filepath.Join(b.dir, "qmp.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(30 * time.Second))
	dec := json.NewDecoder(c)
	var greeting json.RawMessage
	err = dec.Decode(&greeting)
	if err == nil {
		err = qmpCall(c, dec, "qmp_capabilities", nil)
	}
	if err == nil {
		err = qmpCall(c, dec, command, arguments)
	}
	if err != nil {
		t.Fatalf("qmp %s: %v", command, err)
	}
}

func qmpCall(c net.Conn, dec *json.Decoder, command string, arguments map[string]any) error {
	call := map[string]any{"execute": command}
	if arguments != nil {
		call["arguments"] = arguments
	}
	if err := json.NewEncoder(c).Encode(call); err != nil {
		return err
	}
	for {
		var answer struct {
			Return json.RawMessage `json:"return"`
			Error  *struct {
				Desc string `json:"desc"`
			} `json:"error"`
		}
		if err := dec.Decode(&answer); err != nil {
			return err
		}
		switch {
		case answer.Error != nil:
			return errors.New(answer.Error.Desc)
		case answer.Return != nil:
			return nil
		} // else an event
	}
}

// await polls until done or fails the test.
func await(t *testing.T, limit time.Duration, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !done(); {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", limit, what)
		}
		wait(t, 50*time.Millisecond)
	}
}

// wait lets the world go on for a while: the board's time cannot be faked.
func wait(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
		t.Fatal(fmt.Errorf("test ended: %w", t.Context().Err()))
	}
}
