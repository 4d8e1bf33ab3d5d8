package config_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/processing/config"
)

// mustParse reads a configuration that has to be right.
func mustParse(t *testing.T, text string, env ...string) *config.Config {
	t.Helper()
	c, err := config.Parse("ttp.toml", []byte(text), env)
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	return c
}

func TestDefaults(t *testing.T) {
	c := config.Default()
	if got, want := c.Redis.URL.Reveal(), "redis://127.0.0.1:6379/0"; got != want {
		t.Errorf("redis.url is %q, want %q", got, want)
	}
	if got, want := c.Worker.Count, 4; got != want {
		t.Errorf("worker.count is %d, want %d", got, want)
	}
	if got, want := c.Worker.Queues, []string{"default"}; !reflect.DeepEqual(got, want) {
		t.Errorf("worker.queues is %q, want %q", got, want)
	}
	if got, want := c.HTTP.Listen, "127.0.0.1:9156"; got != want {
		t.Errorf("http.listen is %q, want %q", got, want)
	}
	if c.Tracing.Endpoint != "" || c.Telemetry.Stream != "" || c.Postgres.URL != "" || len(c.Handlers) > 0 {
		t.Errorf("something is on by default: %+v", c)
	}
}

func TestEverythingIsRead(t *testing.T) {
	got := mustParse(t, `
[log]
level = "debug"
format = "console"
[redis]
url = "rediss+sentinel://a,b/1?master=m"
user = "ttp"
password_file = "/p"
ca_file = "/ca"
cert_file = "/c"
key_file = "/k"
conns = 5
[queue]
prefix = "plant7"
shards = 16
max_payload = "1MiB"
max_len = 1_000
max_dead = 2_000
timeout = "5m"
max_attempts = 3
dedup = "1d"
unique_for = "2d"
[worker]
name = "w1"
count = 8
reserved = 0
queues = ["a", "b"]
lease = "10s"
grace = "1s"
drain = "10m"
[http]
listen = ""
[telemetry]
stream = "telhub"
shards = 64
keep = "365d"
batch = 1000
flush = "1s"
lease = "9s"
[postgres]
url = "postgres://u@h/db"
password_file = "/pp"
max_conns = 2
[tracing]
endpoint = "https://h:4318"
service = "s"
ratio = 0.25
[handler.invoice]
kind = "http"
url = "http://h/x"
headers = ["Authorization: Bearer x"]
timeout = "3s"
[handler."a/b"]
kind = "exec"
command = ["/bin/cat", "-"]
[handler.e]
kind = "echo"
`, "TTP_REDIS_PASSWORD=x", "TTP_WORKER_COUNT=9", "TTP_WORKER_QUEUES=c, d", "TTP_TRACING_RATIO=0.5", "TTP_QUEUE_MAX_PAYLOAD=1kB", "TTP_CONFIG=/x", "HOME=/")
	if s := got.Redis.URL.String(); s != "rediss+sentinel://a,b/1?master=m" {
		t.Errorf("redis.url is %s", s)
	}
	want := &config.Config{
		Log: config.Log{Level: "debug", Format: "console"},
		Redis: config.Redis{
			URL: "rediss+sentinel://a,b/1?master=m", User: "ttp", PasswordFile: "/p", CAFile: "/ca", CertFile: "/c", KeyFile: "/k", Conns: 5, EnvPassword: "x",
		},
		Queue: config.Queue{
			Prefix: "plant7", Shards: 16, MaxPayload: 1000, MaxLen: 1000, MaxDead: 2000, Timeout: 5 * time.Minute, MaxAttempts: 3, Dedup: 24 * time.Hour, UniqueFor: 48 * time.Hour,
		},
		Worker: config.Worker{Name: "w1", Count: 9, Queues: []string{"c", "d"}, Lease: 10 * time.Second, Grace: time.Second, Drain: 10 * time.Minute},
		Telemetry: config.Telemetry{
			Stream: "telhub", Shards: 64, Batch: 1000, Flush: time.Second, Lease: 9 * time.Second, Keep: 365 * 24 * time.Hour,
		},
		Postgres: config.Postgres{URL: "postgres://u@h/db", PasswordFile: "/pp", MaxConns: 2},
		Tracing:  config.Tracing{Endpoint: "https://h:4318", Service: "s", Ratio: 0.5},
		Handlers: []config.Handler{
			{Type: "invoice", Kind: "http", URL: "http://h/x", Headers: []string{"Authorization: Bearer x"}, Timeout: 3 * time.Second},
			{Type: "a/b", Kind: "exec", Command: []string{"/bin/cat", "-"}},
			{Type: "e", Kind: "echo"},
		},
	}
	for i := range reflect.TypeFor[config.Config]().NumField() {
		f := reflect.TypeFor[config.Config]().Field(i)
		if !f.IsExported() {
			continue
		}
		g, w := reflect.ValueOf(*got).Field(i).Interface(), reflect.ValueOf(*want).Field(i).Interface()
		if !reflect.DeepEqual(g, w) {
			t.Errorf("%s:\ngot  %#v\nwant %#v", f.Name, g, w)
		}
	}
}

