package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/uplink/redis"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// aRedis examines a server by its URL; more are further lines of [redis].
func aRedis(t *testing.T, url, more string) *Report {
	t.Helper()
	cfg := load(t, fmt.Sprintf("[http]\nlisten = \"\"\n[redis]\nurl = %q\n%s", url, more))
	return examine(t, Options{Root: grow(t, nil), Config: cfg})
}

// wantWell fails if anything about Redis is a failure.
func wantWell(t *testing.T, r *Report) {
	t.Helper()
	for i := range r.Findings {
		if f := &r.Findings[i]; f.Area == "redis" && f.Verdict == Fail {
			t.Errorf("%s: %s → %s, want no failure", f.Subject, f.Seen, f.Cure)
		}
	}
}

func TestAPlainServer(t *testing.T) {
	srv := redistest.Start(t)
	r := aRedis(t, srv.URL(), "")
	wantWell(t, r)
	want(t, r, "redis", srv.Addr(), OK, "reached in")
	want(t, r, "redis", "server", OK, "Redis ", "standalone", "round trip")
	want(t, r, "redis", "rights", OK, "all that the agent does")
	want(t, r, "redis", "durability", Warn, "level memory", "appendonly no", "CONFIG SET appendonly yes", "within a minute")
	want(t, r, "redis", "maxmemory-policy", OK, "noeviction")
	want(t, r, "redis", "time", OK, "agree within")
	want(t, r, "redis", "stream state", OK, "no agent has sent under the name pi-01 yet")
	want(t, r, "redis", "memory", OK, "no maxmemory is set")
	if got := srv.Do("DBSIZE"); got != ":0\r\n" {
		t.Errorf("the examination left %s keys, want none", got)
	}
	want(t, aRedis(t, "unix://"+srv.Socket(), ""), "redis", "server", OK, "standalone")
}

func TestLevelsThatWillBeInForce(t *testing.T) {
	srv := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "no")
	r := aRedis(t, srv.URL(), "durability = \"replica\"")
	want(t, r, "redis", "durability", Fail, "redis.durability asks for replica", "\"auto\"")
	r = aRedis(t, srv.URL(), "")
	want(t, r, "redis", "durability", Warn, "appendfsync no", "CONFIG SET appendfsync everysec")
	srv.Do("CONFIG SET appendfsync everysec")
	want(t, aRedis(t, srv.URL(), ""), "redis", "durability", OK, "appendfsync everysec")
	want(t, aRedis(t, srv.URL(), "durability = \"memory\""), "redis", "durability", OK, "as redis.durability asks")
	srv.StartReplica()
	want(t, aRedis(t, srv.URL(), ""), "redis", "durability", OK, "level replica", "1 replicas follow")
}

func TestAServerWithWaitAOF(t *testing.T) {
	srv := redistest.StartValkey(t, "--appendonly", "yes")
	r := aRedis(t, srv.URL(), "")
	wantWell(t, r)
	want(t, r, "redis", "server", OK, "Valkey 8", "standalone")
	// Valkey's WAITAOF answers before the log is synced.
	want(t, r, "redis", "durability", OK, "level age", "not be believed", "after 5 s")
	want(t, r, "redis", "rights", OK)
}

// Users that lack one right after the other, each named with its rule.
func TestRightsThatAreMissing(t *testing.T) {
	srv := redistest.Start(t)
	const all = "+eval +evalsha +hget +hset +xadd +info +command|info +wait"
	ask := func(rules string) *Report {
		t.Helper()
		if got := srv.Do("ACL SETUSER agent reset on >secret " + rules); got != "+OK\r\n" {
			t.Fatal(got)
		}
		return aRedis(t, "redis://agent:secret@"+srv.Addr(), "")
	}
	r := ask("~telhub:* " + all)
	wantWell(t, r)
	want(t, r, "redis", "rights", OK)
	want(t, r, "redis", "rights", Warn, "telhub tail and audit need xrevrange, xread")
	want(t, r, "redis", "stream state", OK)
	for _, c := range []struct{ right, command string }{
		{"+xadd", "xadd telhub:{0}:"}, {"+hset", "hset telhub:{0}:state"}, {"+hget", "hget"}, {"+eval", "eval"},
		{"+evalsha", "evalsha"}, {"+info", "info"}, {"+command|info", "command info"}, {"+wait", "wait"},
	} {
		rules := strings.ReplaceAll(" "+all+" ", " "+c.right+" ", " ")
		want(t, ask("~telhub:* "+rules), "redis", "rights", Fail, "may not: ", c.command, "ACL SETUSER agent ~telhub:*", c.right)
	}
	want(t, ask("~other:* "+all), "redis", "rights", Fail, "eval", "~telhub:*")
	want(t, ask("~telhub:* "+strings.ReplaceAll(all, "+info", "")), "redis", "server", Warn, "does not tell what it is", "+info")
	r = aRedis(t, "redis://agent:wrong@"+srv.Addr(), "")
	want(t, r, "redis", "answer", Fail, "WRONGPASS", "redis.password_file")
	srv.Do("CONFIG SET requirepass secret")
	want(t, aRedis(t, srv.URL(), ""), "redis", "answer", Fail, "NOAUTH", "redis.password_file")
}

