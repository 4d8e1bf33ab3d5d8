package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/telhub/telhub/drivers/sim"
)

// TestScripts runs testdata/script: a user's sessions. The commands of this
// file stand beside testscript's own:
//
//	exit CODE telhub ARG…   runs telhub in this process and wants that exit code
//	json PATH [VALUE]       the last stdout is JSON, one value a line; in the
//	                        last, what PATH names ("lanes.0.seq") is VALUE
//	stderrprefix            every line of the last stderr begins with "telhub:"
//	talker NAME             plugs in a serial device that sends JSON lines; $NAME is its port
//	spool DIR FRAMES        a spool with so many frames, as a run in order leaves it
//	damage DIR              overwrites a part of the spool's first file
//	redis                   a server; $REDIS is its URL
//	frames ENCODING N       the uplink's sink appends N frames to it
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exit": cmdExit, "json": cmdJSON, "stderrprefix": cmdStderrPrefix,
			"talker": cmdTalker, "spool": cmdMakeSpool, "damage": cmdDamage,
			"redis": cmdRedis, "frames": cmdFrames,
		},
		RequireExplicitExec: true,
	})
}

// passed are the variables that telhub gets to see.
var passed = []string{
	"TELHUB_CONFIG", "CREDENTIALS_DIRECTORY", "TELEMETRY_DEVICE", "TELEMETRY_QUEUE_CAPACITY",
	"TELEMETRY_REDIS_URL", "TELEMETRY_REDIS_PASSWORD", "TELEMETRY_SPOOL_FLASH_BUDGET",
}

// patience bounds a single command.
const patience = time.Minute

func cmdExit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || args[1] != "telhub" {
		ts.Fatalf("usage: exit CODE telhub ARG…")
	}
	var environ []string
	for _, name := range passed {
		if v := ts.Getenv(name); v != "" {
			environ = append(environ, name+"="+v)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	got := run(ctx, slices.Clone(args[2:]), ts.Stdout(), ts.Stderr(), environ)
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit code is %d, want %s", got, args[0])
	}
}

func cmdStderrPrefix(ts *testscript.TestScript, neg bool, args []string) {
	text := ts.ReadFile("stderr")
	if neg || len(args) > 0 || text == "" {
		ts.Fatalf("stderr is empty, or usage: stderrprefix")
	}
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "telhub: ") {
			ts.Fatalf("stderr holds %q, which does not begin with telhub:", line)
		}
	}
}

func cmdJSON(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 || len(args) > 2 {
		ts.Fatalf("usage: json PATH [VALUE]")
	}
	var v any
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		d := json.NewDecoder(bytes.NewReader([]byte(line)))
		d.UseNumber()
		ts.Check(d.Decode(&v))
	}
	for step := range strings.SplitSeq(args[0], ".") {
		v = member(ts, v, step)
	}
	got, err := json.Marshal(v)
	ts.Check(err)
	text := strings.Trim(string(got), `"`)
	if len(args) == 2 && text != args[1] {
		ts.Fatalf("%s is %s, want %s", args[0], text, args[1])
	}
}

// member is a value's member by name or index.
func member(ts *testscript.TestScript, v any, step string) any {
	switch v := v.(type) {
	case map[string]any:
		if m, ok := v[step]; ok {
			return m
		}
	case []any:
		if step == "len" {
			return len(v)
		}
		if i, err := strconv.Atoi(step); err == nil && i < len(v) {
			return v[i]
		}
	}
	ts.Fatalf("no %q in %v", step, v)
	return nil
}

// cmdTalker plays a microcontroller on a pseudo-terminal until the script ends.
func cmdTalker(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: talker NAME")
	}
	pty, err := sim.NewPTY(ts.MkAbs("dev"), args[0])
	ts.Check(err)
	lines := sim.NewLines(sim.JSON, sim.Field{Name: "moisture", Decimals: 1}, sim.Field{Name: "battery", Decimals: 3})
	lines.Set(0, 41.5)
	lines.Set(1, 3.712)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		sim.NewTalker(pty, lines, 50*time.Millisecond, nil).Run(ctx)
	}()
	ts.Defer(func() {
		cancel()
		<-done
		pty.Close()
	})
	ts.Setenv(args[0], pty.Path())
}

// cmdDamage overwrites a run of bytes in the middle of a spool's first file.
func cmdDamage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: damage DIR")
	}
	files, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "*.seg"))
	ts.Check(err)
	if len(files) == 0 {
		ts.Fatalf("no segment in %s", args[0])
	}
	b, err := os.ReadFile(files[0])
	ts.Check(err)
	for i := len(b) / 2; i < len(b)*5/8; i++ {
		b[i] = 0x55
	}
	ts.Check(os.WriteFile(files[0], b, 0o600))
}

// TestEveryCommandHasHelp keeps usage and options in step.
func TestEveryCommandHasHelp(t *testing.T) {
	for _, c := range commands() {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), []string{c.name, "--help"}, &stdout, &stderr, nil); code != exitOK || stderr.Len() > 0 {
			t.Errorf("telhub %s --help: exit code %d, stderr %q", c.name, code, stderr.String())
		}
		if want := fmt.Sprintf("Usage: telhub %s ", c.name); !strings.HasPrefix(stdout.String(), want) || !strings.Contains(stdout.String(), "--config FILE") {
			t.Errorf("telhub %s --help prints %q, want it to begin with %q and list --config", c.name, stdout.String(), want)
		}
	}
}
