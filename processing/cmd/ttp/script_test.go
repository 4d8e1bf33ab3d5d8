package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/telhub/telhub/processing/config"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// scriptTime bounds a single command of a script.
const scriptTime = time.Minute

// TestScripts runs testdata/script: a user's sessions against a real Redis,
// whose URL is $TTP_REDIS_URL. The commands of this file stand beside
// testscript's own:
//
//	exit CODE ttp ARG…      runs ttp in this process and wants that exit code;
//	                        standard input is the file that "stdin" named last
//	json PATH [VALUE]       the last stdout is JSON, one value a line; in the
//	                        last, what PATH names ("queues.0.done") is VALUE
//	stderrprefix            every line of the last stderr begins with "ttp:"
//	feed FILE               the file is standard input of the next ttp
//	redis VERB ARG…         a command of Redis
//	redisstop               ends the server
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			tb, ok := e.T().(testing.TB)
			if !ok {
				return errors.New("testscript runs outside of a test")
			}
			s := redistest.Start(tb)
			e.Values["redis"] = s
			e.Setenv("TTP_REDIS_URL", s.URL())
			e.Setenv("TTP_HTTP_LISTEN", "127.0.0.1:"+strconv.Itoa(redistest.FreePort(tb)))
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exit": cmdExit, "json": cmdJSON, "stderrprefix": cmdStderrPrefix, "feed": cmdFeed, "redis": cmdRedis, "redisstop": cmdRedisStop,
		},
		RequireExplicitExec: true,
	})
}

func cmdExit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || args[1] != "ttp" {
		ts.Fatalf("usage: exit CODE ttp ARG…")
	}
	var environ []string
	for _, name := range passed() {
		if v := ts.Getenv(name); v != "" {
			environ = append(environ, name+"="+v)
		}
	}
	var stdin io.Reader = strings.NewReader("")
	if name := ts.Getenv("FEED"); name != "" {
		stdin = strings.NewReader(ts.ReadFile(name))
		ts.Setenv("FEED", "")
	}
	ctx, cancel := context.WithTimeout(context.Background(), scriptTime)
	defer cancel()
	got := run(ctx, slices.Clone(args[2:]), stdin, ts.Stdout(), ts.Stderr(), environ)
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit code is %d, want %s", got, args[0])
	}
}

// passed are the variables that ttp gets to see.
func passed() []string {
	return []string{
		config.EnvConfig, "CREDENTIALS_DIRECTORY", "TTP_REDIS_URL", "TTP_REDIS_PASSWORD", "TTP_HTTP_LISTEN", "TTP_QUEUE_MAX_LEN", "TTP_QUEUE_SHARDS",
		"TTP_QUEUE_PREFIX", "TTP_WORKER_COUNT", "TTP_WORKER_QUEUES", "TTP_LOG_LEVEL", "TTP_LOG_FORMAT", "TTP_NONSENSE", "TTP_QUEUE_MAX_PAYLOAD", "TTP_POSTGRES_URL",
	}
}

func cmdFeed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: feed FILE")
	}
	ts.Setenv("FEED", args[0])
}

func server(ts *testscript.TestScript) *redistest.Server {
	s, ok := ts.Value("redis").(*redistest.Server)
	if !ok {
		ts.Fatalf("no redis")
	}
	return s
}

func cmdRedis(ts *testscript.TestScript, neg bool, args []string) {
	c, err := net.Dial("tcp", server(ts).Addr())
	ts.Check(err)
	defer c.Close()
	fmt.Fprintf(c, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(c, "$%d\r\n%s\r\n", len(a), a)
	}
	reply := make([]byte, 4096)
	n, err := c.Read(reply)
	ts.Check(err)
	ts.Logf("%s", reply[:n])
	if (reply[0] == '-') != neg {
		ts.Fatalf("redis answers %s", reply[:n])
	}
}

func cmdRedisStop(ts *testscript.TestScript, neg bool, args []string) { server(ts).Stop() }

func cmdStderrPrefix(ts *testscript.TestScript, neg bool, args []string) {
	text := ts.ReadFile("stderr")
	if neg || len(args) > 0 || text == "" {
		ts.Fatalf("stderr is empty, or usage: stderrprefix")
	}
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "ttp: ") {
			ts.Fatalf("stderr holds %q, which does not begin with ttp:", line)
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
		v = nil
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

// TestEveryCommandHasHelp keeps usage, options and README in step.
func TestEveryCommandHasHelp(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range commands() {
		if !strings.Contains(usageText, "\n  "+c.name+" ") {
			t.Errorf("the usage lacks %s", c.name)
		}
		if !bytes.Contains(readme, []byte("`ttp "+c.name)) && !bytes.Contains(readme, []byte("`"+c.name+"`")) && c.name != "version" {
			t.Errorf("README.md does not mention ttp %s", c.name)
		}
		if c.name == "bench" {
			continue // its options are package bench's
		}
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), []string{c.name, "--help"}, nil, &stdout, &stderr, nil); code != exitOK || stderr.Len() > 0 {
			t.Errorf("ttp %s --help: exit code %d, stderr %q", c.name, code, stderr.String())
		}
		if want := fmt.Sprintf("Usage: ttp %s ", c.name); !strings.HasPrefix(stdout.String(), want) || !strings.Contains(stdout.String(), "--config FILE") ||
			!strings.Contains(stdout.String(), "--json") {
			t.Errorf("ttp %s --help prints %q, want it to begin with %q and list --config and --json", c.name, stdout.String(), want)
		}
	}
}