// mistakes pairs a file and variables with what has to be said about them,
// all of it and in this order.
var mistakes = []struct {
	text string
	env  []string
	want []string
}{
	{text: "[worker]\ncount = 0", want: []string{"ttp.toml:2: worker.count = 0: must be from 1 to 4096; write it as in 16"}},
	{text: "[worker]\ncount = \"4\"", want: []string{`ttp.toml:2: worker.count = "4": is text; write a whole number without quotes, as in count = 16`}},
	{text: "[worker]\nlease = 5", want: []string{`ttp.toml:2: worker.lease = 5: has no unit; write "5s" for seconds, "5ms" for milliseconds`}},
	{text: "[worker]\nlease = \"5 parsecs\"", want: []string{`ttp.toml:2: worker.lease = "5 parsecs": is not a duration; write a number with ms, s, m, h or d, as in "10s" or "1h30m"`}},
	{text: "[worker]\nlease = \"10ms\"", want: []string{`ttp.toml:2: worker.lease = "10ms": must be from 1s to 10m; write it as in "10s"`}},
	{text: "[worker]\ncuont = 4", want: []string{"ttp.toml:2: worker.cuont: unknown key; did you mean count?"}},
	{text: "[workre]\ncount = 4", want: []string{"ttp.toml:1: workre: unknown section; did you mean worker?"}},
	{text: "shards = 4", want: []string{"ttp.toml:1: shards: unknown key; it belongs under [queue]"}},
	{text: "[redis]\npassword = \"hunter2\"", want: []string{"ttp.toml:2: redis.password: unknown key; a password does not belong here; name a file that holds it in redis.password_file, or set TTP_REDIS_PASSWORD"}},
	{text: "[redis]\nhost = \"h\"", want: []string{`ttp.toml:2: redis.host: unknown key; write it into the address: url = "redis://host:6379/0"`}},
	{text: "[redis]\nurl = \"http://u:hunter2@h\"", want: []string{`ttp.toml:2: redis.url = "http://u:***@h": scheme "http" is unknown; known are redis, rediss, unix, redis+sentinel, rediss+sentinel, redis+cluster, rediss+cluster`}},
	{text: "[redis]\nca_file = \"/ca\"", want: []string{`ttp.toml:2: redis.ca_file = "/ca": has no effect, because the connection is not encrypted: redis.url is redis://127.0.0.1:6379/0; begin the URL with rediss, or delete the line`}},
	{text: "[redis]\nurl = \"rediss://u:p@h\"\nuser = \"v\"\npassword_file = \"/p\"\ncert_file = \"/c\"", want: []string{
		`ttp.toml:3: redis.user = "v": the URL names another user; keep one of the two`,
		`ttp.toml:4: redis.password_file = "/p": the URL holds a password too; take it out of the URL`,
		`ttp.toml:5: redis.cert_file = "/c": a client certificate needs both cert_file and key_file; add the other one`,
	}},
	{text: "[redis]\npassword_file = \"pw\"", want: []string{`ttp.toml:2: redis.password_file = "pw": is not a full path; begin it with /`}},
	{text: "[queue]\nprefix = \"a{b\"", want: []string{`ttp.toml:2: queue.prefix = "a{b": may hold only the letters A to Z, a to z, digits, and - _ .; choose such a name`}},
	{text: "[telemetry]\nstream = \"a{b\"", want: []string{`ttp.toml:2: telemetry.stream = "a{b": may not hold spaces or braces; braces mark the shard in a key`}},
	{text: "[queue]\nmax_payload = \"1 elephant\"", want: []string{`ttp.toml:2: queue.max_payload = "1 elephant": is not a size; write a number with kB, MB, KiB or MiB, as in "256KiB"`}},
	{text: "[worker]\nqueues = []", want: []string{"ttp.toml:2: worker.queues = […]: is empty; name at least one, or delete the line"}},
	{text: "[worker]\nqueues = [\"a\", \"b c\"]", want: []string{`ttp.toml:2: worker.queues = […]: holds "b c", which may hold only the letters A to Z, a to z, digits, and - _ .; choose such a name`}},
	{text: "[worker]\nqueues = [\"a\", \"a\"]", want: []string{`ttp.toml:2: worker.queues = […]: names "a" twice; delete one of the two`}},
	{text: "[worker]\nqueues = [1]", want: []string{`ttp.toml:2: worker.queues = […]: holds 1, which is a whole number; write a list of texts, as in ["default", "reports"]`}},
	{text: "[log]\nlevel = \"inof\"", want: []string{`ttp.toml:2: log.level = "inof": must be one of trace, debug, info, warn, error; did you mean info?`}},
	{text: "[http]\nlisten = \"9156\"", want: []string{`ttp.toml:2: http.listen = "9156": is not host:port; write 127.0.0.1:9156, unix:/path/to/socket, or nothing for off`}},
	{text: "[telemetry]\nstream = \"telhub\"", want: []string{`ttp.toml:2: telemetry.stream = "telhub": there is no database that telemetry could go to; set postgres.url, or delete telemetry.stream`}},
	{text: "[postgres]\nurl = \"mysql://u:hunter2@h/d\"", want: []string{`ttp.toml:2: postgres.url = "mysql://u:***@h/d": is not the address of a database; write it as "postgres://user@host:5432/database"; percent-encode odd characters of a password`}},
	{text: "[postgres]\nurl = \"postgres://h\"", want: []string{`ttp.toml:2: postgres.url = "postgres://h": names no database; end it with its name, as in "postgres://user@host:5432/telemetry"`}},
	{text: "[postgres]\npassword_file = \"/p\"", want: []string{`ttp.toml:2: postgres.password_file = "/p": has no effect, because postgres.url names no database; set it, or delete this`}},
	{text: "[tracing]\nendpoint = \"h:4318\"", want: []string{`ttp.toml:2: tracing.endpoint = "h:4318": is not an http URL; write it as "http://127.0.0.1:4318" or "https://host/path"`}},
	{text: "[tracing]\nratio = 1.5", want: []string{"ttp.toml:2: tracing.ratio = 1.5: must be from 0 to 1; write it as in 0.01"}},
	{text: "[tracing]\nratio = 0.5", want: []string{"ttp.toml:2: tracing.ratio = 0.5: has no effect, because tracing.endpoint is empty; set it, or delete the line"}},
	{text: "handler = 1", want: []string{"ttp.toml:1: handler = 1: is a whole number; write a table for each type of task: [handler.TYPE]"}},
	{text: "[handler.a]", want: []string{`ttp.toml:1: handler.a: has no kind; write kind = "http" (or echo, sleep, exec)`}},
	{text: "[handler.a]\nkind = \"htpp\"", want: []string{`ttp.toml:2: handler.a.kind = "htpp": must be one of echo, sleep, exec, http; did you mean http?`}},
	{text: "[handler.a]\nkind = \"http\"", want: []string{`ttp.toml:1: handler.a: http needs url; write url = "http://127.0.0.1:8080/invoice"`}},
	{text: "[handler.a]\nkind = \"exec\"", want: []string{`ttp.toml:1: handler.a: exec needs command; write command = ["/usr/local/bin/report", "--from-stdin"]`}},
	{text: "[handler.a]\nkind = \"exec\"\ncommand = [\"rm\", \"-rf\"]", want: []string{`ttp.toml:3: handler.a.command = […]: the program "rm" is not a full path; begin it with /, as in /usr/local/bin/report`}},
	{text: "[handler.a]\nkind = \"echo\"\nurl = \"http://h\"", want: []string{`ttp.toml:3: handler.a.url = "http://h": means nothing to echo; delete the line, or choose kind = "http"`}},
	{text: "[handler.a]\nkind = \"http\"\nurl = \"http://h\"\nheaders = [\"TTP-Attempt: 1\", \"x\"]", want: []string{`ttp.toml:4: handler.a.headers = […]: holds "TTP-Attempt: 1", which names a header that ttp sets itself; delete it`}},
	{text: "[handler.a]\nkind = \"echo\"\ncolour = 1", want: []string{"ttp.toml:3: handler.a.colour: unknown key; known are kind, url, headers, command, timeout"}},
	{text: "x", want: []string{"ttp.toml:1: syntax: expected = after a key, but the document ends there (column 1); write key = value"}},
	{env: []string{"TTP_WORKER_COUNT=many"}, want: []string{"TTP_WORKER_COUNT: worker.count = many: is not a whole number; write it as in 16"}},
	{env: []string{"TTP_WORKR_COUNT=1"}, want: []string{"TTP_WORKR_COUNT: unknown variable; did you mean TTP_WORKER_COUNT?"}},
	{env: []string{"TTP_ZZZZZZZZZZ=1"}, want: []string{"TTP_ZZZZZZZZZZ: unknown variable; a variable is TTP_ and the key in capitals, as in TTP_WORKER_COUNT for worker.count; unset it"}},
	{env: []string{"TTP_HANDLER_A_KIND=echo"}, want: []string{"TTP_HANDLER_A_KIND: unknown variable; handlers are described in the file only"}},
	{env: []string{"TTP_REDIS_PASSWORD="}, want: []string{"TTP_REDIS_PASSWORD: is empty; unset it if there is no password"}},
	{env: []string{"TTP_REDIS_URL=redis://:hunter2@h:x"}, want: []string{"TTP_REDIS_URL: redis.url = redis://:***@h:x: port is not a number from 1 to 65535"}},
	{env: []string{"TTP_LOG_LEVEL="}, want: []string{`TTP_LOG_LEVEL: log.level = "": must be one of trace, debug, info, warn, error`}},
	{
		text: "[worker]\ncount = 0\n[queue]\nshards = 0", env: []string{"TTP_WORKER_LEASE=x"},
		want: []string{
			"ttp.toml:2: worker.count = 0: must be from 1 to 4096; write it as in 16",
			"ttp.toml:4: queue.shards = 0: must be from 1 to 1024; write it as in 16",
			`TTP_WORKER_LEASE: worker.lease = x: is not a duration; write a number with ms, s, m, h or d, as in "10s" or "1h30m"`,
		},
	},
}

