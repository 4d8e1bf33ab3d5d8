package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/telhub/telhub/agent/httpapi"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// summaryLine is how the demo ends.
var summaryLine = regexp.MustCompile(`received (\d+) \+ derived (\d+) = delivered (\d+) \+ stored (\d+) \+ declared lost (\d+)`)

// The demo plays an outage by itself, and its summary adds up.
func TestDemoPlaysAnOutage(t *testing.T) {
	t.Parallel()
	bin, err := demo()
	if err != nil {
		t.Fatal(err)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", redistest.FreePort(t))
	var out, log transcript
	cmd := exec.Command(bin, "-listen", addr, "-outage", "5s", "-outage-after", "3s")
	cmd.Stdout, cmd.Stderr = &out, &log
	cmd.Env = environWithout("REDIS_URL")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	defer func() {
		cmd.Process.Kill()
		if t.Failed() {
			t.Logf("%s\n%s", out.String(), log.String())
		}
	}()
	page := func() (s httpapi.Status) {
		resp, err := http.Get("http://" + addr + "/api/status")
		if err != nil {
			return s
		}
		defer resp.Body.Close()
		_ = json.NewDecoder(resp.Body).Decode(&s) // an empty status is none
		return s
	}
	eventually(t, "live values", func() bool { return page().Counters.Delivered > 0 })
	if word, err := exec.Command(bin, "-listen", addr, "-health").CombinedOutput(); err != nil || string(word) != "live\n" {
		t.Errorf("-health: %v, %q", err, word)
	}
	if help, err := exec.Command(bin, "-h").CombinedOutput(); err != nil || strings.Contains(string(help), "telhub-demo: ") {
		t.Errorf("-h: %v, %s", err, help)
	}
	eventually(t, "the spool to grow", func() bool { return page().Spool.Frames > 0 })
	eventually(t, "recovery", func() bool {
		s := page()
		return s.Uplink.State == "connected" && s.Counters.Stored == 0
	})

	begin := time.Now()
	cmd.Process.Signal(os.Interrupt)
	select {
	case err := <-exited:
		if err != nil {
			t.Errorf("the demo ended with %v", err)
		}
	case <-time.After(patience):
		t.Fatal("Ctrl-C does not end the demo")
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("Ctrl-C took %s to end the demo, want at most 5s", took)
	}
	wantSummary(t, out.String())
}

func wantSummary(t *testing.T, out string) {
	t.Helper()
	m := summaryLine.FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("no summary in %q", out)
	}
	var v [5]int
	for i := range v {
		v[i], _ = strconv.Atoi(m[i+1])
	}
	if v[0]+v[1] != v[2]+v[3]+v[4] || v[0] == 0 || v[4] != 0 {
		t.Errorf("%s: does not add up, or something was lost", m[0])
	}
	t.Log(m[0])
}

// environWithout is the environment without one variable.
func environWithout(name string) (env []string) {
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, name+"=") {
			env = append(env, v)
		}
	}
	return env
}
