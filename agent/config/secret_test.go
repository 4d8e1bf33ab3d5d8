package config_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/drivers/catalog"
)

const password = "hunter2"

func writeSecret(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "redis_password")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// No way of printing a configuration shows its passwords.
func TestPrintingAConfigurationShowsNoPassword(t *testing.T) {
	c := mustParse(t, `redis.url = "redis://telhub:hunter2@redis.example.net/0"`, "TELEMETRY_REDIS_PASSWORD=hunter2")
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if s := fmt.Sprintf(format, c.Redis); strings.Contains(s, password) {
			t.Errorf("%s shows the password: %s", format, s)
		}
		if s := fmt.Sprintf(format, *c); strings.Contains(s, password) {
			t.Errorf("%s shows the password: %s", format, s)
		}
	}
	if b, err := json.Marshal(c.Redis); err != nil || strings.Contains(string(b), password) {
		t.Errorf("JSON shows the password: %s, %v", b, err)
	}
	if got, want := c.Redis.URL.String(), "redis://telhub:***@redis.example.net/0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestThePasswordComesFromTheClosestSource(t *testing.T) {
	file := writeSecret(t, "from-file\n")
	credentials := filepath.Dir(writeSecret(t, "from-systemd"))
	const inURL = `redis.url = "redis://:from%2Furl@127.0.0.1"` + "\n"
	named := fmt.Sprintf("redis.password_file = %q\n", file)
	for _, test := range []struct {
		name, text string
		env        []string
		want       string
	}{
		{"nowhere", "", nil, ""},
		{"url", inURL, nil, "from/url"},
		{"file", named, nil, "from-file"},
		{"credential", "", []string{"CREDENTIALS_DIRECTORY=" + credentials}, "from-systemd"},
		{"credential before url", inURL, []string{"CREDENTIALS_DIRECTORY=" + credentials}, "from-systemd"},
		{"file before credential", named, []string{"CREDENTIALS_DIRECTORY=" + credentials}, "from-file"},
		{"no such credential", inURL, []string{"CREDENTIALS_DIRECTORY=/nonexistent"}, "from/url"},
		{"variable before all", named, []string{"TELEMETRY_REDIS_PASSWORD=from-env", "CREDENTIALS_DIRECTORY=" + credentials}, "from-env"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := mustParse(t, test.text, test.env...)
			got, err := c.Redis.Password()
			if err != nil {
				t.Fatal(err)
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestAChangedPasswordFileIsSeen(t *testing.T) {
	file := writeSecret(t, "old\r\n")
	c := mustParse(t, fmt.Sprintf("redis.password_file = %q", file))
	if got, err := c.Redis.Password(); got != "old" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if err := os.WriteFile(file, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Redis.Password(); got != "new" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestAFileThatIsNoPasswordIsRefused(t *testing.T) {
	for name, text := range map[string]string{"empty": "\n", "long": strings.Repeat("x", 5000)} {
		c := mustParse(t, fmt.Sprintf("redis.password_file = %q", writeSecret(t, text)))
		if _, err := c.Redis.Password(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestCheckFilesNamesWhatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	c := mustParse(t, fmt.Sprintf("[redis]\nurl = \"rediss://a\"\npassword_file = %q\nca_file = %q\ncert_file = %q\nkey_file = %q\n",
		writeSecret(t, "x"), filepath.Join(dir, "none.pem"), dir, dir))
	ps := c.CheckFiles()
	if got, want := len(ps), 3; got != want {
		t.Fatalf("%d problems, want %d: %v", got, want, ps)
	}
	if got, want := ps[0].Error(), "test.toml: redis.ca_file = "+filepath.Join(dir, "none.pem")+
		": cannot be read: no such file or directory; check the path, and that the agent's user may read it"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, want := ps[1].Msg, "cannot be read: is a directory"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRedacted(t *testing.T) {
	for url, want := range map[string]string{
		"redis://h:6379/0":                   "redis://h:6379/0",
		"redis://u@h:6379/0":                 "redis://u@h:6379/0",
		"redis://u:p@h:6379/0":               "redis://u:***@h:6379/0",
		"redis://:p/a:@s@h/0":                "redis://:***@h/0",
		"unix://u:p@/run/redis.sock?db=1":    "unix://u:***@/run/redis.sock?db=1",
		"unix:///run/redis.sock":             "unix:///run/redis.sock",
		"redis+cluster://a:1,b:2":            "redis+cluster://a:1,b:2",
		"redis+cluster://a:1,b:secret/x":     "redis+cluster://a:1,b:***/x",
		"redis://u:secret":                   "redis://u:***",
		"redis://[::1]:6379/0":               "redis://[::1]:6379/0",
		"u:p@h":                              "u:***@h",
		"":                                   "",
		"redis+sentinel://u:p@a,b/?master=m": "redis+sentinel://u:***@a,b/?master=m",
	} {
		if got := config.Redacted(url); got != want {
			t.Errorf("%s: got %s, want %s", url, got, want)
		}
	}
}

const meterKey = "71f0e2d3c4b5a69788796a5b4c3d2e1f"

// meter is a sensor with a key; more are lines of its table.
func meter(more string) string {
	return "[[sensor]]\nname = \"meter\"\nuse = \"p1\"\nport = \"/dev/ttyUSB0\"\n" + more
}

func TestAMetersKeyIsNeverShown(t *testing.T) {
	c := mustParse(t, meter("key = \""+meterKey+"\"\nauth = \""+meterKey+"\"\n"))
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if s := fmt.Sprintf(format, *c); strings.Contains(s, meterKey) {
			t.Errorf("%s shows the key", format)
		}
	}
	if b, err := json.Marshal(c.Sensors[0].Options); err != nil || strings.Contains(string(b), meterKey) {
		t.Errorf("JSON shows the key: %s, %v", b, err)
	}
	for name, line := range map[string]string{
		"too short":    "key = \"" + meterKey[:30] + "\"",
		"no text":      "key = 71029988",
		"control":      "key = \"" + meterKey[:30] + "\\u0001\"",
		"not quoted":   "key = " + meterKey[:8],
		"both":         "key = \"" + meterKey + "\"\nkey_file = \"/etc/telhub/meter_key\"",
		"a wrong auth": "key_file = \"/etc/telhub/meter_key\"\nauth = \"" + meterKey[:30] + "\"",
		"several":      "key = [\"" + meterKey + "\"]",
	} {
		_, err := config.Parse("test.toml", []byte(meter(line)), nil)
		if err == nil {
			t.Errorf("%s: no error", name)
		} else if s := err.Error(); strings.Contains(s, meterKey[:8]) || strings.Contains(s, "71029988") {
			t.Errorf("%s: the message shows the key: %s", name, s)
		}
	}
}

// The key's file is looked at, but not read, before the agent starts.
func TestAMetersKeyComesFromItsFileOrFromSystemd(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "meter_key")
	if err := os.WriteFile(file, []byte(meterKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, lines, want string }{
		{"named", "key_file = \"/elsewhere/key\"", "/elsewhere/key"},
		{"credential", "", file},
		{"the key itself", "key = \"" + meterKey + "\"", ""},
	} {
		c := mustParse(t, meter(test.lines), "CREDENTIALS_DIRECTORY="+dir)
		if got, _ := c.Sensors[0].Options["key_file"].(string); got != test.want {
			t.Errorf("%s: key_file is %q, want %q", test.name, got, test.want)
		}
	}
	c := mustParse(t, meter("key_file = \"/nonexistent/key\""))
	ps := c.CheckFiles()
	if len(ps) != 1 || ps[0].Path != "sensor[meter].key_file" {
		t.Fatalf("problems %v, want one of sensor[meter].key_file", ps)
	}
	if _, err := catalog.OpenStream(c.Sensors[0].Spec()); err == nil || !strings.Contains(err.Error(), "key_file: open /nonexistent/key") {
		t.Errorf("opened: %v", err)
	}
	c = mustParse(t, meter("key_file = \""+file+"\""))
	if _, err := catalog.OpenStream(c.Sensors[0].Spec()); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(file, []byte("00"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := catalog.OpenStream(c.Sensors[0].Spec()); err == nil || !strings.Contains(err.Error(), "want the 32 hexadecimal digits") {
		t.Errorf("a short key: %v", err)
	}
}
