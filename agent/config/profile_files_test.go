package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/telhub/telhub/agent/config"
)

// write makes files below a new directory; names that end in / are directories.
func write(t *testing.T, files map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		parent := filepath.Dir(path)
		if strings.HasSuffix(name, "/") {
			parent = path
		}
		if err := os.MkdirAll(parent, 0o755); err != nil {
			t.Fatal(err)
		}
		if parent == path {
			continue
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// What is wrong in the files beside the configuration, with file, line, field
// and cure.
func TestBrokenProfilesBesideSayWhatIsWrong(t *testing.T) {
	dirs, err := filepath.Glob("testdata/beside/*")
	if err != nil || len(dirs) < 4 {
		t.Fatalf("%d directories, %v", len(dirs), err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			_, err := config.Load(filepath.Join(dir, "telhub.toml"), nil)
			var problems config.Problems
			if !errors.As(err, &problems) {
				t.Fatalf("got %v, want problems", err)
			}
			golden(t, filepath.Join(dir, "want.txt"), err.Error()+"\n")
		})
	}
}

const tank = `
# A tank's level.
[profile.tank]
kind = "i2c"
addr = 0x20
read = [{ bytes = 1 }]
[profile.tank.out.level]
at = 0
type = "u8"
unit = "%"
`

const main = `
[bus.i2c1]
path = "/dev/i2c-1"
[[sensor]]
name = "rain"
use = "tank"
bus = "i2c1"
`

func TestProfilesBesideTheConfigurationAreLoaded(t *testing.T) {
	dir := write(t, map[string]string{"telhub.toml": main, "telhub.d/tank.toml": tank,
		"telhub.d/README": "no TOML", "telhub.d/.hidden.toml": "nor this", "telhub.d/tank.toml.orig": "nor this", "telhub.d/deeper/": ""})
	cfg, err := config.Load(filepath.Join(dir, "telhub.toml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if p := cfg.Profiles["tank"]; p == nil || cfg.Sensors[0].Use != "tank" || cfg.Sensors[0].Addr != 0x20 {
		t.Errorf("profile %v, sensor %+v", p, cfg.Sensors[0])
	}
	if _, err := config.Parse(filepath.Join(dir, "telhub.toml"), []byte(main), nil); err == nil {
		t.Error("Parse read a directory")
	}
}

func TestWhatCannotBeReadIsAProblem(t *testing.T) {
	dir := write(t, map[string]string{"a/telhub.toml": "", "a/telhub.d/x.toml/": "", "b/telhub.toml": "", "b/telhub.d": "a file"})
	for _, tt := range []struct{ path, want string }{
		{"a/telhub.toml", "x.toml: cannot be read: is a directory; check its permissions, or remove it"},
		{"b/telhub.toml", "telhub.d: cannot be read: not a directory; check its permissions, or remove it"},
	} {
		if _, err := config.Load(filepath.Join(dir, tt.path), nil); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.path, err, tt.want)
		}
	}
	many := map[string]string{"telhub.toml": ""}
	for i := range 257 {
		many[fmt.Sprintf("telhub.d/%d.toml", i)] = ""
	}
	if _, err := config.Load(filepath.Join(write(t, many), "telhub.toml"), nil); err == nil || !strings.Contains(err.Error(), "more than 256 .toml files") {
		t.Errorf("257 files: %v", err)
	}
}

// LoadProfiles gives them as they stand in their files, and does not mind a
// configuration that is wrong elsewhere or missing.
func TestLoadProfiles(t *testing.T) {
	const second = `device = 3

# The pump, in three pieces.
[profile.pump]
kind = "i2c" # a comment
read = [
  # a comment
  { write = [
0x01
] },

  { bytes = 1 },
]

# Somebody else's.
[bus.i2c1]
path = "/dev/i2c-1"

[profile.pump.out.a_count]
at = 0
type = "u8"
`
	dir := write(t, map[string]string{"telhub.toml": second, "telhub.d/tank.toml": tank})
	got, err := config.LoadProfiles(filepath.Join(dir, "telhub.toml"))
	if err != nil || len(got) != 2 {
		t.Fatalf("%d profiles, %v", len(got), err)
	}
	if p := got["tank"]; p.Text != strings.TrimPrefix(tank, "\n") || filepath.Base(p.File) != "tank.toml" || p.Program.Addresses()[0] != 0x20 {
		t.Errorf("tank: %+v", p)
	}
	want := strings.Replace(second[strings.Index(second, "# The pump"):], "\n# Somebody else's.\n[bus.i2c1]\npath = \"/dev/i2c-1\"\n", "", 1)
	if p := got["pump"]; p.Text != want {
		t.Errorf("pump:\n%s\nwant\n%s", p.Text, want)
	}
	if got, err := config.LoadProfiles(filepath.Join(dir, "nothing.toml")); err != nil || len(got) != 1 {
		t.Errorf("without a configuration: %v, %v; want the one beside it", got, err)
	}
	broken := write(t, map[string]string{"telhub.toml": "[profile.x]\nkind = \"i2c\"\n"})
	if _, err := config.LoadProfiles(filepath.Join(broken, "telhub.toml")); err == nil || !strings.Contains(err.Error(), "profile.x.read: missing") {
		t.Errorf("a broken profile: %v", err)
	}
}
