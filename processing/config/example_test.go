package config_test

import (
	"bytes"
	"flag"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/telhub/telhub/processing/config"
)

var update = flag.Bool("update", false, "write the example anew")

const exampleFile = "../examples/config.example.toml"

// The file that people copy is what the program knows.
func TestExampleFileIsUpToDate(t *testing.T) {
	var b bytes.Buffer
	if err := config.Example(&b); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(exampleFile, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, b.Bytes()) {
		t.Errorf("%s is not what config.Example writes; run go test ./processing/config -update", exampleFile)
	}
}

// As it is the example changes nothing, and all that it shows is accepted.
func TestExampleIsAccepted(t *testing.T) {
	var b bytes.Buffer
	if err := config.Example(&b); err != nil {
		t.Fatal(err)
	}
	same, err := config.Parse("", b.Bytes(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := config.Default(); !reflect.DeepEqual(same, want) {
		t.Errorf("got %+v, want the defaults", same)
	}
	open := regexp.MustCompile(`(?m)^#([^ \n])`).ReplaceAll(b.Bytes(), []byte("$1"))
	open = bytes.ReplaceAll(open, []byte(`endpoint = ""`), []byte(`endpoint = "http://127.0.0.1:4318"`)) // what service and ratio want
	c, err := config.Parse("", open, nil)
	if err != nil {
		t.Fatalf("%s\n%v", open, err)
	}
	if len(c.Handlers) != 2 || c.Handlers[0].URL == "" || len(c.Handlers[1].Command) != 2 {
		t.Errorf("handlers: %+v", c.Handlers)
	}
}

// The README's table of keys lacks none.
func TestReadmeNamesEveryKey(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := config.Example(&b); err != nil {
		t.Fatal(err)
	}
	section := ""
	for line := range strings.Lines(b.String()) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "#["):
			section = strings.Trim(line, "#[]")
		case strings.HasPrefix(line, "# ") || !strings.Contains(line, " = ") || strings.HasPrefix(section, "handler."):
		default:
			name, value, _ := strings.Cut(strings.TrimPrefix(line, "#"), " = ")
			if want := "| `" + section + "." + name + "` | `" + value + "` |"; !bytes.Contains(readme, []byte(want)) {
				t.Errorf("README.md has no row %s", want)
			}
		}
	}
}
