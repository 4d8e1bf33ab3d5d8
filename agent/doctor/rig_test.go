package doctor

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/telhub/telhub/agent"
	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/internal/treetest"
)

// grow makes a root directory of files; a value that begins with "->" is a
// relative link. Every tree has the processes' directory and a Redis-less /etc.
func grow(t *testing.T, files map[string]string) string {
	t.Helper()
	base := map[string]string{
		"etc/passwd":   "root:x:0:0::/root:/bin/sh\ntelhub:x:990:990::/:/bin/false\n",
		"etc/group":    "root:x:0:\ndialout:x:20:\ni2c:x:44:\ntelhub:x:990:\n",
		"proc/meminfo": "MemTotal: 1000000 kB\nMemAvailable: 900000 kB\n", "proc/sys/kernel/osrelease": "6.6.31+rpt-rpi-v8\n",
		"proc/self/mountinfo": "21 1 179:2 / / rw,noatime - ext4 /dev/mmcblk0p2 rw\n",
	}
	return treetest.Grow(t, base, files)
}

// noRedis is where nobody listens; noHTTP switches the local face off.
const noRedis = "[redis]\nurl = \"redis://127.0.0.1:1/0\"\n[http]\nlisten = \"\"\n"

// load parses a configuration.
func load(t *testing.T, text string) *config.Config {
	t.Helper()
	cfg, err := config.Parse("t.toml", []byte("device = \"pi-01\"\n"+text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// examine runs the doctor over a tree.
func examine(t *testing.T, o Options) *Report {
	t.Helper()
	o.File = "t.toml"
	r := Run(t.Context(), o)
	var text bytes.Buffer
	if err := r.Print(&text); err != nil {
		t.Fatal(err)
	}
	checkText(t, r, text.String())
	return r
}

// checkText holds every report that a test makes to its form: 80 columns but for
// words that are longer, a cure for everything that is not ok, none otherwise.
func checkText(t *testing.T, r *Report, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if n := len([]rune(line)); n > textWidth && len(strings.Fields(line)) > 3 {
			t.Errorf("a line of %d columns: %q", n, line)
		}
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Seen == "" || f.Subject == "" || f.Area == "" || (f.Cure != "") != (f.Verdict != OK) && f.Subject != "spool.flash_budget" {
			t.Errorf("finding %+v lacks something, or has a cure for what is well", *f)
		}
	}
}

// want fails unless a finding of that area, subject and verdict holds all parts
// in what was seen and its cure.
func want(t *testing.T, r *Report, area, subject string, v Verdict, parts ...string) {
	t.Helper()
	var near []string
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Area != area || f.Subject != subject {
			continue
		}
		text := f.Seen + " → " + f.Cure
		all := f.Verdict == v
		for _, p := range parts {
			all = all && strings.Contains(text, p)
		}
		if all {
			return
		}
		near = append(near, string(f.Verdict)+": "+text)
	}
	t.Errorf("%s/%s: want %s with %q, got\n  %s", area, subject, v, parts, strings.Join(near, "\n  "))
}

// wantNone fails if there is a finding of that area, subject and verdict.
func wantNone(t *testing.T, r *Report, area, subject string, v Verdict) {
	t.Helper()
	for i := range r.Findings {
		if f := &r.Findings[i]; f.Area == area && f.Subject == subject && f.Verdict == v {
			t.Errorf("%s/%s is %s: %s → %s; want nothing of the kind", area, subject, v, f.Seen, f.Cure)
		}
	}
}

// give hands a file of a tree to a group, as udev does.
func give(t *testing.T, root, name string, gid int, mode os.FileMode) {
	t.Helper()
	path := filepath.Join(root, name)
	if err := os.Chown(path, 0, gid); err != nil {
		t.Fatalf("%v: this test needs root, as make test does", err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// runAgent runs a real agent until the test ends.
func runAgent(t *testing.T, cfg *config.Config) *agent.Agent {
	t.Helper()
	a, err := agent.New(cfg, agent.Options{Version: "v1.2.3", Log: agent.NewLog(cfg.Log, io.Discard)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	ctx, stop := contextOf(t)
	go func() { done <- a.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return a
}
