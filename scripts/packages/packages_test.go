// Package packages_test holds the packages' scripts to what nobody may make of
// them; scripts/test-packages.sh does the rest.
package packages_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const nobody, telhub = 65534, 65533

// runs a script with other folders for /var and a user telhub of this number.
func runs(t *testing.T, root, file, command string) error {
	t.Helper()
	script, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	chown := "#!/bin/sh\nfor last; do :; done\nexec /bin/chown 65533:65533 \"$last\"\n"
	if err := os.WriteFile(filepath.Join(root, "chown"), []byte(chown), 0o755); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), "sh", "-ec", strings.ReplaceAll(string(script), "/var/", root+"/var/")+"\n"+command)
	c.Env = []string{"PATH=" + root + ":/usr/bin:/bin"}
	out, err := c.CombinedOutput()
	t.Logf("%s: %s", command, out)
	return err
}

// owner is that of a folder, with its mode.
func owner(t *testing.T, path string) (uid uint32, mode os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Uid, info.Mode().Perm()
}

// TestTheStoresFolderIsNobodysTrap: a user who was first in /var/lib, where
// /var is /tmp, gets no folder of their choice given to telhub.
func TestTheStoresFolderIsNobodysTrap(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("other users' folders need root, as make test has it")
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	tests := map[string]struct {
		lib  func(lib string) // makes /var/lib
		safe bool
	}{
		"nothing there":       {func(string) {}, true},
		"root's":              {func(lib string) { must(os.Mkdir(lib, 0o755)) }, true},
		"root's, with a link": {func(lib string) { must(os.Mkdir(lib, 0o755)); must(os.Symlink("../../etc", lib+"/telhub")) }, true},
		"somebody's": {func(lib string) {
			must(os.Mkdir(lib, 0o755))
			must(os.Symlink("../../etc", lib+"/telhub"))
			must(os.Chown(lib, nobody, nobody))
		}, false},
		"root's, for everybody": {func(lib string) {
			must(os.Mkdir(lib, 0o755))
			must(os.Symlink("../../etc", lib+"/telhub"))
			must(os.Chmod(lib, 0o1777|os.ModeSticky))
		}, false},
		"a link to somebody's": {func(lib string) {
			must(os.Mkdir(lib+"x", 0o755))
			must(os.Symlink("../../etc", lib+"x/telhub"))
			must(os.Chown(lib+"x", nobody, nobody))
			must(os.Symlink("libx", lib))
		}, false},
	}
	for name, tt := range tests {
		for file, command := range map[string]string{"files.sh": "own_store", "telhub.procd": "own_store"} {
			t.Run(name+" "+file, func(t *testing.T) {
				root := t.TempDir()
				must(os.Mkdir(filepath.Join(root, "etc"), 0o755))
				must(os.Mkdir(filepath.Join(root, "var"), 0o755))
				tt.lib(filepath.Join(root, "var", "lib"))
				err := runs(t, root, file, command)
				if (err == nil) != tt.safe {
					t.Errorf("got %v, want success: %v", err, tt.safe)
				}
				if uid, mode := owner(t, filepath.Join(root, "etc")); !tt.safe && (uid != 0 || mode != 0o755) {
					t.Errorf("/etc belongs to %d, mode %o", uid, mode)
				}
				if !tt.safe {
					return
				}
				if uid, mode := owner(t, filepath.Join(root, "var/lib/telhub")); uid != telhub || mode != 0o750 {
					t.Errorf("/var/lib/telhub belongs to %d, mode %o", uid, mode)
				}
			})
		}
	}
}
