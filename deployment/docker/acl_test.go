// Package docker_test holds what the compose files start to what it should be.
package docker_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

// rules are those that start.sh gives a user, without name and password.
func rules(t *testing.T, user string) string {
	t.Helper()
	script, err := os.ReadFile("redis/start.sh")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^\tuser ` + user + ` ['"](.*)['"]$`).FindSubmatch(script)
	if m == nil {
		t.Fatalf("start.sh has no user %s", user)
	}
	return "resetchannels -@all " + strings.ReplaceAll(string(m[1]), "$waitaof", "")
}

// A board or a worker that was broken into neither empties the server nor
// reaches what is not its own. Patterns of keys do not stop commands that look
// at none, of which @write has some.
func TestWhatNoUserMay(t *testing.T) {
	srv := redistest.Start(t)
	for _, user := range []string{"telhub", "ttp"} {
		srv.Do("ACL SETUSER " + user + " on >pw " + rules(t, user))
		for _, command := range []string{
			"FLUSHALL", "FLUSHDB", "SWAPDB 0 1", "MIGRATE 192.0.2.1 6379 telhub:x 0 100", "KEYS *", "CONFIG GET *", "ACL LIST",
			"CLIENT KILL TYPE normal", "CLIENT LIST", "MONITOR", "SHUTDOWN", "REPLICAOF 192.0.2.1 6379", "DEBUG SLEEP 1", "MODULE LIST",
			"HGET secret x", "SET secret x", "DEL secret",
		} {
			if got := srv.Do("ACL DRYRUN " + user + " " + command); got == "+OK\r\n" || strings.HasPrefix(got, "-") {
				t.Errorf("%s: %s: got %q, want a refusal", user, command, got)
			}
		}
	}
	for command, want := range map[string]bool{"DEL telhub:x": false, "XTRIM telhub:x MAXLEN 0": false, "HSET ttp:x a b": false, "XADD telhub:x * a b": true} {
		if got := srv.Do("ACL DRYRUN telhub " + command); (got == "+OK\r\n") != want {
			t.Errorf("telhub: %s: got %q, want allowed: %v", command, got, want)
		}
	}
}