// A server reads its log with the rights of its user default. Where that lacks
// them, a restart drops what scripts wrote, which the doctor says before.
func TestALogThatTheServerWillNotRead(t *testing.T) {
	for _, c := range []struct {
		rules string
		keeps bool
	}{
		{"off resetpass ~* &* +@all", true},
		{"off resetpass ~* &* -@all", false},
	} {
		srv := redistest.Start(t, append(strings.Fields("--appendonly yes --user admin on nopass ~* &* +@all --user default"), strings.Fields(c.rules)...)...)
		url := "redis://admin:x@" + srv.Addr()
		client := goredis.NewClient(&goredis.Options{Addr: srv.Addr(), Username: "admin", Password: "x"})
		defer client.Close()
		if err := client.Eval(t.Context(), "redis.call('SET', KEYS[1], 'v') return redis.call('SET', KEYS[2], 'v')", []string{"a{1}", "b{1}"}).Err(); err != nil {
			t.Fatal(err)
		}
		r := aRedis(t, url, "")
		if c.keeps {
			wantWell(t, r)
		} else {
			want(t, r, "redis", "log", Fail, "rights of its user default", "drops", "+@all")
		}
		srv.Stop()
		srv.Start()
		if n, err := client.DBSize(t.Context()).Result(); err != nil || (n == 2) != c.keeps {
			t.Errorf("%s: %d of 2 keys after a restart, %v", c.rules, n, err)
		}
	}
}

// tlsServer runs a server with a certificate of its own.
func tlsServer(t *testing.T, cert, key, ca string) (url string) {
	t.Helper()
	port := redistest.FreePort(t)
	redistest.Start(t, "--tls-port", fmt.Sprint(port), "--tls-cert-file", cert, "--tls-key-file", key,
		"--tls-ca-cert-file", ca, "--tls-auth-clients", "no")
	return fmt.Sprintf("rediss://127.0.0.1:%d", port)
}

func TestCertificates(t *testing.T) {
	ca := redistest.NewCA(t, "authority")
	cert, key := ca.Issue("redis")
	url, file := tlsServer(t, cert, key, ca.File), fmt.Sprintf("ca_file = %q", ca.File)
	node := strings.TrimPrefix(url, "rediss://")
	want(t, aRedis(t, url, file), "redis", node, Warn, "TLS, certificate until", "hours", "renew")
	want(t, aRedis(t, url, ""), "redis", node, Fail, "unknown authority", "redis.ca_file")
	want(t, aRedis(t, strings.Replace(url, "127.0.0.1", "localhost", 1), file), "redis",
		strings.Replace(node, "127.0.0.1", "localhost", 1), Fail, "certificate", "redis.url must name the server as its certificate does")
	want(t, aRedis(t, strings.Replace(url, "rediss:", "redis:", 1), ""), "redis", "answer", Fail, "rediss://")
	plain := redistest.Start(t)
	want(t, aRedis(t, "rediss://"+plain.Addr(), file), "redis", plain.Addr(), Fail, "does not speak TLS")

	old, oldKey := ca.IssueExpired("redis-old")
	url = tlsServer(t, old, oldKey, ca.File)
	want(t, aRedis(t, url, file), "redis", strings.TrimPrefix(url, "rediss://"), Fail, "expired", "certificate's dates and at this board's clock")

	cfg := load(t, fmt.Sprintf("[redis]\nurl = %q\nca_file = \"/none.crt\"\n[http]\nlisten = \"\"\n", url))
	want(t, examine(t, Options{Root: grow(t, nil), Config: cfg}), "configuration", "redis.ca_file", Fail, "/none.crt", "no such file")
}

func TestAServerThatEvicts(t *testing.T) {
	srv := redistest.Start(t, "--maxmemory", "4mb", "--maxmemory-policy", "allkeys-lru")
	r := aRedis(t, srv.URL(), "")
	want(t, r, "redis", "maxmemory-policy", Fail, "deletes any key", "CONFIG SET maxmemory-policy noeviction")
	want(t, r, "redis", "memory", Warn, "redis.maxlen", "lower redis.maxlen")
	srv.Do("CONFIG SET maxmemory-policy volatile-ttl")
	want(t, aRedis(t, srv.URL(), ""), "redis", "maxmemory-policy", OK, "only keys that expire")
	srv.Do("CONFIG SET maxmemory-policy noeviction")
	srv.Do("CONFIG SET maxmemory 1")
	r = aRedis(t, srv.URL(), "")
	want(t, r, "redis", "memory", Fail, "nearly full")
	want(t, r, "redis", "hset telhub:{0}:state", Fail, "OOM", "give it more")
	want(t, aRedis(t, srv.URL(), "maxlen = 0"), "redis", "memory", Fail, "nearly full")
}

