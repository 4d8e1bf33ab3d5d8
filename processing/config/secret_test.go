package config_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPasswordComesFromVariableFileOrURL(t *testing.T) {
	file := write(t, "pw", "from file\r\n")
	credentials := filepath.Dir(write(t, "redis_password", "from systemd\n"))
	for want, test := range map[string]struct {
		text string
		env  []string
	}{
		"":             {"", nil},
		"from url":     {"[redis]\nurl = \"redis://:from%20url@h\"", nil},
		"from file":    {"[redis]\npassword_file = \"" + file + "\"", nil},
		"from systemd": {"", []string{"CREDENTIALS_DIRECTORY=" + credentials}},
		"from env":     {"[redis]\npassword_file = \"" + file + "\"", []string{"TTP_REDIS_PASSWORD=from env"}},
	} {
		got, err := mustParse(t, test.text, test.env...).Redis.Password()
		if err != nil || got != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
	c := mustParse(t, "[postgres]\nurl = \"postgres://u:p%40@h/d\"")
	if got, err := c.Postgres.Password(); err != nil || got != "p@" {
		t.Errorf("postgres: got %q, %v; want p@", got, err)
	}
	c = mustParse(t, "[postgres]\nurl = \"postgres://u@h/d\"", "TTP_POSTGRES_PASSWORD=x")
	if got, err := c.Postgres.Password(); err != nil || got != "x" {
		t.Errorf("postgres: got %q, %v; want x", got, err)
	}
}

func TestFileOfThePasswordIsReadAgain(t *testing.T) {
	file := write(t, "pw", "one")
	c := mustParse(t, "[redis]\npassword_file = \""+file+"\"")
	for _, want := range []string{"two", "three"} {
		if err := os.WriteFile(file, []byte(want+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Redis.Password(); err != nil || got != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
	for text, want := range map[string]string{"": "is empty", strings.Repeat("x", 5000): "hardly a password"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Redis.Password(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestNothingPrintsASecret(t *testing.T) {
	c := mustParse(t, "[redis]\nurl = \"redis://u:hunter2@h\"\n[postgres]\nurl = \"postgres://u:hunter2@h/d\"\n[handler.a]\nkind = \"http\"\nurl = \"http://u:hunter2@h\"",
		"TTP_REDIS_PASSWORD=hunter2")
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprint(*c), fmt.Sprintf("%+v %#v", *c, *c), string(b)} {
		if strings.Contains(text, "hunter2") {
			t.Errorf("shows the password: %s", text)
		}
	}
}

func TestCheckFiles(t *testing.T) {
	dir := t.TempDir()
	c := mustParse(t, "[redis]\nurl = \"rediss://h\"\nca_file = \""+dir+"/none\"\npassword_file = \""+dir+"\"\n")
	got := c.CheckFiles().Error()
	want := "ttp.toml: redis.password_file = " + dir + ": cannot be read: is a directory; check the path, and that the user of ttp may read it\n" +
		"ttp.toml: redis.ca_file = " + dir + "/none: cannot be read: no such file or directory; check the path, and that the user of ttp may read it"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