func TestMistakesAreNamedWithTheirCure(t *testing.T) {
	for _, m := range mistakes {
		_, err := config.Parse("ttp.toml", []byte(m.text), m.env)
		if err == nil {
			t.Errorf("%q %q: accepted", m.text, m.env)
			continue
		}
		if got, want := err.Error(), strings.Join(m.want, "\n"); got != want {
			t.Errorf("%q %q:\ngot  %s\nwant %s", m.text, m.env, got, want)
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q %q shows a password: %v", m.text, m.env, err)
		}
	}
}

func TestReportIsBounded(t *testing.T) {
	text := strings.Repeat("[worker]\ncount = 0\n", 150)
	_, err := config.Parse("ttp.toml", []byte(text), nil)
	problems, ok := err.(config.Problems)
	if !ok || len(problems) != 101 || !strings.Contains(problems[100].Error(), "more problems follow; mend these first") {
		t.Errorf("got %d problems, the last %v", len(problems), problems[len(problems)-1])
	}
}

func TestLoadOfAMissingFileTellsHowToWriteOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ttp.toml")
	_, err := config.Load(path, nil)
	if want := path + ": cannot be read: no such file or directory; write one with: ttp check --example > " + path; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := os.WriteFile(path, []byte("[worker]\ncount = 3"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(path, nil)
	if err != nil || c.Worker.Count != 3 || c.File() != path {
		t.Errorf("got %+v, %v", c, err)
	}
}