func TestAReplicaTakesNoWrites(t *testing.T) {
	master := redistest.Start(t)
	replica := master.StartReplica()
	r := aRedis(t, replica.URL(), "")
	want(t, r, "redis", "role", Fail, "replica of 127.0.0.1", "link up", "redis+sentinel://")
	want(t, r, "redis", "hset telhub:{0}:state", Fail, "READONLY")
	wantNone(t, r, "redis", "rights", OK)
}

func TestSentinelAndCluster(t *testing.T) {
	s := redistest.StartSentinels(t)
	url := "redis+sentinel://" + s.Sentinel.Addr() + "?master="
	r := aRedis(t, url+redistest.MasterName, "")
	wantWell(t, r)
	want(t, r, "redis", s.Sentinel.Addr(), OK, "reached")
	want(t, r, "redis", "durability", OK, "level replica")
	want(t, aRedis(t, url+"nobody", ""), "redis", "answer", Fail, "no sentinel knows a master \"nobody\"")

	c := redistest.StartCluster(t, 3)
	r = aRedis(t, "redis+cluster://"+strings.Join(c.Addrs(), ","), "")
	wantWell(t, r)
	want(t, r, "redis", "server", OK, "cluster")
	want(t, r, "redis", "rights", OK)
	for _, addr := range c.Addrs() {
		want(t, r, "redis", addr, OK, "reached")
	}
	node, _ := c.Owner("telhub:{0}:live")
	want(t, aRedis(t, "redis://"+c.Addrs()[(node+1)%3], ""), "redis", "answer", Fail, "MOVED", "redis+cluster://")
}

func TestNobodyIsThere(t *testing.T) {
	addr := fmt.Sprintf("127.0.0.1:%d", redistest.FreePort(t))
	r := aRedis(t, "redis://"+addr, "")
	want(t, r, "redis", addr, Fail, "connection refused", "is the server running")
	wantNone(t, r, "redis", "answer", Fail)
	want(t, aRedis(t, "redis://no-such-host.invalid:6379", ""), "redis", "no-such-host.invalid:6379", Fail, "no-such-host.invalid", "check the name")
	socket := filepath.Join(t.TempDir(), "s")
	want(t, aRedis(t, "unix://"+socket, ""), "redis", socket, Fail, "no such file")
	if err := os.WriteFile(socket, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	want(t, aRedis(t, "unix://"+socket, ""), "redis", socket, Fail, "connection refused")
}

// Somebody else's data under our keys, and a key of another type.
func TestForeignState(t *testing.T) {
	srv := redistest.Start(t)
	srv.Do("HSET telhub:{0}:state pi-01|live 7;6;5")
	want(t, aRedis(t, srv.URL(), ""), "redis", "stream state", OK, "number 7")
	srv.Do("HSET telhub:{0}:state pi-01|live hello")
	want(t, aRedis(t, srv.URL(), ""), "redis", "stream state", Fail, "\"hello\", not fence;epoch;seq")
	srv.Do("DEL telhub:{0}:state")
	srv.Do("SET telhub:{0}:live x")
	want(t, aRedis(t, srv.URL(), ""), "redis", "xrevrange", Fail, "WRONGTYPE", "redis.stream")
}

// What no server here shows: an old one, a slow one, one whose clock is wrong.
func TestJudgements(t *testing.T) {
	cfg := load(t, noRedis)
	see := func(e *redis.Examination, f func(j *judge)) *Report {
		x := &exam{cfg: cfg, report: &Report{}, area: "redis"}
		f(&judge{exam: x, e: e, o: &redis.Options{Stream: "telhub"}})
		return x.report
	}
	info := func(pairs ...string) *redis.Examination {
		e := &redis.Examination{Info: map[string]string{}}
		for i := 0; i < len(pairs); i += 2 {
			e.Info[pairs[i]] = pairs[i+1]
		}
		return e
	}
	want(t, see(info("redis_version", "5.0.14", "redis_mode", "standalone"), (*judge).server), "redis", "server", Fail, "5.0.14", "too old", "Redis 6")
	want(t, see(info("redis_version", "6.2.14", "redis_mode", "standalone"), (*judge).server), "redis", "server", OK, "6.2.14")
	want(t, see(info("redis_version", "7.4.0", "dragonfly_version", "df-v1.21.2", "redis_mode", "standalone"), (*judge).server), "redis", "server", OK, "Dragonfly df-v1.21.2")
	e := info("redis_version", "7.2.4", "loading", "1")
	e.Round = 300e6
	want(t, see(e, (*judge).server), "redis", "server", Warn, "round trip 300ms")
	want(t, see(e, (*judge).server), "redis", "server", Warn, "still loading")
	for ahead, text := range map[time.Duration]string{90 * time.Second: "1m30s ahead", -3 * time.Second: "3s behind"} {
		e := info()
		e.Told, e.Ahead = true, ahead
		want(t, see(e, (*judge).time), "redis", "time", Warn, text)
	}
	want(t, see(info("aof_enabled", "1", "aof_last_write_status", "err"), (*judge).durability), "redis", "log", Fail, "last write of its log failed")
	want(t, see(info("rdb_last_bgsave_status", "err"), (*judge).durability), "redis", "snapshot", Warn, "snapshot failed")
}
